//! Filling a micro-batch.

use std::time::Duration;

use rep_core::ports::log::{GroupReader, Polled, Record};
use tokio::time::Instant;

use crate::{ConsumeConfig, RoleContext, RoleError};

/// What was gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Records, in order within each partition.
    pub(super) records: Vec<Record>,
    /// Partitions to hand on after them.
    pub(super) revoking: Vec<u32>,
}

/// Waits up to `wait` for a first record, then up to the linger for more. Records that are dropped with this
/// future are lost to this member: only a role that stops may cancel it.
pub(super) async fn gather(
    reader: &mut dyn GroupReader,
    context: &RoleContext,
    config: &ConsumeConfig,
    wait: Duration,
) -> Result<Gathered, RoleError> {
    let mut gathered = Gathered::default();
    let mut filled_by: Option<Instant> = None;
    let mut retry = context.retry("poll");
    loop {
        let wait = filled_by.map_or(wait, |at| at.saturating_duration_since(Instant::now()));
        let room = config.records_max - gathered.records.len();
        match reader.poll(room, wait).await {
            Ok(Polled::Revoking(partitions)) => {
                gathered.revoking = partitions;
                return Ok(gathered);
            }
            Ok(Polled::Records(records)) => {
                let came = !records.is_empty();
                append(&mut gathered.records, records);
                let lingers_until = *filled_by.get_or_insert_with(|| Instant::now() + config.linger);
                if !came || gathered.records.len() >= config.records_max || Instant::now() >= lingers_until {
                    return Ok(gathered);
                }
            }
            // What is in hand is worked off first; the next poll meets the error again.
            Err(error) if error.is_retryable() && !gathered.records.is_empty() => {
                tracing::debug!(role = context.role(), %error, "poll failed with records in hand");
                return Ok(gathered);
            }
            Err(error) => {
                retry.after(error).await.map_err(|source| RoleError::Store { stage: "poll", source })?;
            }
        }
    }
}

fn append(all: &mut Vec<Record>, more: Vec<Record>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.extend(more);
    }
}
