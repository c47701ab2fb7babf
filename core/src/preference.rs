//! What a shopper likes: an average of what they acted on, by the time at which they did.

mod earlier;
mod pending;
mod recent;
mod share;
mod sums;

use std::collections::VecDeque;

pub use self::earlier::{Earlier, Remembered};
pub use self::pending::{PENDING_MAX, PendingAction, Settlement};
use self::pending::{defer, event_of, trace_of};
pub use self::recent::{Purchase, RecentAction, event_hash};
use self::recent::{purchase, remember};
pub use self::share::Share;
pub use self::sums::{MASS_BEFORE_SUMS, Split, Sums, TasteRules};
use crate::{ActionType, ModelId, Position, ProductId, Timestamp, UnitVector, UserAction, UserId};

/// Most recent actions kept beside a vector.
pub const RECENT_MAX: usize = 64;
/// Most purchases kept beside a vector.
pub const PURCHASED_MAX: usize = 256;

/// What is known of a shopper's taste.
///
/// A function of the set of actions that were folded in: the order in which they arrive changes the vector by no more
/// than rounding does, as long as no bound of this state was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Whose.
    pub user_id: UserId,
    /// The model of the vector; vectors of two models never mix.
    pub model: ModelId,
    /// When it took the place of another model; the beginning of time if it never did.
    pub model_since: Timestamp,
    /// The direction of taste; `None` until something was liked.
    pub vector: Option<UnitVector>,
    /// What the vector is the direction of.
    pub sums: Sums,
    /// Actions folded in.
    pub action_count: u64,
    /// Time of the latest action folded in.
    pub updated_at: Timestamp,
    /// The last record folded in: fences replays.
    pub position: Option<Position>,
    /// The latest actions on products, latest first, at most [`RECENT_MAX`].
    pub recent: VecDeque<RecentAction>,
    /// What was bought, latest first, at most [`PURCHASED_MAX`].
    pub purchased: VecDeque<Purchase>,
    /// Actions that count and have no share in the vector yet, latest first, at most [`PENDING_MAX`].
    pub pending: Vec<PendingAction>,
    /// Actions from before the model changed that have no share in the vector yet.
    pub earlier: Option<Earlier>,
}

/// What an action is about, as a vector.
#[derive(Clone, Copy, Debug)]
pub enum Embedding<'a> {
    /// The vector of the product, or of the query of a search.
    Known(&'a UnitVector),
    /// The product has none yet: the action waits for it. Was logged then.
    Awaited(Timestamp),
    /// None, and none is waited for: the action counts, but moves nothing.
    None,
}

impl<'a> From<Option<&'a UnitVector>> for Embedding<'a> {
    fn from(vector: Option<&'a UnitVector>) -> Self {
        vector.map_or(Self::None, Self::Known)
    }
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldOutcome {
    /// It changed the state.
    Applied,
    /// It counts, and waits for the vector of its product.
    Deferred {
        /// Actions that waited and were given up for it: more than [`PENDING_MAX`] do not fit. One that will be
        /// remembered with [`Earlier`] ones is none.
        dropped: usize,
    },
    /// It was already part of it; nothing changed.
    Replayed,
}

impl Preference {
    /// A shopper of whom nothing is known.
    pub fn new(user_id: UserId, model: ModelId) -> Self {
        Self {
            user_id,
            model,
            model_since: Timestamp::default(),
            vector: None,
            sums: Sums::default(),
            action_count: 0,
            updated_at: Timestamp::default(),
            position: None,
            recent: VecDeque::new(),
            purchased: VecDeque::new(),
            pending: Vec::new(),
            earlier: None,
        }
    }

    /// Folds `action`, read at `position`, into the state. Idempotent: a position at or before the last one changes
    /// nothing.
    ///
    /// The action's own time decides how much it weighs, not when it arrives; see [`Sums`].
    pub fn fold(
        &mut self,
        action: &UserAction,
        position: Position,
        embedding: Embedding<'_>,
        rules: TasteRules,
    ) -> FoldOutcome {
        if self.position.is_some_and(|fence| position.is_covered_by(fence)) {
            return FoldOutcome::Replayed;
        }
        self.position = Some(position);
        self.action_count += 1;
        self.updated_at = self.updated_at.max(action.timestamp);
        let (action_type, at) = (action.action_type, action.timestamp);
        if let Some(product_id) = &action.product_id {
            let event = event_hash(&action.trace_id);
            remember(
                &mut self.recent,
                RecentAction { product_id: product_id.clone(), action_type, at, event },
            );
            if action_type == ActionType::Purchase {
                purchase(&mut self.purchased, product_id, at);
            }
        }
        match (embedding, awaited_product(action)) {
            (Embedding::Known(vector), _) => {
                self.sums.add(&mut self.vector, vector, action_type.taste_weight(), at, rules);
                FoldOutcome::Applied
            }
            (Embedding::Awaited(logged_at), Some(product_id)) => {
                let (trace_id, product_id) = (action.trace_id.clone(), product_id.clone());
                let waits = PendingAction { trace_id, product_id, action_type, at, logged_at };
                if let Some(earlier) = self.earlier.as_mut().filter(|_| self.pending.len() >= PENDING_MAX) {
                    earlier.take_back(&mut self.pending);
                }
                FoldOutcome::Deferred { dropped: defer(&mut self.pending, waits) }
            }
            (Embedding::Awaited(_) | Embedding::None, _) => FoldOutcome::Applied,
        }
    }

    /// Settles what waits for `product_id`: each pending action on it goes, and adds its share where there is a
    /// vector now. Returns those that went; where there are none the state is as it was.
    pub fn settle(
        &mut self,
        product_id: &ProductId,
        settlement: Settlement<'_>,
        rules: TasteRules,
    ) -> Vec<PendingAction> {
        let is_settled = |waits: &PendingAction| {
            waits.product_id == *product_id
                && match settlement {
                    Settlement::Vector(_) => true,
                    Settlement::Unknown { logged_before } => waits.logged_at < logged_before,
                }
        };
        let settled: Vec<PendingAction> = self.pending.extract_if(.., |waits| is_settled(waits)).collect();
        if let Settlement::Vector(vector) = settlement {
            for waited in &settled {
                let weight = waited.action_type.taste_weight();
                self.sums.add(&mut self.vector, vector, weight, waited.at, rules);
            }
        }
        settled
    }

    /// Completes a state that was kept by a release before [`Sums`]: its vector weighs [`MASS_BEFORE_SUMS`], its latest
    /// actions are ordered by time, and its purchases, latest first, count as made at the latest action. Where there is
    /// no vector, none of its actions has moved one: they wait.
    pub fn complete(mut self, purchased: impl IntoIterator<Item = ProductId>) -> Self {
        let mass = if self.vector.is_some() { MASS_BEFORE_SUMS } else { 0.0 };
        self.sums = Sums { mass, at: self.updated_at, split: None };
        self.recent.make_contiguous().sort_by_key(|action| std::cmp::Reverse(action.order()));
        let dated = |(place, product_id)| {
            let at = self.updated_at.minus(std::time::Duration::from_millis(place));
            Purchase { product_id, at }
        };
        self.purchased = (0..).zip(purchased).map(dated).collect();
        if self.vector.is_none() {
            self.let_recent_wait(|_| true);
        }
        self
    }

    /// Takes `model` in the place of another one at `now`: the vectors of that say nothing here. Of the latest actions
    /// as many as fit wait for the vectors of the new model, if `recent_waits`; all others are [`Earlier`] ones from
    /// here on. Returns whether a vector was dropped.
    pub fn change_model(&mut self, model: &ModelId, now: Timestamp, recent_waits: bool) -> bool {
        let had_vector = self.vector.take().is_some();
        (self.model, self.model_since) = (model.clone(), now);
        self.sums = Sums::default();
        // Release 0.1 kept no event, and so nothing to tell the document by: documents alone tell those.
        self.pending.retain(|waits| event_of(&waits.trace_id) != 0);
        if recent_waits {
            self.let_recent_wait(|action| action.event != 0);
        }
        let waits: Vec<u64> = self.pending.iter().map(|waits| event_of(&waits.trace_id)).collect();
        // Also where all of them wait: one that gives way to newer ones is an earlier one then.
        self.earlier = self.position.map(|until| Earlier { until, waits });
        had_vector
    }

    /// Lets those of the latest actions for which `may` holds wait for the vectors of their products, but for those that
    /// wait already.
    fn let_recent_wait(&mut self, may: impl Fn(&RecentAction) -> bool) {
        for action in &self.recent {
            if self.pending.len() >= PENDING_MAX {
                break;
            }
            let waits = |waits: &PendingAction| {
                (waits.at, &waits.product_id) == (action.at, &action.product_id)
                    && event_of(&waits.trace_id) == action.event
            };
            let counts = action.action_type.taste_weight() != 0.0 && may(action);
            if !counts || self.pending.iter().any(waits) {
                continue;
            }
            let Some(trace_id) = trace_of(action.event) else { continue };
            let (product_id, action_type, at) = (action.product_id.clone(), action.action_type, action.at);
            self.pending.push(PendingAction { trace_id, product_id, action_type, at, logged_at: at });
        }
        self.pending.sort_by_key(|waits| std::cmp::Reverse((waits.at, event_hash(&waits.trace_id))));
    }

    /// Adds the share of [`Earlier`] actions, and lets those wait whose products have no vector yet. Returns whether it
    /// did: nothing changes where `remembered` is of others than stand here, where more would wait than may, or where
    /// any would and not `may_wait`.
    pub fn remember(&mut self, remembered: &Remembered, rules: TasteRules, may_wait: bool) -> bool {
        let Remembered { of, share, waiting } = remembered;
        let room = if may_wait { PENDING_MAX.saturating_sub(self.pending.len()) } else { 0 };
        if self.earlier.as_ref() != Some(of) || waiting.len() > room {
            return false;
        }
        self.earlier = None;
        self.sums.merge(&mut self.vector, share, rules);
        for waits in waiting {
            defer(&mut self.pending, waits.clone());
        }
        true
    }
}

/// The product whose vector counts for `action`.
pub fn awaited_product(action: &UserAction) -> Option<&ProductId> {
    let moves = action.action_type.taste_weight() != 0.0 && action.action_type != ActionType::Search;
    action.product_id.as_ref().filter(|_| moves)
}

#[cfg(test)]
mod tests;
