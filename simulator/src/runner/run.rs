//! One run: makes what is due, sends it, and winds down when told.

use std::sync::Arc;
use std::time::Duration;

use rep_core::UserAction;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::absent::Absent;
use super::lanes::{Lanes, Sent};
use super::pacer::Pacer;
use super::settings::{RATE_MAX, Settings};
use super::{Shared, changes};
use crate::generator::{Generator, GeneratorConfig, START_DEFAULT};
use crate::scenario::Scenario;

/// Events made between two looks at the runtime: some 300 µs of work.
const CHUNK: usize = 100;
/// Events drawn for one that the shop can serve, before it is given up: at one product in ten, all but one in
/// thirty thousand are found.
const DRAWS_MAX: usize = 100;
/// How much later than due an event becomes durable without being late.
const LATE_AFTER: Duration = Duration::from_secs(1);

/// A run's tasks.
pub(super) struct Run {
    stop: CancellationToken,
    traffic: JoinHandle<()>,
    changes: JoinHandle<()>,
}

impl Run {
    /// Begins a run of `settings` that leaves out what is `absent`.
    pub(super) async fn start(shared: Arc<Shared>, settings: Settings, absent: Absent) -> Self {
        let now = shared.parts.clock.now();
        let config = GeneratorConfig {
            users: settings.users,
            rate: settings.rate,
            scenario: settings.scenario,
            start: START_DEFAULT,
            // Two runs of one seed take the same course, but a repeated trace id would have no effect.
            run: now.as_ms() as u64,
        };
        let catalogue = Arc::clone(&shared.parts.catalogue);
        // The first run sorts the catalogue, which may take a second for a million products.
        let made =
            tokio::task::spawn_blocking(move || Generator::new(config, catalogue, settings.seed)).await;
        shared.settings.send_replace(settings);
        shared.ledger.lock().begin(now, settings.rate);
        tracing::info!(?settings, "simulator starts");
        let stop = shared.alive.child_token();
        let changes =
            tokio::spawn(changes::make(Arc::clone(&shared), settings, absent.clone(), stop.clone()));
        let traffic = match made {
            Ok(generator) => {
                let run = Traffic::new(Arc::clone(&shared), settings, generator, absent);
                tokio::spawn(run.drive(stop.clone()))
            }
            Err(error) => {
                tracing::error!(%error, "traffic could not be made");
                stop.cancel();
                shared.ledger.lock().end();
                tokio::spawn(async {})
            }
        };
        Self { stop, traffic, changes }
    }

    pub(super) fn is_running(&self) -> bool {
        !self.traffic.is_finished()
    }

    /// Winds the run down and waits for it.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        for task in [self.traffic, self.changes] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the simulator failed");
            }
        }
    }
}

/// Marks the run as ended whichever way its task goes.
struct EndMark(Arc<Shared>);

impl Drop for EndMark {
    fn drop(&mut self) {
        self.0.ledger.lock().end();
    }
}

struct Traffic {
    shared: Arc<Shared>,
    generator: Generator,
    lanes: Lanes,
    pacer: Pacer,
    settings: Settings,
    absent: Absent,
    /// When the present scenario began.
    scenario_began: Instant,
    /// The reason of the last failed append, so that a log that is away is told once.
    ailment: Option<String>,
}

impl Traffic {
    fn new(shared: Arc<Shared>, settings: Settings, generator: Generator, absent: Absent) -> Self {
        let config = &shared.config;
        let lanes = Lanes::new(&shared.parts, config);
        let pacer = Pacer::new(settings.rate, config.backlog_max);
        Self {
            shared,
            generator,
            lanes,
            pacer,
            settings,
            absent,
            scenario_began: Instant::now(),
            ailment: None,
        }
    }

    async fn drive(mut self, stop: CancellationToken) {
        let _end = EndMark(Arc::clone(&self.shared));
        let period = self.shared.config.tick.clamp(Duration::from_millis(1), Duration::from_millis(100));
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(sent) = self.lanes.sent() => self.settle(&sent),
                _ = ticks.tick() => {
                    let told = *self.shared.settings.borrow();
                    if told != self.settings {
                        self.adopt(told);
                    }
                    let now = Instant::now();
                    self.keep_schedule(now - last, &stop).await;
                    last = now;
                }
            }
        }
        self.drain().await;
        tracing::info!(virtual_time = %self.generator.now(), "simulator stopped");
    }

    /// Takes over settings that were changed while running.
    fn adopt(&mut self, settings: Settings) {
        if settings.scenario != self.settings.scenario {
            self.generator.set_scenario(settings.scenario);
            self.scenario_began = Instant::now();
        }
        if settings.rate.to_bits() != self.settings.rate.to_bits() {
            self.generator.set_rate(settings.rate);
        }
        self.settings = settings;
    }

    /// Makes and sends what became due in `passed`.
    async fn keep_schedule(&mut self, passed: Duration, stop: &CancellationToken) {
        let target = target_rate(self.settings.rate, self.settings.scenario, self.scenario_began.elapsed());
        self.pacer.set_rate(target);
        let missed = self.pacer.advance(passed);
        while self.pacer.due() > 0 && self.lanes.room() > 0 && !stop.is_cancelled() {
            let count = self.pacer.due().min(self.lanes.room()).min(CHUNK);
            self.make(count);
            self.send();
            tokio::task::yield_now().await;
        }
        self.send();
        let mut ledger = self.shared.ledger.lock();
        if missed > 0 {
            ledger.missed(missed);
        }
        ledger.progress(target, self.generator.sessions(), self.generator.now());
    }

    fn make(&mut self, count: usize) {
        let now = self.shared.parts.clock.now();
        let due = Instant::now().checked_sub(self.pacer.delay()).unwrap_or_else(Instant::now);
        for _ in 0..count {
            let Some(mut event) = self.next_event() else {
                self.shared.ledger.lock().given_up(1);
                continue;
            };
            event.timestamp = now;
            if let Err(error) = self.lanes.push(&event, due) {
                tracing::error!(%error, "a simulated event does not fit its schema");
                self.shared.ledger.lock().given_up(1);
            }
        }
        self.pacer.take(count);
    }

    /// The next event about nothing that is absent.
    fn next_event(&mut self) -> Option<UserAction> {
        let absent = Arc::clone(&self.absent);
        let is_served =
            |event: &UserAction| event.product_id.as_ref().is_none_or(|product| !absent.contains(product));
        (0..DRAWS_MAX).map(|_| self.generator.next_event()).find(is_served)
    }

    fn send(&mut self) {
        let began = self.lanes.send();
        if began > 0 {
            let mut ledger = self.shared.ledger.lock();
            (0..began).for_each(|_| ledger.sending());
        }
    }

    /// Counts an append that ended.
    fn settle(&mut self, sent: &Sent) {
        let is_late = sent.due.elapsed() > LATE_AFTER;
        self.shared.ledger.lock().sent(&sent.tally, sent.outcome.is_ok(), is_late, sent.took);
        match (&sent.outcome, &self.ailment) {
            (Ok(()), Some(_)) => {
                tracing::info!("the log takes simulated events again");
                self.ailment = None;
            }
            (Err(reason), before) if before.as_ref() != Some(reason) => {
                tracing::warn!(reason, "the log does not take simulated events");
                self.ailment = Some(reason.clone());
            }
            _ => {}
        }
    }

    /// Sends what was made and waits for the log, up to the longest drain.
    async fn drain(&mut self) {
        let drained = tokio::time::timeout(self.shared.config.drain_max, async {
            loop {
                self.send();
                match self.lanes.sent().await {
                    Some(sent) => self.settle(&sent),
                    None => break,
                }
            }
        })
        .await;
        let left = self.lanes.unsettled();
        if drained.is_err() || left > 0 {
            tracing::warn!(left, "the simulator stopped before the log had taken everything");
            self.shared.ledger.lock().given_up(left as u64);
        }
    }
}

/// Events per second that are due, `elapsed` after the scenario began.
pub(super) fn target_rate(rate: f64, scenario: Scenario, elapsed: Duration) -> f64 {
    (rate * scenario.surge(elapsed)).min(RATE_MAX)
}
