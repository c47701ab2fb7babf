//! The durable log: topics of partitions of records, read by groups.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use crate::{Position, Timestamp, Topic, TraceContext};

/// A record to be appended. Its partition follows from its key, as [`crate::partition_of`] says.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// What decides the partition, and so what is kept in order.
    pub key: Bytes,
    /// The event, encoded.
    pub value: Bytes,
    /// The trace that it is part of, and the span that appends it.
    pub trace: Option<TraceContext>,
}

impl NewRecord {
    /// A record that is part of no trace.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { key: key.into(), value: value.into(), trace: None }
    }

    /// The same record as part of `trace`.
    pub fn in_trace(self, trace: impl Into<Option<TraceContext>>) -> Self {
        Self { trace: trace.into(), ..self }
    }
}

/// A record of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// When it was appended, by the log's clock.
    pub appended_at: Timestamp,
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
    /// What it was appended with; absent too where what is there is no trace context.
    pub trace: Option<TraceContext>,
}

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    /// Records in order within each partition; none if nothing came within the wait.
    Records(Vec<Record>),
    /// These partitions go to another member: finish and commit what was read from them, then call
    /// [`GroupReader::release`]. Nothing more of them will be delivered.
    Revoking(Vec<u32>),
}

/// Where a group stands in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The partition.
    pub partition: u32,
    /// Offset of the oldest record kept.
    pub begin: u64,
    /// Offset that the next record will get.
    pub end: u64,
    /// Offset the group will read next; `None` if it never committed.
    pub committed: Option<u64>,
}

impl PartitionOffsets {
    /// Offset of the oldest record kept that the group has yet to finish; `end` if there is none.
    pub fn next(&self) -> u64 {
        self.committed.unwrap_or(self.begin).max(self.begin)
    }

    /// Records the group has yet to finish.
    pub fn lag(&self) -> u64 {
        self.end.saturating_sub(self.next())
    }
}

/// A durable log.
///
/// - `append` returns once every record is durable: after a crash each is there. Records of one call that
///   share a partition stay in order. After an error some may be there: whoever appends again must be
///   prepared for doubles (events carry ids).
/// - Each partition of a topic is read by at most one member of a group at a time; a member that joins or
///   leaves moves partitions, by [`Polled::Revoking`].
/// - A group that never committed begins at the oldest record kept.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends `records`, giving each its position, in the order given.
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError>;

    /// Joins `group` as a member that reads `topic`. Dropping the reader leaves the group without
    /// committing.
    async fn subscribe(&self, group: &str, topic: Topic) -> Result<Box<dyn GroupReader>, StoreError>;

    /// Reads up to `max` records from `offset` on, without a group; none at the end. An offset before the
    /// oldest record kept reads from the oldest.
    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// Where `group` stands in each partition, ordered by partition.
    async fn offsets(&self, topic: Topic, group: &str) -> Result<Vec<PartitionOffsets>, StoreError>;
}

/// A commit under way; see [`GroupReader::commit`].
pub type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// One member of a group.
#[async_trait]
pub trait GroupReader: Send {
    /// Waits up to `wait` for a first record, then returns what is there at once, at most `max` records.
    /// Neither an error nor dropping the future before it is done passes over a record.
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, StoreError>;

    /// Says that all before these offsets is done: `(partition, next offset)`. Durable when the answer is there,
    /// in one step with whatever state the same backend holds back for it. Offsets of partitions that this
    /// member no longer has are refused as invalid, and nothing is committed.
    ///
    /// The answer may be awaited beside further polls; nothing happens before it is first polled.
    fn commit(&self, offsets: &[(u32, u64)]) -> Commit;

    /// Hands revoked partitions on.
    async fn release(&mut self, partitions: &[u32]) -> Result<(), StoreError>;

    /// The partitions this member has, in order.
    fn assignment(&self) -> Vec<u32>;
}
