//! The one writer: appends of many callers share a sync to disk (group commit).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use rep_core::ports::StoreError;
use rep_core::ports::log::NewRecord;
use rep_core::{Position, Topic, TraceContext, partition_of};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::batch::{BatchBuilder, batch_key};
use super::store::{EPOCH, LogStore};
use crate::append::checked_bytes;
use crate::embedded::error::unavailable;

/// Appends that may wait for the writer.
const REQUESTS_MAX: usize = 1024;
/// Bytes that the lengths of a record's key and value take.
const LENGTHS_BYTES: usize = 8;
/// Bytes of all waiting appends, in KiB.
const WAITING_KIB_MAX: u32 = 128 * 1024;
/// Bytes that share one sync, at most by one append over.
const COMMIT_BYTES_MAX: usize = 8 << 20;

struct Request {
    topic: Topic,
    records: Vec<NewRecord>,
    bytes: usize,
    reply: oneshot::Sender<Result<Vec<Position>, Arc<StoreError>>>,
    _room: OwnedSemaphorePermit,
}

/// Hands appends to the writer's thread; dropping it waits for that thread to finish.
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(store: Arc<LogStore>) -> Result<Self, StoreError> {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let thread = std::thread::Builder::new()
            .name("rep-log-writer".to_owned())
            .spawn(move || run(&store, receiver))
            .map_err(unavailable)?;
        let room = Arc::new(Semaphore::new(WAITING_KIB_MAX as usize));
        Ok(Self { requests: Some(requests), room, thread: Some(thread) })
    }

    /// Appends once there is room; returns when all is durable.
    pub(super) async fn append(
        &self,
        topic: Topic,
        records: Vec<NewRecord>,
    ) -> Result<Vec<Position>, StoreError> {
        let bytes = checked_bytes(&records, LENGTHS_BYTES, TraceContext::BYTES)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let closed = || unavailable("the log is closed");
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(WAITING_KIB_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let request = Request { topic, records, bytes, reply, _room: room };
        let requests = self.requests.as_ref().ok_or_else(closed)?;
        requests.send(request).await.map_err(|_| closed())?;
        let answer = answer.await.map_err(|_| closed())?;
        answer.map_err(|shared| StoreError::new(shared.kind(), shared.to_string()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

fn run(store: &LogStore, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut bytes = first.bytes;
        let mut together = vec![first];
        while bytes < COMMIT_BYTES_MAX {
            let Ok(next) = requests.try_recv() else { break };
            bytes += next.bytes;
            together.push(next);
        }
        metrics::histogram!("rep_log_commit_requests").record(together.len() as f64);
        match write(store, &together) {
            Ok(positions) => {
                for (request, positions) in together.into_iter().zip(positions) {
                    // A caller that went away no longer cares; its records are there all the same.
                    let _ = request.reply.send(Ok(positions));
                }
            }
            Err(error) => {
                tracing::error!(%error, appends = together.len(), "log append failed");
                let error = Arc::new(error);
                for request in together {
                    let _ = request.reply.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}

fn write(store: &LogStore, requests: &[Request]) -> Result<Vec<Vec<Position>>, StoreError> {
    let appended_at = store.db.now();
    let mut builders: BTreeMap<(Topic, u32), (u64, BatchBuilder)> = BTreeMap::new();
    let mut positions = Vec::with_capacity(requests.len());
    for request in requests {
        let topic = request.topic;
        let placed = request.records.iter().map(|record| {
            let partition = partition_of(&record.key, topic.partitions());
            let (base, builder) = builders
                .entry((topic, partition))
                .or_insert_with(|| (store.bounds(topic, partition).1, BatchBuilder::new(appended_at)));
            let offset = *base + u64::from(builder.push(record));
            Position { epoch: EPOCH, partition, offset }
        });
        positions.push(placed.collect());
    }
    let mut batch = store.db.batch();
    let mut stored = Vec::with_capacity(builders.len());
    for ((topic, partition), (base, builder)) in builders {
        let finished = builder.finish(base);
        batch.insert(&store.batches, batch_key(topic, partition, base), &**finished.bytes());
        stored.push((topic, partition, finished));
    }
    store.db.write_synced(batch)?;
    let mut topics: Vec<Topic> = Vec::new();
    for (topic, partition, batch) in stored {
        store.publish(topic, partition, batch);
        if topics.last() != Some(&topic) {
            topics.push(topic);
        }
    }
    for topic in topics {
        store.wake(topic);
    }
    Ok(positions)
}
