//! Documents on their way into the index: gathered, sent in bulks, each settled alone.
//!
//! Partitions share a few lanes, whose bulks go one after the other: what a shopper did last is taken last.

mod send;

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use rep_core::avro::Codec;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore};
use rep_core::ports::log::Record;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{EventKey, Position, UserAction};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

use self::send::{Report, Sender};
use super::BehaviourConfig;
use super::triage::Admitted;
use crate::spans::Work;
use crate::{RoleContext, Verdicts};

/// How soon finished bulks are looked for while some are on their way.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Lanes of documents, a bulk at a time in each: the partitions of `user.action.v1` spread over them evenly.
pub const LANES: usize = 4;

/// A document that waits for its bulk.
struct Waiting {
    record: Record,
    action: UserAction,
}

/// Documents that go in order.
#[derive(Default)]
struct Lane {
    waiting: Vec<Waiting>,
    waiting_since: Option<Instant>,
    /// Ends when the bulk before is settled.
    before: Option<oneshot::Receiver<()>>,
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
    lanes: [Lane; LANES],
    on_their_way: JoinSet<Report>,
    /// Events that wait or are on their way: the index does not know them yet.
    pending: AHashMap<EventKey, Position>,
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
            lanes: Default::default(),
            on_their_way: JoinSet::new(),
            pending: AHashMap::new(),
        }
    }

    pub(super) fn pending(&self) -> &AHashMap<EventKey, Position> {
        &self.pending
    }

    /// Notes events that will be pushed later: they are known from now on.
    pub(super) fn expect(&mut self, held: &[Admitted<'_>]) {
        let known = held.iter().map(|a| (a.action.event_id().key(), a.record.position));
        self.pending.extend(known);
    }

    /// Takes back what was expected.
    pub(super) fn forget(&mut self, event: EventKey) {
        self.pending.remove(&event);
    }

    /// Takes the documents of a micro-batch; waits while too many bulks are on their way.
    pub(super) async fn push(
        &mut self,
        admitted: Vec<Admitted<'_>>,
        verdicts: &mut Verdicts,
    ) -> Result<(), StoreError> {
        for Admitted { record, action } in admitted {
            self.pending.insert(action.event_id().key(), record.position);
            let lane = &mut self.lanes[lane_of(record.position)];
            lane.waiting_since.get_or_insert_with(Instant::now);
            lane.waiting.push(Waiting { record: record.clone(), action });
        }
        for lane in 0..LANES {
            while self.lanes[lane].waiting.len() >= self.documents_max {
                self.send(lane, verdicts).await?;
            }
        }
        Ok(())
    }

    /// When [`Self::tick`] is wanted.
    pub(super) fn due(&self) -> Option<Instant> {
        let send_at = self.lanes.iter().filter_map(|lane| Some(lane.waiting_since? + self.interval));
        let look_at = (!self.on_their_way.is_empty()).then(|| Instant::now() + LOOK_AGAIN);
        send_at.chain(look_at).min()
    }

    /// Reports bulks that are finished; sends what has waited its time.
    pub(super) async fn tick(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while let Some(finished) = self.on_their_way.try_join_next() {
            self.settle(finished, verdicts)?;
        }
        for lane in 0..LANES {
            if self.lanes[lane].waiting_since.is_some_and(|since| since.elapsed() >= self.interval) {
                self.send(lane, verdicts).await?;
            }
        }
        Ok(())
    }

    /// Sends everything and waits until it is settled. Safe to cancel.
    pub(super) async fn flush(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        for lane in 0..LANES {
            while !self.lanes[lane].waiting.is_empty() {
                self.send(lane, verdicts).await?;
            }
        }
        while let Some(finished) = self.on_their_way.join_next().await {
            self.settle(finished, verdicts)?;
        }
        Ok(())
    }

    /// Drops what waits of these partitions. What is on its way arrives; indexing is idempotent.
    pub(super) fn revoked(&mut self, partitions: &[u32]) {
        let kept = |position: &Position| !partitions.contains(&position.partition);
        for lane in &mut self.lanes {
            lane.waiting.retain(|waiting| kept(&waiting.record.position));
            if lane.waiting.is_empty() {
                lane.waiting_since = None;
            }
        }
        self.pending.retain(|_, position| kept(position));
    }

    /// Sends one bulk of a lane, once there is room for it on the way.
    async fn send(&mut self, lane: usize, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while self.on_their_way.len() >= self.in_flight_max {
            if let Some(finished) = self.on_their_way.join_next().await {
                self.settle(finished, verdicts)?;
            }
        }
        let lane = &mut self.lanes[lane];
        let rest = lane.waiting.split_off(lane.waiting.len().min(self.documents_max));
        let (records, documents): (Vec<Record>, Vec<BehaviourDocument>) =
            std::mem::replace(&mut lane.waiting, rest).into_iter().map(Waiting::split).unzip();
        if lane.waiting.is_empty() {
            lane.waiting_since = None;
        }
        let sender = Arc::clone(&self.sender);
        let (settled, after) = oneshot::channel();
        let before = lane.before.replace(after);
        self.on_their_way.spawn(async move {
            if let Some(before) = before {
                // An error says that it is gone, which is as good.
                let _ = before.await;
            }
            let work = Work::on(&records, sender.context.role(), "index");
            let report = Arc::clone(&sender).send(records, documents).instrument(work.span()).await;
            drop(settled);
            report
        });
        Ok(())
    }

    fn settle(
        &mut self,
        finished: Result<Report, JoinError>,
        verdicts: &mut Verdicts,
    ) -> Result<(), StoreError> {
        // Panics of the store are caught further in; one out here is ours, and nobody knows its records.
        let report = finished.map_err(|error| StoreError::new(StoreErrorKind::Invalid, error))?;
        for (event, position) in report.settled {
            // Only if it is this record's entry: another epoch may have taken the id since.
            if self.pending.get(&event) == Some(&position) {
                self.pending.remove(&event);
            }
        }
        verdicts.done.extend(report.done);
        verdicts.rejected.extend(report.rejected);
        verdicts.tally.indexed += report.indexed;
        verdicts.tally.duplicates += report.duplicates;
        Ok(())
    }
}

fn lane_of(position: Position) -> usize {
    position.partition as usize % LANES
}

impl Waiting {
    fn split(self) -> (Record, BehaviourDocument) {
        let Self { record, action } = self;
        let (position, appended_at) = (record.position, record.appended_at);
        (record, BehaviourDocument { action, position, appended_at })
    }
}
