//! The embedded log: Kafka's model (topics, partitions, offsets, groups, retention) in one process.

mod batch;
mod group;
mod reader;
mod store;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use fjall::Keyspace;
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, PartitionOffsets, Record};
use rep_core::{Position, Timestamp, Topic};

use self::group::Group;
use self::reader::Reader;
use self::store::LogStore;
use self::writer::Writer;
use super::db::Db;
use super::error::{corrupt, interrupted, store_error};

/// The log of a data directory.
pub struct EmbeddedLog {
    store: Arc<LogStore>,
    writer: Writer,
    groups: Mutex<HashMap<(String, Topic), Arc<Group>>>,
}

impl EmbeddedLog {
    pub(crate) fn open(db: &Db) -> Result<Self, StoreError> {
        let store = Arc::new(LogStore::open(db)?);
        let writer = Writer::start(Arc::clone(&store))?;
        Ok(Self { store, writer, groups: Mutex::default() })
    }

    /// Removes records of `topic` appended before `before`, in whole batches; gives how many went.
    pub async fn remove_before(&self, topic: Topic, before: Timestamp) -> Result<u64, StoreError> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || store.remove_before(topic, before)).await.map_err(interrupted)?
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        self.writer.append(topic, records).await
    }

    async fn subscribe(&self, group: &str, topic: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        let membership = {
            let mut groups = self.groups.lock();
            let entry = groups.entry((group.to_owned(), topic));
            Arc::clone(entry.or_insert_with(|| Arc::new(Group::new(topic.partitions()))))
        };
        Ok(Box::new(Reader::join(Arc::clone(&self.store), topic, group, membership)))
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        if let Some(found) = self.store.read_tail(topic, partition, offset, max) {
            return found;
        }
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || store.read_disk(topic, partition, offset, max))
            .await
            .map_err(interrupted)?
    }

    async fn offsets(&self, topic: Topic, group: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        let of = |partition| {
            let (begin, end) = self.store.bounds(topic, partition);
            let committed = committed(&self.store, group, topic, partition)?;
            Ok(PartitionOffsets { partition, begin, end, committed })
        };
        (0..topic.partitions()).map(of).collect()
    }
}

fn offset_key(group: &str, topic: Topic, partition: u32) -> Vec<u8> {
    format!("{group}\u{0}{topic}\u{0}{partition:05}").into_bytes()
}

fn committed(store: &LogStore, group: &str, topic: Topic, partition: u32) -> Result<Option<u64>, StoreError> {
    offset_at(&store.offsets, &offset_key(group, topic, partition), || {
        format!("the committed offset of group `{group}`")
    })
}

/// The offset under `key`, which is `what`.
fn offset_at(
    offsets: &Keyspace,
    key: &[u8],
    what: impl FnOnce() -> String,
) -> Result<Option<u64>, StoreError> {
    let Some(bytes) = offsets.get(key).map_err(store_error)? else { return Ok(None) };
    match <[u8; 8]>::try_from(&bytes[..]) {
        Ok(bytes) => Ok(Some(u64::from_be_bytes(bytes))),
        Err(_) => Err(corrupt(format!("{} is not 8 bytes", what()))),
    }
}
