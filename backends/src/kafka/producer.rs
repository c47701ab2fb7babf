//! Appending: idempotent, in order, bounded in memory and in time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rep_core::partition_of;
use rep_core::ports::StoreError;
use rep_core::ports::log::NewRecord;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::config::{KafkaConfig, KafkaConfigError};
use super::context::{tell, tell_error};
use super::error::{store_error, unavailable};
use super::refusals::Refusals;
use super::trace;
use crate::append::checked_bytes;

/// What the client library keeps of a record beside its bytes, at most.
const RECORD_OVERHEAD_BYTES: usize = 512;
/// Appends that may wait for room in the buffer.
const WAITING_MAX: usize = 1024;
/// Longest wait for room in the buffer.
const ROOM_WAIT: Duration = Duration::from_secs(1);
/// Records that are handed over before others get their turn on this thread.
const TURN: usize = 256;

/// A partition and an offset in it.
pub(super) type Place = (u32, u64);
/// A client that appends, with its own thread for what comes back.
pub(super) type Client = ThreadedProducer<Deliveries>;

/// Appends to topics by name.
pub(super) struct Producer {
    config: KafkaConfig,
    refusals: Refusals,
    current: Mutex<Arc<Client>>,
    /// KiB of appends that are not durable yet.
    room: Arc<Semaphore>,
    room_kib: u32,
    waiting: Semaphore,
}

impl Producer {
    pub(super) fn new(config: KafkaConfig, refusals: Refusals) -> Result<Self, KafkaConfigError> {
        let current = Mutex::new(Arc::new(client(&config, &refusals)?));
        let room_kib = u32::try_from(config.append_bytes_max / 1024).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(room_kib as usize));
        Ok(Self { config, refusals, current, room, room_kib, waiting: Semaphore::new(WAITING_MAX) })
    }

    /// The client that is in use now.
    pub(super) fn current(&self) -> Arc<Client> {
        Arc::clone(&self.current.lock())
    }

    /// Appends `records` to `topic`, each to the partition of its key; returns once all are durable, with their
    /// places in the order given. Records of one call that share a partition stay in order.
    ///
    /// # Errors
    /// Invalid for what is too large; unavailable when the buffer stays full, or a record is not known to be
    /// durable within the delivery bound: it may be there all the same.
    pub(super) async fn append(
        &self,
        topic: &str,
        partitions: u32,
        records: Vec<NewRecord>,
    ) -> Result<Vec<Place>, StoreError> {
        let bytes = checked_bytes(&records, 0, trace::HEADER_BYTES)? + records.len() * RECORD_OVERHEAD_BYTES;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let room = self.room_for(bytes).await?;
        let client = self.current();
        let (append, answer) = Append::new(records.len(), room);
        for (index, record) in records.iter().enumerate() {
            if index % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            let partition = partition_of(&record.key, partitions);
            append.places.lock().push((partition, 0));
            let delivery = Box::new(Delivery { append: Arc::clone(&append), index });
            let mut message = BaseRecord::with_opaque_to(topic, delivery)
                .partition(partition.cast_signed())
                .key(&record.key[..])
                .payload(&record.value[..]);
            if let Some(trace) = &record.trace {
                message = message.headers(trace::headers_of(trace));
            }
            if let Err((error, _)) = client.send(message) {
                self.renew_if_broken(&client);
                return Err(store_error("append", &error));
            }
        }
        drop(append);
        match answer.await {
            Ok(Ok(places)) => Ok(places),
            Ok(Err(error)) => {
                self.renew_if_broken(&client);
                Err(store_error("append", &error))
            }
            Err(_) => Err(unavailable("append: the client was closed")),
        }
    }

    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, StoreError> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(self.room_kib);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(kib) {
            return Ok(room);
        }
        let full = || {
            metrics::counter!("rep_kafka_append_full_total").increment(1);
            unavailable(format!(
                "append: {} MiB wait to be durable already; try again later",
                self.config.append_bytes_max >> 20
            ))
        };
        let _waits = self.waiting.try_acquire().map_err(|_| full())?;
        let room = tokio::time::timeout(ROOM_WAIT, Arc::clone(&self.room).acquire_many_owned(kib)).await;
        room.map_err(|_| full())?.map_err(|_| full())
    }

    /// Replaces a client that gave up for good, as an idempotent one does when the order could not be kept
    /// any more: what it held is reported as failed, and the next append begins anew.
    fn renew_if_broken(&self, broken: &Arc<Client>) {
        let Some((code, reason)) = broken.client().fatal_error() else { return };
        let mut current = self.current.lock();
        if !Arc::ptr_eq(&current, broken) {
            return;
        }
        match client(&self.config, &self.refusals) {
            Ok(new) => {
                tracing::warn!(%code, reason, "Kafka's client gave up and is replaced");
                metrics::counter!("rep_kafka_producers_replaced_total").increment(1);
                *current = Arc::new(new);
            }
            Err(error) => tracing::error!(%error, "Kafka's client gave up and cannot be replaced"),
        }
    }
}

fn client(config: &KafkaConfig, refusals: &Refusals) -> Result<Client, KafkaConfigError> {
    Client::from_config_and_context(&config.complete(config.producer()), Deliveries(refusals.clone()))
        .map_err(|error| KafkaConfigError::Client(error.to_string()))
}

/// One call of `append`, until the last of its records is reported.
struct Append {
    places: Mutex<Vec<Place>>,
    outcome: Mutex<Outcome>,
    /// Kept until no record is in the buffer any more, even if the caller went away.
    _room: OwnedSemaphorePermit,
}

struct Outcome {
    left: usize,
    error: Option<KafkaError>,
    reply: Option<oneshot::Sender<Result<Vec<Place>, KafkaError>>>,
}

type Answer = oneshot::Receiver<Result<Vec<Place>, KafkaError>>;

impl Append {
    fn new(records: usize, room: OwnedSemaphorePermit) -> (Arc<Self>, Answer) {
        let (reply, answer) = oneshot::channel();
        let outcome = Outcome { left: records, error: None, reply: Some(reply) };
        let places = Mutex::new(Vec::with_capacity(records));
        (Arc::new(Self { places, outcome: Mutex::new(outcome), _room: room }), answer)
    }

    fn reported(&self, index: usize, result: Result<u64, KafkaError>) {
        let result = result.map(|offset| self.places.lock()[index].1 = offset);
        let mut outcome = self.outcome.lock();
        outcome.left -= 1;
        if let Err(error) = result {
            outcome.error.get_or_insert(error);
        }
        if outcome.left > 0 {
            return;
        }
        if let Some(reply) = outcome.reply.take() {
            let places = std::mem::take(&mut *self.places.lock());
            // A caller that went away no longer cares; its records are there all the same.
            let _ = reply.send(outcome.error.take().map_or(Ok(places), Err));
        }
    }
}

/// One record on its way.
pub(super) struct Delivery {
    append: Arc<Append>,
    index: usize,
}

/// Takes reports of deliveries to who waits for them.
pub(super) struct Deliveries(Refusals);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.note(facility, message);
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note("FAIL", reason);
        tell_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        let result = match result {
            // Durable without an offset (a repeat the broker no longer remembers the first of): the caller,
            // who needs the place, appends again, as after any error.
            Ok(message) => u64::try_from(message.offset())
                .map_err(|_| KafkaError::MessageProduction(rdkafka::error::RDKafkaErrorCode::NoOffset)),
            Err((error, _)) => Err(error.clone()),
        };
        delivery.append.reported(delivery.index, result);
    }
}
