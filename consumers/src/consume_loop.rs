//! The loop around every role: poll, handle, park, commit after effect, hand on, drain.

mod drive;
mod gather;
mod lag;

use std::future::Future;
use std::sync::Arc;

use rep_core::Topic;
use rep_core::avro::Codec;
use rep_core::ports::log::EventLog;
use tokio_util::sync::CancellationToken;

use self::drive::Drive;
use crate::dead_letters::DeadLetters;
use crate::{ConsumeConfig, Handler, RoleContext, RoleError, RoleStats};

/// What a role reads.
#[derive(Clone)]
pub struct Source {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Encodes dead letters; learns by what schemas other programs wrote what is read.
    pub codec: Codec,
    /// The topic.
    pub topic: Topic,
    /// The group that reads it.
    pub group: &'static str,
}

/// One member of a group at work.
///
/// - Records go to the handler in order within each partition, one batch at a time.
/// - An offset is committed once the effects of all records before it stand, or they are parked durably: at
///   the commit interval, when idle, before a partition is handed on, and at the end.
/// - While a store is away nothing is polled and nothing is committed; memory stays within one batch and
///   what the handler defers.
pub struct ConsumeLoop<H> {
    context: RoleContext,
    source: Source,
    config: ConsumeConfig,
    handler: H,
}

impl<H: Handler> ConsumeLoop<H> {
    /// A loop that is not running yet.
    pub fn new(context: RoleContext, source: Source, config: ConsumeConfig, handler: H) -> Self {
        Self { context, source, config, handler }
    }

    /// Runs until `shutdown`, then stops polling, flushes, commits and leaves, within the drain bound.
    ///
    /// Dropping the future is a crash: what was not committed is delivered again.
    pub async fn run(self, shutdown: CancellationToken) -> Result<RoleStats, RoleError> {
        self.config.validate()?;
        let Self { context, source, config, handler } = self;
        let dead_letters = DeadLetters {
            log: Arc::clone(&source.log),
            codec: source.codec.clone(),
            context: context.clone(),
            topic: source.topic,
            group: source.group,
        };
        let mut drive = Drive::new(context.clone(), config, handler, dead_letters);
        tokio::select! {
            biased;
            ended = drive.run(&source, &shutdown) => ended?,
            () = overdue(&shutdown, config.drain_max) => {
                return Err(RoleError::NotDrained { in_flight: drive.in_flight() });
            }
        }
        Ok(context.stats().snapshot())
    }
}

/// Ends `bound` after `shutdown`.
async fn overdue(shutdown: &CancellationToken, bound: std::time::Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(bound).await;
}

/// Gives the result of `call`, or `None` once `shutdown` is asked for.
async fn unless_stopped<T>(shutdown: &CancellationToken, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        result = call => Some(result),
    }
}
