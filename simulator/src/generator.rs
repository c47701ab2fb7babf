//! Traffic as a pure function: the same configuration, catalogue and seed give the same events.
//!
//! Visits run side by side over virtual time; the one that acts next makes the next event. Nobody's wall
//! clock is asked: who replays the events live maps the times.

mod day;
mod ids;
mod visit;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use rep_core::{ActionType, Timestamp, UserAction, UserId};

use crate::catalogue::Catalogue;
use crate::draws::{Draws, Seed};
use crate::population::{Population, USERS_DEFAULT};
use crate::scenario::{Focus, Scenario};
use ids::Ids;
use visit::{Step, Subject, Visit, World};

/// Bots of the bot attack.
pub const BOTS: u32 = 5;
/// Most visits that run side by side.
const VISITS_MAX: usize = 20_000;
/// Mean time between two actions of one visit, in virtual seconds; what the steps of
/// [`visit`] come to.
const PACE_SECONDS: f64 = 2.0;
/// Mean time from the end of one visit to the begin of the next in its place, in virtual milliseconds.
const GAP_MS: f64 = 1_500.0;
/// How much more often the most active shoppers come than others: 1 is evenly.
const ACTIVITY_EXPONENT: f64 = 1.6;
/// 2026-01-01 08:00 UTC: where virtual time begins if nothing else is said.
pub const START_DEFAULT: Timestamp = Timestamp::from_ms(1_767_254_400_000);

/// What traffic to make.
#[derive(Clone, Debug)]
pub struct GeneratorConfig {
    /// Regular shoppers, 1 to [`crate::USERS_MAX`].
    pub users: u32,
    /// Events per second that the traffic stands for: decides how many visits run side by side. It does not
    /// pace anything.
    pub rate: f64,
    /// The course of events.
    pub scenario: Scenario,
    /// Where virtual time begins.
    pub start: Timestamp,
    /// Tells the trace and session ids of two runs apart; changes nothing else.
    pub run: u64,
}

impl Default for GeneratorConfig {
    /// 20,000 shoppers, 100 events/s, a steady day from [`START_DEFAULT`] on.
    fn default() -> Self {
        Self { users: USERS_DEFAULT, rate: 100.0, scenario: Scenario::Steady, start: START_DEFAULT, run: 0 }
    }
}

/// An endless sequence of events; see the module.
///
/// - Times never go back. The actions of a shopper belong to one visit at a time.
/// - Every event is valid: [`UserAction::validate`] accepts it.
pub struct Generator {
    world: World,
    /// The visits that run; a place is used again.
    visits: Vec<Visit>,
    /// When which place acts next; the counter keeps equal times in order.
    agenda: BinaryHeap<Reverse<(i64, u64, usize)>>,
    /// Places without a visit, because the rate went down.
    idle: Vec<usize>,
    visits_wanted: usize,
    /// Who is in the shop, by number; newcomers behind the regulars.
    present: Vec<bool>,
    draws: Draws,
    ids: Ids,
    now_ms: i64,
    steps: u64,
    newcomers: u32,
}

impl Generator {
    /// Traffic of `config` in the shop of `catalogue`. The first call for a catalogue sorts it: a
    /// microsecond or two a product.
    pub fn new(config: GeneratorConfig, catalogue: Arc<Catalogue>, seed: u64) -> Self {
        let root = Seed::new(seed).named("traffic");
        let focus = Focus::of(root, &catalogue);
        let population = Population::new(seed, config.users);
        let mut generator = Self {
            world: World { catalogue, population, scenario: config.scenario, focus },
            visits: Vec::new(),
            agenda: BinaryHeap::new(),
            idle: Vec::new(),
            visits_wanted: 0,
            present: vec![false; 2 * population.len() as usize],
            draws: root.named("generator").draws(),
            ids: Ids::new(root.named("ids").child(config.run)),
            now_ms: config.start.as_ms(),
            steps: 0,
            newcomers: 0,
        };
        generator.set_rate(config.rate);
        generator
    }

    /// The shoppers whose traffic this is.
    pub fn population(&self) -> &Population {
        &self.world.population
    }

    /// Virtual time: that of the last event.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now_ms)
    }

    /// Visits begun so far.
    pub fn sessions(&self) -> u64 {
        self.ids.sessions()
    }

    /// Changes the course of events; visits that run go on to their end.
    pub fn set_scenario(&mut self, scenario: Scenario) {
        self.world.scenario = scenario;
    }

    /// Changes what rate the traffic stands for. More visits begin at once, fewer do as visits end.
    pub fn set_rate(&mut self, rate: f64) {
        let crowd = (self.world.population.len() as usize / 2).clamp(1, VISITS_MAX);
        self.visits_wanted = ((rate * PACE_SECONDS) as usize).clamp(1, crowd);
        while self.visits.len() - self.idle.len() < self.visits_wanted {
            // Spread over the first seconds, so that they do not act in step.
            let delay = self.draws.between(0.0, 2_000.0 * PACE_SECONDS) as i64;
            match self.idle.pop() {
                Some(place) => {
                    self.visits[place] = self.begin_visit(delay);
                    self.schedule(place, self.now_ms + delay);
                }
                None => {
                    let visit = self.begin_visit(delay);
                    self.visits.push(visit);
                    self.schedule(self.visits.len() - 1, self.now_ms + delay);
                }
            }
        }
    }

    /// The next `count` events.
    pub fn next_batch(&mut self, count: usize) -> Vec<UserAction> {
        (0..count).map(|_| self.next_event()).collect()
    }

    /// The next event.
    pub fn next_event(&mut self) -> UserAction {
        let bots = self.world.scenario.profile().bots;
        if bots > 0.0 && self.draws.happens(bots) {
            return self.bot_event();
        }
        loop {
            let Some(Reverse((at, _, place))) = self.agenda.pop() else {
                // Unreachable while `visits_wanted` is at least 1; begin anew rather than fail.
                let visit = self.begin_visit(0);
                self.visits.push(visit);
                self.schedule(self.visits.len() - 1, self.now_ms);
                continue;
            };
            self.now_ms = self.now_ms.max(at);
            match self.visits[place].next_step(&self.world, self.now_ms) {
                Some(step) => {
                    self.schedule(place, self.now_ms + i64::from(step.wait_ms));
                    return self.event(place, step);
                }
                None => self.end_visit(place),
            }
        }
    }

    fn event(&mut self, place: usize, step: Step) -> UserAction {
        let visit = &self.visits[place];
        let (product_id, search_query) = match step.subject {
            Subject::Product(index) => (Some(Catalogue::id(index)), None),
            Subject::Query(query) => (None, Some(query.text())),
        };
        UserAction {
            trace_id: self.ids.trace(),
            user_id: Population::id(visit.user),
            action_type: step.action,
            product_id,
            search_query,
            session_id: Some(visit.session.clone()),
            timestamp: Timestamp::from_ms(self.now_ms),
            metadata: metadata(visit.device),
        }
    }

    /// One action of a bot: a walk over the catalogue without taste or rest.
    fn bot_event(&mut self) -> UserAction {
        let bot = self.draws.below(BOTS as usize) as u32;
        let product = self.draws.below(self.world.catalogue.len() as usize) as u32;
        let action = if self.draws.happens(0.7) { ActionType::View } else { ActionType::Click };
        let mut metadata = metadata("desktop");
        metadata.insert("actor".to_owned(), "bot".to_owned());
        UserAction {
            trace_id: self.ids.trace(),
            user_id: bot_id(bot),
            action_type: action,
            product_id: Some(Catalogue::id(product)),
            search_query: None,
            session_id: Some(self.ids.bot_session(bot)),
            timestamp: Timestamp::from_ms(self.now_ms),
            metadata,
        }
    }

    fn begin_visit(&mut self, delay_ms: i64) -> Visit {
        let newcomers = self.world.scenario.profile().newcomers;
        let user = if self.draws.happens(newcomers) { self.newcomer() } else { self.regular() };
        self.present[user as usize] = true;
        let at = Timestamp::from_ms(self.now_ms + delay_ms);
        let (number, session) = self.ids.session();
        Visit::new(user, session, number, &self.world, at, &mut self.draws)
    }

    /// A newcomer has a number above the regulars'; after as many as there are regulars, they come again.
    fn newcomer(&mut self) -> u32 {
        let users = self.world.population.len();
        self.newcomers += 1;
        let user = users + (self.newcomers - 1) % users;
        if self.present[user as usize] { self.regular() } else { user }
    }

    /// A regular who is not present; some come more often than others.
    fn regular(&mut self) -> u32 {
        let users = self.world.population.len();
        let at = |place: f64| ((place * f64::from(users)) as u32).min(users - 1);
        // When most of the active ones are here already, others come: at most half of all are present, so
        // that a few even draws find one.
        for draw in 0..32 {
            let place = self.draws.unit();
            let user = at(if draw < 4 { place.powf(ACTIVITY_EXPONENT) } else { place });
            if !self.present[user as usize] {
                return user;
            }
        }
        (0..users).find(|user| !self.present[*user as usize]).unwrap_or(0)
    }

    fn end_visit(&mut self, place: usize) {
        let user = self.visits[place].user;
        self.present[user as usize] = false;
        if self.visits.len() - self.idle.len() > self.visits_wanted {
            self.idle.push(place);
            return;
        }
        let gap = self.draws.waiting(GAP_MS / day::traffic(self.now_ms));
        let delay = gap as i64;
        self.visits[place] = self.begin_visit(delay);
        self.schedule(place, self.now_ms + delay);
    }

    fn schedule(&mut self, place: usize, at_ms: i64) {
        self.steps += 1;
        self.agenda.push(Reverse((at_ms, self.steps, place)));
    }
}

impl Iterator for Generator {
    type Item = UserAction;

    fn next(&mut self) -> Option<UserAction> {
        Some(self.next_event())
    }
}

/// The id of bot `number` of the bot attack, from 0.
pub fn bot_id(number: u32) -> UserId {
    UserId::new(format!("bot-{}", number + 1))
        .unwrap_or_else(|_| unreachable!("letters and digits are an id"))
}

fn metadata(device: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("device".to_owned(), device.to_owned()), ("source".to_owned(), "simulator".to_owned())])
}
