//! Reading without a group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use rep_core::ports::StoreError;
use rep_core::ports::log::Record;
use rep_core::{Position, Timestamp, TraceContext};
use tokio::sync::Semaphore;

use super::config::KafkaConfig;
use super::context::Telling;
use super::error::{interrupted, store_error, unavailable};
use super::refusals::{Refusals, drain};
use super::trace::trace_in;

/// Reads at one time; others wait their turn.
const READS_MAX: usize = 4;
/// Bytes of one read, at most by one record over.
const READ_BYTES_MAX: usize = 16 << 20;
/// How often a read that waits looks at its bound.
const LOOK: Duration = Duration::from_millis(100);

/// A record of a topic, of whichever life.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raw {
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) appended_at: Timestamp,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    pub(super) trace: Option<TraceContext>,
}

impl Raw {
    /// A copy of `message`. Where a topic was made without the log's own time on its records (`rep topics
    /// apply` says so), the time is the producer's.
    pub(super) fn copied(message: &BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition().cast_unsigned(),
            offset: message.offset().cast_unsigned(),
            appended_at: Timestamp::from_ms(message.timestamp().to_millis().unwrap_or(0)),
            key: message.key().map_or_else(Bytes::new, Bytes::copy_from_slice),
            value: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
            trace: message.headers().and_then(trace_in),
        }
    }

    /// The record of a topic's life `epoch`.
    pub(super) fn into_record(self, epoch: u32) -> Record {
        let Self { partition, offset, appended_at, key, value, trace } = self;
        Record { position: Position { epoch, partition, offset }, appended_at, key, value, trace }
    }

    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// A few consumers that read what they are told to.
pub(super) struct Browser {
    config: KafkaConfig,
    refusals: Refusals,
    idle: Mutex<Vec<BaseConsumer<Telling>>>,
    turns: Arc<Semaphore>,
}

impl Browser {
    pub(super) fn new(config: KafkaConfig, refusals: Refusals) -> Self {
        Self { config, refusals, idle: Mutex::default(), turns: Arc::new(Semaphore::new(READS_MAX)) }
    }

    /// Up to `max` records from `offset` on, or from the oldest kept; none at the end.
    ///
    /// # Errors
    /// Unavailable when the broker does not answer in time.
    pub(super) async fn read(
        self: &Arc<Self>,
        topic: &str,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Raw>, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| unavailable("read: closed"))?;
        let (browser, topic) = (Arc::clone(self), topic.to_owned());
        let read = move || {
            let _turn = turn;
            let consumer = browser.take()?;
            let found = read(&consumer, &topic, partition, offset, max, browser.config.answer_max);
            let found = found.inspect_err(|_| drain(&consumer))?;
            // One that failed is not used again.
            browser.idle.lock().push(consumer);
            Ok(found)
        };
        tokio::task::spawn_blocking(read).await.map_err(interrupted)?
    }

    /// Those that are not reading, to be closed where that may block.
    pub(super) fn take_idle(&self) -> Vec<BaseConsumer<Telling>> {
        std::mem::take(&mut *self.idle.lock())
    }

    fn take(&self) -> Result<BaseConsumer<Telling>, StoreError> {
        if let Some(consumer) = self.idle.lock().pop() {
            return Ok(consumer);
        }
        let telling = Telling(self.refusals.clone());
        BaseConsumer::from_config_and_context(&self.config.complete(self.config.browser()), telling)
            .map_err(|error| store_error("read", &error))
    }
}

/// Blocks for up to `wait`, or twice that.
fn read(
    consumer: &BaseConsumer<Telling>,
    topic: &str,
    partition: u32,
    offset: u64,
    max: usize,
    wait: Duration,
) -> Result<Vec<Raw>, StoreError> {
    let failed = |error: KafkaError| store_error(&format!("read `{topic}`"), &error);
    let (begin, end) = bounds(consumer, topic, partition, wait)?;
    let offset = offset.max(begin);
    let mut found: Vec<Raw> = Vec::new();
    if offset >= end || max == 0 {
        return Ok(found);
    }
    let mut assignment = TopicPartitionList::with_capacity(1);
    assignment
        .add_partition_offset(topic, partition.cast_signed(), Offset::Offset(offset.cast_signed()))
        .map_err(failed)?;
    consumer.assign(&assignment).map_err(failed)?;
    let deadline = Instant::now() + wait;
    let mut bytes = 0;
    while found.len() < max && bytes < READ_BYTES_MAX {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                let raw = Raw::copied(&message);
                // What an earlier read of this consumer left on its way.
                if message.topic() != topic || raw.partition != partition || raw.offset < offset {
                    continue;
                }
                bytes += raw.bytes();
                let last = raw.offset + 1 >= end;
                found.push(raw);
                if last {
                    break;
                }
            }
            // What is left up to the end holds no records, as where transactions end.
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            // Connections mend by themselves; the deadline bounds how long that is waited for.
            Some(Err(error)) => tracing::debug!(%error, topic, "a read met an error"),
            None => {}
        }
        if Instant::now() >= deadline {
            if found.is_empty() {
                return Err(unavailable(format!("read `{topic}`: no answer within {wait:?}")));
            }
            break;
        }
    }
    consumer.unassign().map_err(failed)?;
    Ok(found)
}

/// Offset of the oldest record kept, and of the next; blocks for up to `wait`.
pub(super) fn bounds(
    consumer: &BaseConsumer<Telling>,
    topic: &str,
    partition: u32,
    wait: Duration,
) -> Result<(u64, u64), StoreError> {
    let (begin, end) = consumer
        .fetch_watermarks(topic, partition.cast_signed(), wait)
        .map_err(|error| store_error(&format!("offsets of `{topic}`"), &error))?;
    Ok((u64::try_from(begin).unwrap_or(0), u64::try_from(end).unwrap_or(0)))
}
