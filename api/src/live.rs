//! One sampler of the system's state for however many who watch it, and what it was before they came.

mod history;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use self::history::History;
pub(crate) use self::history::LiveHistory;
use crate::problem::Problem;
use crate::status::{LiveStatus, StatusSource};

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// Longest wait for a sample.
const WAIT: Duration = Duration::from_secs(5);

/// A sample, written out once.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) status: LiveStatus,
    pub(crate) json: String,
    /// When it was begun to be taken.
    begun: Instant,
}

/// The sampler: each second while somebody watches, else as often as the history needs.
#[derive(Clone)]
pub(crate) struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    source: Arc<dyn StatusSource>,
    shutdown: CancellationToken,
    samples: watch::Sender<Option<Arc<Sample>>>,
    history: Mutex<History>,
    /// Whether the sampler runs. Held while somebody begins to watch and while the sampler decides to end,
    /// so that nobody watches a sampler that is gone; never across an await.
    running: Mutex<bool>,
    /// Held while a single question samples, so that others wait for its answer instead of asking.
    asking: tokio::sync::Mutex<()>,
}

impl Live {
    pub(crate) fn new(source: Arc<dyn StatusSource>, shutdown: CancellationToken) -> Self {
        let samples = watch::Sender::new(None);
        let (history, running) = (Mutex::default(), Mutex::new(false));
        let shared = Shared { source, shutdown, samples, history, running, asking: Default::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Samples from now on, one a second, the first at once.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<Sample>>> {
        let mut running = self.shared.running.lock();
        let mut samples = self.shared.samples.subscribe();
        if *running {
            samples.mark_changed();
        } else {
            *running = true;
            tokio::spawn(Arc::clone(&self.shared).run());
        }
        samples
    }

    /// The state of this moment: nothing in it is older than the question, so that a caller who has just acted sees what
    /// is still to come of it. Those who ask while a sample is taken share the next one.
    pub(crate) async fn now(&self) -> Result<Arc<Sample>, Problem> {
        let asked = Instant::now();
        let _asking = self.shared.asking.lock().await;
        let recent = self.shared.samples.borrow().clone();
        if let Some(sample) = recent
            && sample.begun >= asked
        {
            return Ok(sample);
        }
        let sample = self.shared.sample().await;
        sample.ok_or_else(|| Problem::unavailable("the state could not be measured in time"))
    }

    /// What was kept of the last minutes.
    pub(crate) fn history(&self) -> LiveHistory {
        self.shared.history.lock().all()
    }

    /// Samples for the history while nobody watches, until the shutdown. What is sampled for those who watch or ask is
    /// taken into it as well, so that this costs nothing then.
    pub(crate) async fn keep(&self) {
        let mut ticks = interval(history::EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.shared.shutdown.cancelled() => return,
            }
            let watched = *self.shared.running.lock();
            if !watched && self.shared.history.lock().is_due(Instant::now()) {
                // A sample that takes too long is logged, and leaves a gap.
                let _ = self.now().await;
            }
        }
    }
}

impl Shared {
    async fn sample(&self) -> Option<Arc<Sample>> {
        let begun = Instant::now();
        let status = match timeout(WAIT, self.source.snapshot()).await {
            Ok(status) => status,
            Err(_) => {
                tracing::warn!(wait_s = WAIT.as_secs(), "status took too long");
                return None;
            }
        };
        // Numbers and strings alone: NaN is written as null.
        let json = serde_json::to_string(&status).unwrap_or_default();
        self.history.lock().note(Instant::now(), &status);
        let sample = Arc::new(Sample { status, json, begun });
        self.samples.send_replace(Some(Arc::clone(&sample)));
        Some(sample)
    }

    async fn run(self: Arc<Self>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.shutdown.cancelled() => {}
            }
            let mut running = self.running.lock();
            if self.samples.receiver_count() == 0 || self.shutdown.is_cancelled() {
                *running = false;
                return;
            }
            drop(running);
            self.sample().await;
        }
    }
}
