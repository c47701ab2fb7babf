//! A log whose commits wait until what follows from the records is safe elsewhere.
//!
//! The embedded stores write offsets and held state in one batch. Where the log and the stores are servers apart, what a
//! store holds back must be safe before the offsets are: a crash in between repeats records, and effects are idempotent.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::log::{Commit, EventLog, GroupReader, NewRecord, PartitionOffsets, Polled, Record};
use rep_core::{Position, Topic};

/// What holds state back until a commit.
#[async_trait]
pub trait Saves: Send + Sync {
    /// Makes safe what is held back. After an error it still is held back.
    async fn save(&self) -> Result<(), StoreError>;
}

/// A log with [`Saves::save`] before each commit.
pub struct SavingLog {
    log: Arc<dyn EventLog>,
    saves: Arc<dyn Saves>,
}

impl SavingLog {
    /// Puts `saves` before the commits of `log`.
    pub fn new(log: Arc<dyn EventLog>, saves: Arc<dyn Saves>) -> Self {
        Self { log, saves }
    }
}

struct Reader {
    reader: Box<dyn GroupReader>,
    saves: Arc<dyn Saves>,
}

#[async_trait]
impl EventLog for SavingLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        self.log.append(topic, records).await
    }

    async fn subscribe(&self, group: &str, topic: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        let reader = self.log.subscribe(group, topic).await?;
        Ok(Box::new(Reader { reader, saves: Arc::clone(&self.saves) }))
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.log.read(topic, partition, offset, max).await
    }

    async fn offsets(&self, topic: Topic, group: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        self.log.offsets(topic, group).await
    }
}

#[async_trait]
impl GroupReader for Reader {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, StoreError> {
        self.reader.poll(max, wait).await
    }

    fn commit(&self, offsets: &[(u32, u64)]) -> Commit {
        let (commit, saves) = (self.reader.commit(offsets), Arc::clone(&self.saves));
        Box::pin(async move {
            saves.save().await?;
            commit.await
        })
    }

    async fn release(&mut self, partitions: &[u32]) -> Result<(), StoreError> {
        self.reader.release(partitions).await
    }

    fn assignment(&self) -> Vec<u32> {
        self.reader.assignment()
    }
}
