//! The log on Kafka.
//!
//! [`KafkaLog`] keeps [`EventLog`] by librdkafka: [`producer`] appends, [`reader`] is a member of a group on the
//! classic protocol with cooperative rebalances ([`membership`]), [`browser`] reads without a group,
//! [`standings`] tells where groups are, and [`epochs`] tells one life of a topic from the next. Topics are made
//! and checked by [`topics`], never by a client that happens to use them.
//!
//! What differs from the embedded log, within what the port promises:
//! - After a revocation nothing of *any* partition comes to that member until it is released; so draining delays
//!   all of them.
//! - A commit is a commit of offsets alone: stores of the same process are not written in one step with it.
//! - Deleting a topic under running readers loses records that neither we nor Kafka can know of. A reader that
//!   meets the new topic takes its epoch, at the latest after half a minute; stop the roles first.
//!
//! A record's trace context is its header `traceparent`, as W3C writes it ([`trace`]); other headers are not read.

pub mod bench;
mod browser;
mod closing;
mod config;
mod context;
mod epochs;
mod error;
mod membership;
mod producer;
mod reader;
mod refusals;
mod standings;
mod topic_ids;
pub mod topics;
mod trace;
mod url;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, PartitionOffsets, Record};
use rep_core::{Position, Topic};

use self::browser::Browser;
use self::closing::Closing;
pub use self::config::{KafkaConfig, KafkaConfigError, Settings};
use self::epochs::Epochs;
use self::error::unavailable;
use self::producer::Producer;
use self::reader::Reader;
use self::refusals::Refusals;
use self::standings::Standings;

/// The group whose members of release 0.1 and of later ones must not run side by side.
const BEHAVIOUR: &str = "behaviour";
/// How long a log that is dropped waits for its readers to leave their groups, and for its clients to close.
const LEAVE_MAX: Duration = Duration::from_secs(3);

/// The log of a Kafka cluster.
pub struct KafkaLog {
    config: KafkaConfig,
    producer: Arc<Producer>,
    browser: Arc<Browser>,
    standings: Arc<Standings>,
    epochs: Arc<Epochs>,
    closing: Arc<Closing>,
    refusals: Refusals,
}

impl KafkaLog {
    /// A log of the cluster at `config.brokers`. Waits for no broker: a call that needs one that is away ends as
    /// unavailable, and the same call succeeds once it is back.
    ///
    /// # Errors
    /// When the configuration is refused.
    pub fn connect(config: KafkaConfig) -> Result<Self, KafkaConfigError> {
        config.validate()?;
        let refusals = Refusals::default();
        let producer = Arc::new(Producer::new(config.clone(), refusals.clone())?);
        let browser = Arc::new(Browser::new(config.clone(), refusals.clone()));
        let epochs = Epochs::new(config.clone(), Arc::clone(&producer), Arc::clone(&browser));
        Ok(Self {
            standings: Arc::new(Standings::new(config.clone(), refusals.clone())),
            epochs: Arc::new(epochs),
            closing: Arc::default(),
            refusals,
            producer,
            browser,
            config,
        })
    }
}

impl KafkaLog {
    /// A member of release 0.1 would drop what ours add to a shopper's state: ours join once it has gone.
    async fn refuse_beside_first_release(&self, group: &str) -> Result<(), StoreError> {
        let found = self.standings.first_release_in(group).await;
        let Some(host) = found.map_err(|error| self.refusals.explain(error))? else { return Ok(()) };
        Err(unavailable(format!(
            "a `{group}` of release 0.1 still runs at {host}, and would drop what this one adds: stop all of them"
        )))
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        let idle = (self.browser.take_idle(), self.standings.take_idle());
        self.closing.begin(move || drop(idle));
        self.closing.wait(LEAVE_MAX);
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let epoch = self.epochs.of(topic).await.map_err(|error| self.refusals.explain(error))?;
        let name = self.config.topic_name(topic);
        let places = self.producer.append(&name, topic.partitions(), records).await;
        let places = places.map_err(|error| self.refusals.explain(error))?;
        let position = |(partition, offset)| Position { epoch, partition, offset };
        Ok(places.into_iter().map(position).collect())
    }

    async fn subscribe(&self, group: &str, topic: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        let (epochs, closing) = (Arc::clone(&self.epochs), Arc::clone(&self.closing));
        let refusals = self.refusals.clone();
        if group == BEHAVIOUR {
            self.refuse_beside_first_release(group).await?;
        }
        let reader = Reader::join(&self.config, epochs, closing, refusals, group, topic).await;
        Ok(Box::new(reader.map_err(|error| self.refusals.explain(error))?))
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        if partition >= topic.partitions() || max == 0 {
            return Ok(Vec::new());
        }
        let epoch = self.epochs.of(topic).await.map_err(|error| self.refusals.explain(error))?;
        let found = self.browser.read(&self.config.topic_name(topic), partition, offset, max).await;
        let found = found.map_err(|error| self.refusals.explain(error))?;
        Ok(found.into_iter().map(|raw| raw.into_record(epoch)).collect())
    }

    async fn offsets(&self, topic: Topic, group: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        let found = self.standings.of(self.config.topic_name(topic), topic.partitions(), group).await;
        found.map_err(|error| self.refusals.explain(error))
    }
}
