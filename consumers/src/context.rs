//! What every part of a role is handed: its name, its clock, its counts, its patience.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Timestamp};

use crate::retry::Retry;
use crate::{LiveStats, RetryConfig, Tally};

/// Shared by the parts of one role; cheap to clone.
#[derive(Clone)]
pub struct RoleContext {
    role: &'static str,
    clock: Arc<dyn Clock>,
    stats: Arc<LiveStats>,
    retry: RetryConfig,
    assigned: Arc<Mutex<BTreeSet<u32>>>,
}

impl RoleContext {
    /// A context of `role`, which is also the label of its metrics.
    pub fn new(role: &'static str, clock: Arc<dyn Clock>, stats: Arc<LiveStats>, retry: RetryConfig) -> Self {
        Self { role, clock, stats, retry, assigned: Arc::default() }
    }

    /// The role's name.
    pub fn role(&self) -> &'static str {
        self.role
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The role's counts.
    pub fn stats(&self) -> &Arc<LiveStats> {
        &self.stats
    }

    /// Whether this member reads `partition`, as far as is known.
    pub(crate) fn is_assigned(&self, partition: u32) -> bool {
        self.assigned.lock().contains(&partition)
    }

    /// These are the partitions that this member reads.
    pub(crate) fn note_assigned(&self, partitions: &[u32]) {
        let mut assigned = self.assigned.lock();
        if !assigned.iter().eq(partitions) {
            *assigned = partitions.iter().copied().collect();
        }
    }

    /// Patience for one call of `stage`.
    pub fn retry(&self, stage: &'static str) -> Retry {
        Retry::new(self.clone(), stage, self.retry)
    }

    /// Gives `call` at most one attempt's time; after that it counts as unavailable. What it did by then may
    /// stand.
    pub async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.retry.attempt_max, call).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!("no answer within {:?}", self.retry.attempt_max),
            )),
        }
    }

    /// Adds `tally` to the metrics. Zeros too: a series that nothing happened in yet reads 0, not absent.
    pub(crate) fn count(&self, tally: Tally) {
        let role = self.role;
        metrics::counter!("rep_consumer_indexed_total", "role" => role).increment(tally.indexed);
        metrics::counter!("rep_consumer_duplicates_total", "role" => role).increment(tally.duplicates);
        metrics::counter!("rep_consumer_notifications_total", "role" => role).increment(tally.notifications);
        metrics::counter!("rep_consumer_muted_total", "role" => role).increment(tally.muted);
        metrics::counter!("rep_consumer_skipped_total", "role" => role).increment(tally.skipped);
    }

    /// Records how long `stage` took since `begun`.
    pub(crate) fn observe(&self, stage: &'static str, begun: tokio::time::Instant) {
        self.observe_for(stage, begun.elapsed());
    }

    /// Records how long `stage` took.
    pub(crate) fn observe_for(&self, stage: &'static str, took: Duration) {
        metrics::histogram!("rep_consumer_stage_seconds", "role" => self.role, "stage" => stage).record(took);
    }
}
