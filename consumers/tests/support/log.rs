//! A log in memory with one member a group at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_core::ports::log::{Commit, EventLog, GroupReader, NewRecord, PartitionOffsets, Polled, Record};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Position, Topic, partition_of};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::faults::Faults;

#[derive(Default)]
pub struct State {
    records: HashMap<(Topic, u32), Vec<Record>>,
    committed: BTreeMap<(String, Topic, u32), u64>,
    /// Partitions that the next poll hands on.
    revoking: Vec<u32>,
    /// Partitions that belong to somebody else.
    foreign: Vec<u32>,
    /// What the members did, in order.
    pub history: Vec<String>,
}

pub struct MemoryLog {
    pub state: Arc<Mutex<State>>,
    appended: Arc<Notify>,
    clock: Arc<dyn Clock>,
    faults: Faults,
    on_commit: Arc<dyn Fn() + Send + Sync>,
}

impl MemoryLog {
    pub fn new(clock: Arc<dyn Clock>, faults: Faults, on_commit: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { state: Arc::default(), appended: Arc::default(), clock, faults, on_commit }
    }

    pub fn append_now(&self, topic: Topic, key: &[u8], value: Vec<u8>) -> Position {
        self.append_record(topic, NewRecord::new(key.to_vec(), value))
    }

    pub fn append_record(&self, topic: Topic, record: NewRecord) -> Position {
        let NewRecord { key, value, trace } = record;
        let partition = partition_of(&key, topic.partitions());
        let mut state = self.state.lock();
        let records = state.records.entry((topic, partition)).or_default();
        let position = Position { epoch: 1, partition, offset: records.len() as u64 };
        records.push(Record { position, appended_at: self.clock.now(), key, value, trace });
        self.appended.notify_waiters();
        position
    }

    pub fn all(&self, topic: Topic) -> Vec<Record> {
        let state = self.state.lock();
        (0..topic.partitions())
            .flat_map(|p| state.records.get(&(topic, p)).cloned().unwrap_or_default())
            .collect()
    }

    pub fn end(&self, topic: Topic, partition: u32) -> u64 {
        self.state.lock().records.get(&(topic, partition)).map_or(0, |records| records.len() as u64)
    }

    pub fn committed(&self, group: &str, topic: Topic, partition: u32) -> u64 {
        self.state.lock().committed.get(&(group.to_owned(), topic, partition)).copied().unwrap_or(0)
    }

    pub fn lag(&self, group: &str, topic: Topic) -> u64 {
        (0..topic.partitions()).map(|p| self.end(topic, p) - self.committed(group, topic, p)).sum()
    }

    /// Groups begin anew.
    pub fn forget_commits(&self) {
        self.state.lock().committed.clear();
    }

    /// Asks the member to hand `partitions` on.
    pub fn revoke(&self, partitions: &[u32]) {
        self.state.lock().revoking.extend(partitions);
        self.appended.notify_waiters();
    }

    /// Takes `partitions` away without asking.
    pub fn seize(&self, partitions: &[u32]) {
        self.state.lock().foreign.extend(partitions);
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        let operation = if topic == Topic::UserActionDlq { "dlq" } else { "append" };
        self.faults.enter(operation).await?;
        let positions = records.into_iter().map(|record| self.append_record(topic, record)).collect();
        self.faults.leave().await;
        Ok(positions)
    }

    async fn subscribe(&self, group: &str, topic: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        self.faults.enter("subscribe").await?;
        let partitions: Vec<u32> = {
            let state = self.state.lock();
            (0..topic.partitions()).filter(|p| !state.foreign.contains(p)).collect()
        };
        let next = partitions.iter().map(|p| (*p, self.committed(group, topic, *p))).collect();
        Ok(Box::new(MemoryReader {
            state: Arc::clone(&self.state),
            appended: Arc::clone(&self.appended),
            faults: self.faults.clone(),
            on_commit: Arc::clone(&self.on_commit),
            group: group.to_owned(),
            topic,
            next: Arc::new(Mutex::new(next)),
        }))
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let state = self.state.lock();
        let records = state.records.get(&(topic, partition)).map_or(&[][..], |records| &records[..]);
        Ok(records.iter().skip(usize::try_from(offset).unwrap()).take(max).cloned().collect())
    }

    async fn offsets(&self, topic: Topic, group: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        let of = |partition| PartitionOffsets {
            partition,
            begin: 0,
            end: self.end(topic, partition),
            committed: Some(self.committed(group, topic, partition)),
        };
        Ok((0..topic.partitions()).map(of).collect())
    }
}

struct MemoryReader {
    state: Arc<Mutex<State>>,
    appended: Arc<Notify>,
    faults: Faults,
    on_commit: Arc<dyn Fn() + Send + Sync>,
    group: String,
    topic: Topic,
    next: Arc<Mutex<BTreeMap<u32, u64>>>,
}

impl MemoryReader {
    fn take(&self, max: usize) -> Option<Polled> {
        let mut state = self.state.lock();
        if !state.revoking.is_empty() {
            let revoking = std::mem::take(&mut state.revoking);
            self.next.lock().retain(|p, _| !revoking.contains(p));
            return Some(Polled::Revoking(revoking));
        }
        let mut found = Vec::new();
        for (partition, next) in &mut *self.next.lock() {
            let records =
                state.records.get(&(self.topic, *partition)).map_or(&[][..], |records| &records[..]);
            let from = usize::try_from(*next).unwrap().min(records.len());
            let part = &records[from..];
            let part = &part[..part.len().min(max - found.len())];
            *next += part.len() as u64;
            found.extend_from_slice(part);
        }
        (!found.is_empty()).then_some(Polled::Records(found))
    }
}

#[async_trait]
impl GroupReader for MemoryReader {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, StoreError> {
        self.faults.enter("poll").await?;
        let deadline = Instant::now() + wait;
        let appended = Arc::clone(&self.appended);
        loop {
            let woken = appended.notified();
            if let Some(polled) = self.take(max) {
                return Ok(polled);
            }
            if tokio::time::timeout_at(deadline, woken).await.is_err() {
                return Ok(Polled::Records(Vec::new()));
            }
        }
    }

    fn commit(&self, offsets: &[(u32, u64)]) -> Commit {
        let (faults, state, on_commit) =
            (self.faults.clone(), Arc::clone(&self.state), Arc::clone(&self.on_commit));
        let (group, topic, next) = (self.group.clone(), self.topic, Arc::clone(&self.next));
        let offsets = offsets.to_vec();
        Box::pin(async move {
            faults.enter("commit").await?;
            {
                let mut state = state.lock();
                if let Some((partition, _)) = offsets.iter().find(|(p, _)| state.foreign.contains(p)) {
                    let error = format!("partition {partition} is not ours");
                    next.lock().retain(|p, _| !state.foreign.contains(p));
                    return Err(StoreError::new(StoreErrorKind::Invalid, error));
                }
                for (partition, offset) in offsets {
                    let records = state.records.get(&(topic, partition));
                    let end = records.map_or(0, |records| records.len() as u64);
                    assert!(offset <= end, "commit beyond the end");
                    let before = state.committed.insert((group.clone(), topic, partition), offset);
                    assert!(before.unwrap_or(0) <= offset, "commit goes back");
                    state.history.push(format!("commit {partition} {offset}"));
                }
                on_commit();
            }
            faults.leave().await;
            Ok(())
        })
    }

    async fn release(&mut self, partitions: &[u32]) -> Result<(), StoreError> {
        self.faults.enter("release").await?;
        let mut state = self.state.lock();
        state.foreign.extend(partitions);
        for partition in partitions {
            state.history.push(format!("release {partition}"));
        }
        Ok(())
    }

    fn assignment(&self) -> Vec<u32> {
        self.next.lock().keys().copied().collect()
    }
}
