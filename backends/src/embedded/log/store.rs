//! Partitions: what is on disk, and the newest batches in memory for readers that keep up.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use fjall::Keyspace;
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::log::Record;
use rep_core::{Timestamp, Topic};
use tokio::sync::watch;

use super::batch::{StoredBatch, base_of, batch_key, partition_prefix};
use super::offset_at;
use crate::embedded::db::Db;
use crate::embedded::error::store_error;

/// Newest batches of a partition kept in memory, in bytes.
const TAIL_BYTES_MAX: usize = 2 << 20;
/// The log's life; grows only if a data directory's log is made anew.
pub(super) const EPOCH: u32 = 1;

/// What writer, readers and groups share.
pub(super) struct LogStore {
    pub(super) db: Db,
    pub(super) batches: Keyspace,
    pub(super) offsets: Keyspace,
    topics: Vec<TopicState>,
}

struct TopicState {
    topic: Topic,
    partitions: Vec<Mutex<PartitionState>>,
    /// Counts appends, to wake readers.
    appended: watch::Sender<u64>,
}

struct PartitionState {
    begin: u64,
    end: u64,
    tail: VecDeque<Arc<StoredBatch>>,
    tail_bytes: usize,
}

impl LogStore {
    pub(super) fn open(db: &Db) -> Result<Self, StoreError> {
        let batches = db.keyspace("log")?;
        let offsets = db.keyspace("offsets")?;
        let mut topics = Vec::new();
        for topic in Topic::ALL {
            let partitions = (0..topic.partitions())
                .map(|partition| {
                    let floor = floor(&offsets, topic, partition)?;
                    PartitionState::recover(&batches, topic, partition, floor).map(Mutex::new)
                })
                .collect::<Result<_, _>>()?;
            topics.push(TopicState { topic, partitions, appended: watch::Sender::new(0) });
        }
        Ok(Self { db: db.clone(), batches, offsets, topics })
    }

    fn topic(&self, topic: Topic) -> &TopicState {
        self.topics
            .iter()
            .find(|state| state.topic == topic)
            .unwrap_or_else(|| unreachable!("every topic is there"))
    }

    fn partition(&self, topic: Topic, partition: u32) -> Option<&Mutex<PartitionState>> {
        self.topic(topic).partitions.get(partition as usize)
    }

    /// Oldest offset kept and next offset; `(0, 0)` for a partition the topic does not have.
    pub(super) fn bounds(&self, topic: Topic, partition: u32) -> (u64, u64) {
        self.partition(topic, partition).map_or((0, 0), |state| {
            let state = state.lock();
            (state.begin, state.end)
        })
    }

    /// Wakes on each append to `topic`.
    pub(super) fn appended(&self, topic: Topic) -> watch::Receiver<u64> {
        self.topic(topic).appended.subscribe()
    }

    /// Makes durable batches visible to readers.
    pub(super) fn publish(&self, topic: Topic, partition: u32, batch: StoredBatch) {
        if let Some(state) = self.partition(topic, partition) {
            state.lock().push(Arc::new(batch));
        }
    }

    /// Wakes the readers of `topic`.
    pub(super) fn wake(&self, topic: Topic) {
        self.topic(topic).appended.send_modify(|count| *count += 1);
    }

    /// Reads from memory if all from `offset` on is there; `None` if the disk must be asked.
    pub(super) fn read_tail(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Option<Result<Vec<Record>, StoreError>> {
        let state = self.partition(topic, partition)?;
        let batches: Vec<Arc<StoredBatch>> = {
            let state = state.lock();
            if offset >= state.end {
                return Some(Ok(Vec::new()));
            }
            let first = state.tail.partition_point(|batch| batch.end() <= offset);
            if state.tail.get(first).is_none_or(|batch| batch.base > offset) {
                return None;
            }
            let mut found = 0_usize;
            let enough = |batch: &&Arc<StoredBatch>| {
                let more = found < max;
                found += usize::try_from(batch.end() - batch.base.max(offset)).unwrap_or(usize::MAX);
                more
            };
            state.tail.iter().skip(first).take_while(enough).cloned().collect()
        };
        let mut records = Vec::new();
        let read = batches.iter().try_for_each(|b| b.read_into(EPOCH, partition, offset, max, &mut records));
        Some(read.map(|()| records))
    }

    /// Reads from disk; blocks.
    pub(super) fn read_disk(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let (begin, end) = self.bounds(topic, partition);
        let offset = offset.max(begin);
        let mut records = Vec::new();
        if offset >= end || max == 0 {
            return Ok(records);
        }
        let first = self.base_at_or_before(topic, partition, offset)?.unwrap_or(offset);
        let range = batch_key(topic, partition, first)..batch_key(topic, partition, end);
        for entry in self.batches.range(range) {
            let (key, value) = entry.into_inner().map_err(store_error)?;
            let batch = StoredBatch::from_stored(base_of(&key)?, Bytes::copy_from_slice(&value))?;
            batch.read_into(EPOCH, partition, offset, max, &mut records)?;
            if records.len() >= max {
                break;
            }
        }
        Ok(records)
    }

    fn base_at_or_before(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
    ) -> Result<Option<u64>, StoreError> {
        let range = batch_key(topic, partition, 0)..=batch_key(topic, partition, offset);
        match self.batches.range(range).next_back() {
            Some(entry) => Ok(Some(base_of(&entry.key().map_err(store_error)?)?)),
            None => Ok(None),
        }
    }

    /// Removes whole batches appended before `before`; gives how many records went. Blocks.
    pub(super) fn remove_before(&self, topic: Topic, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        for partition in 0..topic.partitions() {
            let (begin, end) = self.bounds(topic, partition);
            let mut writes = self.db.batch();
            let mut new_begin = begin;
            let range = batch_key(topic, partition, begin)..batch_key(topic, partition, end);
            for entry in self.batches.range(range) {
                let (key, value) = entry.into_inner().map_err(store_error)?;
                let batch = StoredBatch::from_stored(base_of(&key)?, Bytes::copy_from_slice(&value))?;
                if batch.appended_at >= before {
                    break;
                }
                new_begin = batch.end();
                writes.remove(&self.batches, key);
            }
            if new_begin > begin {
                // Without a batch nothing else tells where the partition goes on.
                writes.insert(&self.offsets, floor_key(topic, partition), new_begin.to_be_bytes());
                self.db.write_removals(writes)?;
                if let Some(state) = self.partition(topic, partition) {
                    state.lock().forget_before(new_begin);
                }
                removed += new_begin - begin;
            }
        }
        Ok(removed)
    }
}

/// Key among the offsets: no group's, for theirs begin with a name.
fn floor_key(topic: Topic, partition: u32) -> Vec<u8> {
    format!("\u{0}begin\u{0}{topic}\u{0}{partition:05}").into_bytes()
}

/// Where the partition begins as far as something was removed; 0 if nothing was.
fn floor(offsets: &Keyspace, topic: Topic, partition: u32) -> Result<u64, StoreError> {
    let found = offset_at(offsets, &floor_key(topic, partition), || format!("where `{topic}` begins"))?;
    Ok(found.unwrap_or(0))
}

impl PartitionState {
    fn recover(batches: &Keyspace, topic: Topic, partition: u32, floor: u64) -> Result<Self, StoreError> {
        let prefix = partition_prefix(topic, partition);
        let begin = match batches.prefix(&prefix).next() {
            Some(entry) => base_of(&entry.key().map_err(store_error)?)?,
            None => floor,
        };
        let end = match batches.prefix(&prefix).next_back() {
            Some(entry) => {
                let (key, value) = entry.into_inner().map_err(store_error)?;
                StoredBatch::from_stored(base_of(&key)?, Bytes::copy_from_slice(&value))?.end()
            }
            None => floor,
        };
        Ok(Self { begin, end, tail: VecDeque::new(), tail_bytes: 0 })
    }

    fn push(&mut self, batch: Arc<StoredBatch>) {
        self.end = batch.end();
        self.tail_bytes += batch.bytes().len();
        self.tail.push_back(batch);
        while self.tail_bytes > TAIL_BYTES_MAX && self.tail.len() > 1 {
            self.drop_oldest();
        }
    }

    fn forget_before(&mut self, begin: u64) {
        self.begin = begin;
        while self.tail.front().is_some_and(|batch| batch.end() <= begin) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.tail.pop_front() {
            self.tail_bytes -= oldest.bytes().len();
        }
    }
}
