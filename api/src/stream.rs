//! Streams out: bounded in number, in what waits for a reader, and in how long it waits.
//!
//! Each stream is a task that holds a [`Slot`] and writes into a bounded queue, from which the response
//! reads. A reader that lets its queue stay full is dropped and counted; it resumes by its last event.

mod deadline;
mod feed;
mod slots;
pub(crate) mod sse;
pub(crate) mod ws;

use std::time::Duration;

use rep_core::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};

pub use deadline::{DeadlineIo, DeadlineListener};
pub(crate) use feed::{Inbox, Told};
pub(crate) use slots::{Slot, Slots};

use crate::state::ApiState;

/// The reader is gone, or was dropped.
#[derive(Debug)]
pub(crate) struct Ended;

/// Where a stream's task writes.
pub(crate) struct Outlet<M> {
    queue: mpsc::Sender<M>,
    wait: Duration,
    kind: &'static str,
}

impl<M> Outlet<M> {
    /// Queues `message`; a queue that stays full ends the stream.
    pub(crate) async fn send(&self, message: M) -> Result<(), Ended> {
        let message = match self.queue.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(Ended),
            Err(TrySendError::Full(message)) => message,
        };
        match self.queue.send_timeout(message, self.wait).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(Ended),
            Err(SendTimeoutError::Timeout(_)) => {
                dropped(self.kind, "slow");
                Err(Ended)
            }
        }
    }
}

/// Counts a stream that was ended by us.
pub(crate) fn dropped(kind: &'static str, reason: &'static str) {
    metrics::counter!("rep_stream_dropped_total", "stream" => kind, "reason" => reason).increment(1);
}

/// Runs `work` until it ends, the reader goes, the caller's right ends, or the API shuts down.
pub(crate) fn spawn<M, W>(
    state: &ApiState,
    slot: Slot,
    until: Option<Timestamp>,
    work: impl FnOnce(Outlet<M>) -> W,
) -> mpsc::Receiver<M>
where
    M: Send + 'static,
    W: Future<Output = Result<(), Ended>> + Send + 'static,
{
    let limits = state.config.streams;
    let (queue, messages) = mpsc::channel(limits.queue_max.max(1));
    let reader = queue.clone();
    let work = work(Outlet { queue, wait: limits.write_wait, kind: slot.kind() });
    let shutdown = state.shutdown.clone();
    let right = until.map(|until| until.since(state.clock.now()));
    tokio::spawn(async move {
        let expired = async {
            match right {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = work => {}
            () = reader.closed() => {}
            () = shutdown.cancelled() => {}
            () = expired => dropped(slot.kind(), "expired"),
        }
        drop(slot);
    });
    messages
}
