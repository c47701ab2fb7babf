//! Documents on their way into the index: gathered, sent in bulks, each settled alone.

mod send;

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use rep_core::avro::Codec;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore};
use rep_core::ports::log::Record;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Position, TraceId, UserAction};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use self::send::{Report, Sender};
use super::BehaviourConfig;
use super::triage::Admitted;
use crate::{RoleContext, Verdicts};

/// How soon finished bulks are looked for while some are on their way.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A document that waits for its bulk.
struct Waiting {
    record: Record,
    action: UserAction,
}

/// Bounded by one micro-batch that waits and [`BehaviourConfig::bulks_in_flight`] bulks on their way.
///
/// Bulks run beside the stream, so that a slow index does not age the vectors; once all are on their way,
/// the stream waits. Dropping it drops them.
pub(super) struct Bulk {
    sender: Arc<Sender>,
    documents_max: usize,
    interval: Duration,
    in_flight_max: usize,
    waiting: Vec<Waiting>,
    waiting_since: Option<Instant>,
    on_their_way: JoinSet<Report>,
    /// Events that wait or are on their way: the index does not know them yet.
    pending: AHashMap<TraceId, Position>,
}

impl Bulk {
    pub(super) fn new(
        context: RoleContext,
        behaviour: Arc<dyn BehaviourStore>,
        codec: Codec,
        config: &BehaviourConfig,
    ) -> Self {
        Self {
            sender: Arc::new(Sender { context, behaviour, codec }),
            documents_max: config.bulk_documents,
            interval: config.bulk_interval,
            in_flight_max: config.bulks_in_flight,
            waiting: Vec::new(),
            waiting_since: None,
            on_their_way: JoinSet::new(),
            pending: AHashMap::new(),
        }
    }

    pub(super) fn pending(&self) -> &AHashMap<TraceId, Position> {
        &self.pending
    }

    /// Notes events that will be pushed later: they are known from now on.
    pub(super) fn expect(&mut self, held: &[Admitted<'_>]) {
        let known = held.iter().map(|a| (a.action.trace_id.clone(), a.record.position));
        self.pending.extend(known);
    }

    /// Takes back what was expected.
    pub(super) fn forget(&mut self, trace_id: &TraceId) {
        self.pending.remove(trace_id);
    }

    /// Takes the documents of a micro-batch; waits while too many bulks are on their way.
    pub(super) async fn push(
        &mut self,
        admitted: Vec<Admitted<'_>>,
        verdicts: &mut Verdicts,
    ) -> Result<(), StoreError> {
        if admitted.is_empty() {
            return Ok(());
        }
        self.waiting_since.get_or_insert_with(Instant::now);
        for Admitted { record, action } in admitted {
            self.pending.insert(action.trace_id.clone(), record.position);
            self.waiting.push(Waiting { record: record.clone(), action });
        }
        while self.waiting.len() >= self.documents_max {
            self.send(verdicts).await?;
        }
        Ok(())
    }

    /// When [`Self::tick`] is wanted.
    pub(super) fn due(&self) -> Option<Instant> {
        let send_at = self.waiting_since.map(|since| since + self.interval);
        let look_at = (!self.on_their_way.is_empty()).then(|| Instant::now() + LOOK_AGAIN);
        [send_at, look_at].into_iter().flatten().min()
    }

    /// Reports bulks that are finished; sends what has waited its time.
    pub(super) async fn tick(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while let Some(finished) = self.on_their_way.try_join_next() {
            self.settle(finished, verdicts)?;
        }
        if self.waiting_since.is_some_and(|since| since.elapsed() >= self.interval) {
            self.send(verdicts).await?;
        }
        Ok(())
    }

    /// Sends everything and waits until it is settled. Safe to cancel.
    pub(super) async fn flush(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while !self.waiting.is_empty() {
            self.send(verdicts).await?;
        }
        while let Some(finished) = self.on_their_way.join_next().await {
            self.settle(finished, verdicts)?;
        }
        Ok(())
    }

    /// Drops what waits of these partitions. What is on its way arrives; indexing is idempotent.
    pub(super) fn revoked(&mut self, partitions: &[u32]) {
        let kept = |position: &Position| !partitions.contains(&position.partition);
        self.waiting.retain(|waiting| kept(&waiting.record.position));
        self.pending.retain(|_, position| kept(position));
        if self.waiting.is_empty() {
            self.waiting_since = None;
        }
    }

    /// Sends one bulk, once there is room for it on the way.
    async fn send(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while self.on_their_way.len() >= self.in_flight_max {
            if let Some(finished) = self.on_their_way.join_next().await {
                self.settle(finished, verdicts)?;
            }
        }
        let rest = self.waiting.split_off(self.waiting.len().min(self.documents_max));
        let (records, documents) =
            std::mem::replace(&mut self.waiting, rest).into_iter().map(Waiting::split).unzip();
        if self.waiting.is_empty() {
            self.waiting_since = None;
        }
        let sender = Arc::clone(&self.sender);
        self.on_their_way.spawn(async move { sender.send(records, documents).await });
        Ok(())
    }

    fn settle(
        &mut self,
        finished: Result<Report, JoinError>,
        verdicts: &mut Verdicts,
    ) -> Result<(), StoreError> {
        // Panics of the store are caught further in; one out here is ours, and nobody knows its records.
        let report = finished.map_err(|error| StoreError::new(StoreErrorKind::Invalid, error))?;
        for (trace_id, position) in report.settled {
            // Only if it is this record's entry: another epoch may have taken the id since.
            if self.pending.get(&trace_id) == Some(&position) {
                self.pending.remove(&trace_id);
            }
        }
        verdicts.done.extend(report.done);
        verdicts.rejected.extend(report.rejected);
        verdicts.tally.indexed += report.indexed;
        verdicts.tally.duplicates += report.duplicates;
        Ok(())
    }
}

impl Waiting {
    fn split(self) -> (Record, BehaviourDocument) {
        let Self { record, action } = self;
        let (position, appended_at) = (record.position, record.appended_at);
        (record, BehaviourDocument { action, position, appended_at })
    }
}
