//! Readers that are leaving their groups.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Counts what is being closed, so that a process that ends can wait for it: a group learns of a member that
/// did not leave only when its session is over.
#[derive(Default)]
pub(super) struct Closing {
    open: Mutex<usize>,
    one_less: Condvar,
}

impl Closing {
    /// Does `work` on a thread of its own.
    pub(super) fn begin(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) {
        *self.open.lock() += 1;
        let closing = Arc::clone(self);
        let counted = move || {
            work();
            *closing.open.lock() -= 1;
            closing.one_less.notify_all();
        };
        if let Err(error) = std::thread::Builder::new().name("rep-kafka-leave".to_owned()).spawn(counted) {
            // The work went with the closure, and what it held was dropped here.
            tracing::warn!(%error, "no thread to leave a group on");
            *self.open.lock() -= 1;
        }
    }

    /// Waits until nothing is being closed, for up to `bound`.
    pub(super) fn wait(&self, bound: Duration) {
        let deadline = Instant::now() + bound;
        let mut open = self.open.lock();
        while *open > 0 {
            if self.one_less.wait_until(&mut open, deadline).timed_out() {
                tracing::debug!(open = *open, "ended before every group was left");
                return;
            }
        }
    }
}
