//! What a member of a group has, as its rebalances say it.
//!
//! The client library tells of a rebalance inside a poll. What is assigned is taken at once. What is revoked is
//! only noted: the poll hands it out as [`rep_core::ports::log::Polled::Revoking`], and the library is answered
//! when it is released. So a drain never waits inside a callback, where it would wait for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rep_core::ports::StoreError;

use super::context::{tell, tell_error};
use super::error::invalid;
use super::refusals::Refusals;

/// The consumer of a member.
pub(super) type Consumer = BaseConsumer<Rebalances>;

/// What one member has; shared with its rebalances and its commits.
#[derive(Default)]
pub(super) struct Membership {
    state: Mutex<State>,
    /// Events that were no records: a poll that met one has not seen the end of its queue.
    events: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Partitions whose records are delivered, and the offset after the last delivered.
    owned: BTreeMap<u32, Option<u64>>,
    /// Partitions to be handed on, and the offset after the last delivered.
    leaving: BTreeMap<u32, Option<u64>>,
    /// Those of them that are not released yet.
    unreleased: BTreeSet<u32>,
    /// Those of them that were taken away unasked: others may have them by now.
    lost: BTreeSet<u32>,
    /// Those of them that no poll told of yet.
    unannounced: Vec<u32>,
    /// Partitions came, or began again, since the epoch was looked up.
    new: bool,
    /// Nobody will release anything any more.
    closing: bool,
}

impl Membership {
    /// Partitions to be handed out as revoking; each once.
    pub(super) fn announce(&self) -> Vec<u32> {
        std::mem::take(&mut self.state.lock().unannounced)
    }

    /// Whether the epoch must be looked up before more is delivered: partitions came, or one began again.
    pub(super) fn is_new(&self) -> bool {
        self.state.lock().new
    }

    /// The epoch is looked up after what came so far.
    pub(super) fn note_looked_up(&self) {
        self.state.lock().new = false;
    }

    /// Whether something is to be seen to before more is delivered.
    pub(super) fn has_news(&self) -> bool {
        let state = self.state.lock();
        state.new || !state.unannounced.is_empty()
    }

    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    pub(super) fn owned(&self) -> Vec<u32> {
        self.state.lock().owned.keys().copied().collect()
    }

    /// Whether records of `partition` are to be delivered, and from which offset on if any were.
    pub(super) fn expects(&self, partition: u32) -> Option<Option<u64>> {
        self.state.lock().owned.get(&partition).copied()
    }

    /// Notes that the record before `next` is on its way to the caller.
    pub(super) fn delivered(&self, partition: u32, next: u64) {
        if let Some(at) = self.state.lock().owned.get_mut(&partition) {
            *at = Some(next);
        }
    }

    /// Notes that `partition` begins again at an earlier offset.
    pub(super) fn begins_again(&self, partition: u32) {
        let mut state = self.state.lock();
        state.owned.insert(partition, None);
        state.new = true;
    }

    /// Checks that this member may commit `offsets`; gives those that lie behind what was delivered to it.
    ///
    /// # Errors
    /// Invalid for a partition that it does not have any more.
    pub(super) fn check(&self, offsets: &[(u32, u64)]) -> Result<Vec<(u32, u64)>, StoreError> {
        let state = self.state.lock();
        let mut ahead = Vec::new();
        for (partition, offset) in offsets {
            let has = state.owned.get(partition).or_else(|| state.leaving.get(partition));
            let Some(next) = has.filter(|_| !state.lost.contains(partition)) else {
                return Err(invalid(format!("partition {partition} is no longer this member's")));
            };
            if next.is_none_or(|next| *offset > next) {
                ahead.push((*partition, *offset));
            }
        }
        Ok(ahead)
    }

    /// The group goes on without this member: it has nothing any more. The library says the same with its next
    /// rebalance.
    pub(super) fn lose_all(&self) {
        let mut state = self.state.lock();
        let owned: Vec<u32> = state.owned.keys().chain(state.leaving.keys()).copied().collect();
        state.lost.extend(owned);
        state.owned.clear();
    }

    /// Notes what is released. Gives what the library is to be told, once that is all it asked for.
    fn released(&self, partitions: &[u32]) -> Option<Vec<u32>> {
        let mut state = self.state.lock();
        let any = partitions.iter().filter(|partition| state.unreleased.remove(partition)).count() > 0;
        (any && state.unreleased.is_empty()).then(|| state.leaving.keys().copied().collect())
    }

    /// The library could not be told.
    fn unreleased(&self, partitions: &[u32]) {
        self.state.lock().unreleased.extend(partitions);
    }

    fn gone(&self, partitions: &[u32]) {
        let mut state = self.state.lock();
        for partition in partitions {
            state.leaving.remove(partition);
            state.lost.remove(partition);
        }
    }

    /// From now on nothing is handed out and revocations are answered at once; gives those that were not.
    pub(super) fn close(&self) -> Vec<u32> {
        let mut state = self.state.lock();
        state.closing = true;
        state.owned.clear();
        std::mem::take(&mut state.leaving).into_keys().collect()
    }

    fn assigned(&self, partitions: &[u32]) {
        let mut state = self.state.lock();
        for partition in partitions {
            state.lost.remove(partition);
            state.owned.insert(*partition, None);
        }
        state.new = true;
    }

    /// Whether the revocation is to be answered later.
    fn revoked(&self, partitions: &[u32], lost: bool) -> bool {
        let mut state = self.state.lock();
        for partition in partitions {
            let next = state.owned.remove(partition).flatten();
            if lost {
                state.lost.insert(*partition);
            }
            state.leaving.insert(*partition, next);
            state.unreleased.insert(*partition);
            state.unannounced.push(*partition);
        }
        !state.closing
    }
}

/// Says `released` partitions to the library, if that is all it waits for; the rest of a revocation is waited
/// for. What was not revoked stays: its owner would get it back at once.
pub(super) fn release(
    membership: &Membership,
    consumer: &Consumer,
    topic: &str,
    released: &[u32],
) -> Result<(), KafkaError> {
    let Some(done) = membership.released(released) else { return Ok(()) };
    consumer
        .incremental_unassign(&partition_list(topic, &done))
        .inspect(|()| membership.gone(&done))
        .inspect_err(|_| membership.unreleased(released))
}

/// `partitions` of `topic`, without offsets.
pub(super) fn partition_list(topic: &str, partitions: &[u32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(topic, partition.cast_signed());
    }
    list
}

/// Follows the rebalances of one member.
pub(super) struct Rebalances {
    membership: Arc<Membership>,
    refusals: Refusals,
}

impl Rebalances {
    pub(super) fn of(membership: Arc<Membership>, refusals: Refusals) -> Self {
        Self { membership, refusals }
    }

    fn event(&self) {
        self.membership.events.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.event();
        self.refusals.note(facility, message);
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.event();
        self.refusals.note("FAIL", reason);
        tell_error(&error, reason);
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &Consumer, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.event();
        let partitions: Vec<u32> =
            list.elements().iter().map(|element| element.partition().cast_unsigned()).collect();
        let answered = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                tracing::debug!(?partitions, "partitions are assigned");
                consumer.incremental_assign(list).inspect(|()| self.membership.assigned(&partitions))
            }
            _ => {
                let lost = consumer.assignment_lost();
                tracing::debug!(?partitions, lost, "partitions are revoked");
                if lost {
                    metrics::counter!("rep_kafka_partitions_lost_total").increment(partitions.len() as u64);
                }
                if self.membership.revoked(&partitions, lost) {
                    return;
                }
                consumer.incremental_unassign(list)
            }
        };
        if let Err(error) = answered {
            tracing::error!(%error, ?partitions, "a rebalance could not be followed");
        }
    }

    fn commit_callback(&self, _: Result<(), KafkaError>, _: &TopicPartitionList) {
        self.event();
    }
}

#[cfg(test)]
mod tests {
    use rep_core::ports::StoreErrorKind;

    use super::*;

    fn with(partitions: &[u32]) -> Membership {
        let membership = Membership::default();
        membership.assigned(partitions);
        membership
    }

    #[test]
    fn what_is_revoked_may_be_committed_until_it_is_released_and_is_told_once() {
        let membership = with(&[0, 1, 2]);
        membership.delivered(1, 7);
        assert!(membership.revoked(&[1, 2], false));
        assert_eq!((membership.announce(), membership.announce()), (vec![1, 2], Vec::new()));
        assert_eq!((membership.owned(), membership.expects(1)), (vec![0], None));
        assert_eq!(membership.check(&[(1, 7)]).unwrap(), []);
        assert_eq!(membership.check(&[(1, 8), (0, 1)]).unwrap(), [(1, 8), (0, 1)], "to be looked up");
        assert_eq!(membership.released(&[1]), None, "the library wants its whole answer at once");
        assert_eq!(membership.released(&[1, 2]), Some(vec![1, 2]));
        membership.gone(&[1, 2]);
        assert_eq!(membership.check(&[(1, 7)]).unwrap_err().kind(), StoreErrorKind::Invalid);
        assert_eq!(membership.released(&[0]), None, "it was not revoked");
    }

    #[test]
    fn what_is_lost_may_not_be_committed_until_it_comes_again() {
        let membership = with(&[0, 1]);
        membership.lose_all();
        assert!(membership.owned().is_empty());
        assert!(membership.check(&[(0, 1)]).is_err());
        assert!(membership.revoked(&[0, 1], true));
        assert_eq!(membership.announce(), [0, 1]);
        assert!(membership.check(&[(0, 1)]).is_err());
        assert_eq!(membership.released(&[0, 1]), Some(vec![0, 1]));
        membership.gone(&[0, 1]);
        membership.assigned(&[0]);
        assert!(membership.is_new());
        assert!(membership.check(&[(0, 1)]).is_ok());
    }
}
