//! A log in memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, PartitionOffsets, Record};
use rep_core::{Position, Timestamp, Topic, partition_of};

use super::{NOW_MS, away};

#[derive(Default)]
pub(crate) struct MemoryLog {
    records: Mutex<HashMap<Topic, Vec<Record>>>,
    read: AtomicUsize,
    pub(crate) is_away: AtomicBool,
    /// Whether every group has committed all there is; otherwise none has anything.
    pub(crate) is_committed: AtomicBool,
}

impl MemoryLog {
    pub(crate) fn all(&self, topic: Topic) -> Vec<Record> {
        self.records.lock().unwrap().get(&topic).cloned().unwrap_or_default()
    }

    /// What was appended since this was asked last.
    pub(crate) fn unread(&self, topic: Topic) -> Vec<Record> {
        let all = self.all(topic);
        let from = self.read.swap(all.len(), Ordering::SeqCst);
        all[from..].to_vec()
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(away());
        }
        let mut all = self.records.lock().unwrap();
        let kept = all.entry(topic).or_default();
        let positions = records.into_iter().map(|record| {
            let partition = partition_of(&record.key, topic.partitions());
            let offset = kept.iter().filter(|r| r.position.partition == partition).count() as u64;
            let position = Position { epoch: 1, partition, offset };
            let appended_at = Timestamp::from_ms(NOW_MS + kept.len() as i64);
            let NewRecord { key, value, trace } = record;
            kept.push(Record { position, appended_at, key, value, trace });
            position
        });
        Ok(positions.collect())
    }

    async fn subscribe(&self, _: &str, _: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        Err(away())
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let all = self.all(topic).into_iter();
        let wanted = all.filter(|r| r.position.partition == partition && r.position.offset >= offset);
        Ok(wanted.take(max).collect())
    }

    async fn offsets(&self, topic: Topic, _: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        let all = self.all(topic);
        let of = |partition| {
            let end = all.iter().filter(|r| r.position.partition == partition).count() as u64;
            let committed = self.is_committed.load(Ordering::SeqCst).then_some(end);
            PartitionOffsets { partition, begin: 0, end, committed }
        };
        Ok((0..topic.partitions()).map(of).collect())
    }
}
