//! The thread that works off what nobody waits for: at a low priority of the system, with a model of its own.
//!
//! A model runs one batch at a time. Were it shared, a batch at a low priority would hold up the urgent texts behind
//! it for as long as the machine is busy, and an ordinary user may lower a thread's priority but not raise it again.
//! So the backlog has its own copy, which is loaded when there is a backlog and leaves memory when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rep_core::ports::embedder::EmbedError;

use crate::queue::{Lane, Queue, Woken};
use crate::worker::{CloseAtEnd, Worker};
use crate::{LoadError, TextModel, metrics};

/// How much nicer than the rest of the process: with both wanting all of a core, a tenth of it is left to the backlog.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

const LANES: &[Lane] = &[Lane::Backlog];

/// Loads the model once more.
pub(crate) type Load = Box<dyn Fn() -> Result<TextModel, LoadError> + Send + Sync>;

/// One thread of the backlog.
pub(crate) struct BacklogWorker {
    pub(crate) load: Load,
    pub(crate) queue: Arc<Queue>,
    pub(crate) batch_tokens_max: usize,
    /// How long the model is kept while there is nothing to do.
    pub(crate) idle_max: Duration,
    /// Counts models in memory.
    pub(crate) models: Arc<AtomicUsize>,
}

impl BacklogWorker {
    /// Works until the queue is closed.
    pub(crate) fn run(self) {
        let _close = CloseAtEnd(Arc::clone(&self.queue));
        // First of all: threads that the runtime starts for this model inherit it.
        lower_priority();
        while self.queue.wait(LANES, None) == Woken::Work {
            // A thread of its own, which ends with the model: the allocator gives back what an ended thread held.
            std::thread::scope(|scope| {
                let name = std::thread::current().name().unwrap_or_default().to_owned();
                let episode = || self.work_off();
                if let Err(error) = std::thread::Builder::new().name(name).spawn_scoped(scope, episode) {
                    self.refuse(&LoadError::Thread(error));
                }
            });
        }
    }

    /// Loads the model and works until nothing came for a while.
    fn work_off(&self) {
        match (self.load)() {
            Ok(model) => {
                metrics::models_in_memory(self.models.fetch_add(1, Ordering::Relaxed) + 1);
                let budget = model.budget(self.batch_tokens_max);
                Worker::new(model, Arc::clone(&self.queue), LANES, budget).run(Some(self.idle_max));
                metrics::models_in_memory(self.models.fetch_sub(1, Ordering::Relaxed) - 1);
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(&self, error: &LoadError) {
        tracing::error!(%error, "the backlog's model cannot be loaded");
        self.queue.fail(Lane::Backlog, || EmbedError::Unavailable(error.to_string()));
    }
}

/// Lets everybody else go first, where the system knows priorities of threads.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux this concerns the calling thread alone, and those that it starts.
    if let Err(error) = rustix::process::nice(NICER) {
        metrics::priority_refused();
        tracing::warn!(%error, "the backlog is embedded at normal priority");
    }
}

/// Elsewhere a priority would be that of the whole process.
#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_this_thread_and_those_it_starts_are_nicer() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let (nicer, child) = std::thread::spawn(move || {
            lower_priority();
            (own(), std::thread::spawn(own).join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!((nicer, child), ((before + NICER).min(19), (before + NICER).min(19)));
        assert_eq!(own(), before);
    }
}
