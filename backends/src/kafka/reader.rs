//! One member of a group.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use rep_core::Topic;
use rep_core::ports::StoreError;
use rep_core::ports::log::{Commit, GroupReader, Polled, Record};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::browser::Raw;
use super::closing::Closing;
use super::config::KafkaConfig;
use super::epochs::Epochs;
use super::error::{interrupted, invalid, store_error, unavailable};
use super::membership::{Consumer, Membership, Rebalances, partition_list, release};
use super::refusals::Refusals;

/// The library is polled at least this often while a poll waits: it counts polls as a sign of life.
const LIFE_SIGN: Duration = Duration::from_secs(1);
/// Longest wait of one poll.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Bytes of one poll, at most by one record over.
const POLL_BYTES_MAX: usize = 16 << 20;
/// How soon a commit that met a rebalance is tried again.
const GENERATION_WAIT: Duration = Duration::from_millis(20);
/// Records that wait for a poll that asks for any.
const HELD_MAX: usize = 10_000;

/// A reader of one topic for one group.
pub(super) struct Reader {
    topic: Topic,
    name: String,
    answer_max: Duration,
    epochs: Arc<Epochs>,
    epoch: u32,
    membership: Arc<Membership>,
    /// There until this is dropped.
    consumer: Option<Arc<Consumer>>,
    /// Rings when the library has something after having had nothing.
    bell: Arc<Notify>,
    /// Taken from the library and not yet given out, in order.
    held: VecDeque<Raw>,
    /// Met behind records that were given out first.
    failed: Option<StoreError>,
    /// Commits follow one another: an old one that took long must not overtake a new one.
    commits: Arc<Mutex<()>>,
    closing: Arc<Closing>,
    refusals: Refusals,
}

impl Reader {
    pub(super) async fn join(
        config: &KafkaConfig,
        epochs: Arc<Epochs>,
        closing: Arc<Closing>,
        refusals: Refusals,
        group: &str,
        topic: Topic,
    ) -> Result<Self, StoreError> {
        let epoch = epochs.of(topic).await?;
        let failed = |error: KafkaError| store_error(&format!("join group `{group}`"), &error);
        let (membership, bell) = (Arc::new(Membership::default()), Arc::new(Notify::new()));
        let client = config.complete(config.reader(&config.group_name(group)));
        let context = Rebalances::of(Arc::clone(&membership), refusals.clone());
        let mut consumer = Consumer::from_config_and_context(&client, context).map_err(failed)?;
        let ring = Arc::clone(&bell);
        consumer.set_nonempty_callback(move || ring.notify_one());
        let name = config.topic_name(topic);
        consumer.subscribe(&[&name]).map_err(failed)?;
        Ok(Self {
            topic,
            name,
            answer_max: config.answer_max,
            epochs,
            epoch,
            membership,
            consumer: Some(Arc::new(consumer)),
            bell,
            held: VecDeque::new(),
            failed: None,
            commits: Arc::default(),
            closing,
            refusals,
        })
    }

    fn consumer(&self) -> Result<&Arc<Consumer>, StoreError> {
        self.consumer.as_ref().ok_or_else(|| unavailable("the reader is closed"))
    }

    /// Looks up the epoch if half a minute passed, or something began that may be of another one.
    async fn look_up_epoch(&mut self) -> Result<(), StoreError> {
        if self.membership.is_new() {
            self.epoch = self.epochs.of_now(self.topic).await?;
            self.membership.note_looked_up();
        } else {
            self.epoch = self.epochs.of(self.topic).await?;
        }
        Ok(())
    }

    /// What the library has next; `None` at the end of its queue, and when there is news to be seen to first.
    fn next_of(&self, consumer: &Consumer) -> Option<Result<Raw, KafkaError>> {
        loop {
            let events = self.membership.events();
            match consumer.poll(Duration::ZERO) {
                Some(Ok(message)) => return Some(Ok(Raw::copied(&message))),
                Some(Err(error)) => return Some(Err(error)),
                // An event in the queue reads like its end, and the bell does not ring for what lies behind.
                None if self.membership.events() != events && !self.membership.has_news() => {}
                None => return None,
            }
        }
    }

    /// Takes what is there, up to `max` records. Does not wait; what it takes and does not give is held.
    fn take(&mut self, max: usize) -> Result<Vec<Record>, StoreError> {
        let consumer = Arc::clone(self.consumer()?);
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut met = None;
        while records.len() < max && bytes < POLL_BYTES_MAX || max == 0 && self.held.len() < HELD_MAX {
            let held = if max == 0 { None } else { self.held.pop_front() };
            let raw = match held.map(Ok).or_else(|| self.next_of(&consumer)) {
                Some(Ok(raw)) => raw,
                // An outage leaves many errors in the queue: what comes behind them says whether it lasts.
                Some(Err(error)) => {
                    match failure(&error).map(|error| self.refusals.explain(error)) {
                        Some(error) if error.is_retryable() => met = Some(error),
                        // What is there goes out first.
                        Some(error) if !records.is_empty() => {
                            self.failed = Some(error);
                            break;
                        }
                        Some(error) => return Err(error),
                        None => {}
                    }
                    continue;
                }
                None => break,
            };
            met = None;
            let Some(next) = self.membership.expects(raw.partition) else { continue };
            if max == 0 {
                self.held.push_back(raw);
                continue;
            }
            if next.is_some_and(|next| raw.offset < next) {
                self.membership.begins_again(raw.partition);
                self.held.push_front(raw);
                break;
            }
            bytes += raw.bytes();
            self.membership.delivered(raw.partition, raw.offset + 1);
            records.push(raw.into_record(self.epoch));
        }
        match met {
            Some(error) if records.is_empty() => Err(error),
            met => {
                self.failed = self.failed.take().or(met);
                Ok(records)
            }
        }
    }
}

/// What `error` means to a caller of poll; `None` for what the library mends by itself.
fn failure(error: &KafkaError) -> Option<StoreError> {
    if let KafkaError::MessageConsumptionFatal(_) = error {
        return Some(invalid(format!("poll: this member cannot go on: {error}")));
    }
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            // The revocation that follows says it to the caller.
            | RDKafkaErrorCode::PollExceeded
            | RDKafkaErrorCode::PartitionEOF,
        ) => None,
        _ => Some(store_error("poll", error)),
    }
}

#[async_trait]
impl GroupReader for Reader {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, StoreError> {
        let deadline = Instant::now() + wait.min(WAIT_MAX);
        loop {
            let revoked = self.membership.announce();
            if !revoked.is_empty() {
                self.held.retain(|raw| !revoked.contains(&raw.partition));
                return Ok(Polled::Revoking(revoked));
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.look_up_epoch().await?;
            let records = self.take(max)?;
            if !records.is_empty() {
                return Ok(Polled::Records(records));
            }
            if self.membership.has_news() {
                continue;
            }
            let life_sign = Instant::now() + LIFE_SIGN;
            tokio::select! {
                () = self.bell.notified() => {}
                () = tokio::time::sleep_until(deadline.min(life_sign)) => {
                    if Instant::now() >= deadline {
                        return Ok(Polled::Records(Vec::new()));
                    }
                }
            }
        }
    }

    fn commit(&self, offsets: &[(u32, u64)]) -> Commit {
        let Some(consumer) = self.consumer.clone() else {
            return Box::pin(async { Err(unavailable("the reader is closed")) });
        };
        let committer = Committer {
            consumer,
            membership: Arc::clone(&self.membership),
            commits: Arc::clone(&self.commits),
            name: self.name.clone(),
            wait: self.answer_max,
        };
        let offsets = offsets.to_vec();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || committer.commit(&offsets)).await.map_err(interrupted)?
        })
    }

    async fn release(&mut self, partitions: &[u32]) -> Result<(), StoreError> {
        release(&self.membership, self.consumer()?, &self.name, partitions)
            .map_err(|error| store_error("release", &error))
    }

    fn assignment(&self) -> Vec<u32> {
        self.membership.owned()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let unanswered = self.membership.close();
        let Some(consumer) = self.consumer.take() else { return };
        let name = std::mem::take(&mut self.name);
        // Leaving talks to the broker: not on a thread of the runtime.
        self.closing.begin(move || {
            if !unanswered.is_empty()
                && let Err(error) = consumer.incremental_unassign(&partition_list(&name, &unanswered))
            {
                tracing::debug!(%error, "a revocation could not be answered on leaving");
            }
            drop(consumer);
        });
    }
}

/// Whether a rebalance is under way in which this member has not heard of its next generation yet. What it has it
/// keeps through that, and may commit right after.
fn is_between_generations(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::IllegalGeneration | RDKafkaErrorCode::RebalanceInProgress)
    )
}

/// Commits for a member, beside it.
struct Committer {
    consumer: Arc<Consumer>,
    membership: Arc<Membership>,
    commits: Arc<Mutex<()>>,
    name: String,
    wait: Duration,
}

impl Committer {
    /// Blocks until the broker answers.
    fn commit(&self, offsets: &[(u32, u64)]) -> Result<(), StoreError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let Some(_turn) = self.commits.try_lock_for(self.wait) else {
            return Err(unavailable("commit: an earlier one is still under way"));
        };
        if self.consumer.assignment_lost() {
            self.membership.lose_all();
        }
        for (partition, offset) in self.membership.check(offsets)? {
            self.check_in_log(partition, offset)?;
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        let failed = |error: KafkaError| store_error("commit", &error);
        for (partition, offset) in offsets {
            let offset = Offset::Offset(offset.cast_signed());
            list.add_partition_offset(&self.name, partition.cast_signed(), offset).map_err(failed)?;
        }
        let deadline = std::time::Instant::now() + self.wait;
        loop {
            let Err(error) = self.consumer.commit(&list, CommitMode::Sync) else { return Ok(()) };
            if self.consumer.assignment_lost() {
                self.membership.lose_all();
                return Err(invalid(format!("commit: the group went on without this member: {error}")));
            }
            if !is_between_generations(&error) || std::time::Instant::now() >= deadline {
                return Err(failed(error));
            }
            std::thread::sleep(GENERATION_WAIT);
            self.membership.check(offsets)?;
        }
    }

    /// The broker takes any offset; one behind the end would pass over what is appended next.
    fn check_in_log(&self, partition: u32, offset: u64) -> Result<(), StoreError> {
        let (_, end) = self
            .consumer
            .fetch_watermarks(&self.name, partition.cast_signed(), self.wait)
            .map_err(|error| store_error("commit", &error))?;
        if i64::try_from(offset).is_ok_and(|offset| offset <= end) {
            return Ok(());
        }
        Err(invalid(format!("offset {offset} lies behind the end {end} of partition {partition}")))
    }
}
