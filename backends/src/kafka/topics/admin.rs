//! The questions and orders that topics need.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rep_core::ports::{StoreError, StoreErrorKind};
use tokio::time::Instant;

use crate::kafka::config::KafkaConfig;
use crate::kafka::context::Telling;
use crate::kafka::error::{interrupted, store_error, unavailable};
use crate::kafka::refusals::{Refusals, drain};

/// Longest wait until the brokers tell of a topic that was made or grew; a busy one takes seconds.
const SHOWN_MAX: Duration = Duration::from_secs(30);

/// How often a change is looked for until every broker that is asked shows it.
const LOOK: Duration = Duration::from_millis(50);

/// A topic as it is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) partitions: u32,
    /// Fewest copies of a partition.
    pub(super) replication: u16,
    settings: HashMap<String, String>,
    /// Names of those that were set for this topic, other than by default.
    set_here: Vec<String>,
}

impl Found {
    #[cfg(test)]
    pub(super) fn new(partitions: u32, replication: u16, settings: Vec<(String, String)>) -> Self {
        let set_here = Vec::new();
        Self { partitions, replication, settings: settings.into_iter().collect(), set_here }
    }

    pub(super) fn setting(&self, name: &str) -> Option<&String> {
        self.settings.get(name)
    }
}

/// A client that may change topics.
pub(super) struct Admin {
    client: AdminClient<Telling>,
    asker: Arc<BaseConsumer<Telling>>,
    wait: Duration,
    refusals: Refusals,
}

impl Admin {
    pub(super) fn connect(kafka: &KafkaConfig) -> Result<Self, StoreError> {
        let refused = |error: String| StoreError::new(StoreErrorKind::Invalid, error);
        kafka.validate().map_err(|error| refused(error.to_string()))?;
        let telling = Telling::default();
        let client = AdminClient::from_config_and_context(&kafka.complete(kafka.client()), telling.clone());
        let asker = BaseConsumer::from_config_and_context(&kafka.complete(kafka.asker()), telling.clone());
        Ok(Self {
            client: client.map_err(|error| refused(error.to_string()))?,
            asker: Arc::new(asker.map_err(|error| refused(error.to_string()))?),
            wait: kafka.answer_max,
            refusals: telling.0,
        })
    }

    /// `error`, with the reason where the brokers refuse us.
    pub(super) fn explain(&self, error: StoreError) -> StoreError {
        self.refusals.explain(error)
    }

    fn options(&self) -> AdminOptions {
        let wait = Some(self.wait);
        AdminOptions::new().request_timeout(wait).operation_timeout(wait)
    }

    /// The topic `name`; `None` if there is none.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Found>, StoreError> {
        let Some((partitions, replication)) = self.shape(name).await? else { return Ok(None) };
        let what = format!("describe topic `{name}`");
        let resources =
            self.client.describe_configs([&ResourceSpecifier::Topic(name)], &self.options()).await;
        let resources = resources.map_err(|error| store_error(&what, &error))?;
        let Some(resource) = resources.into_iter().next() else {
            return Err(unavailable(format!("{what}: no answer for it")));
        };
        let resource = resource.map_err(|code| store_error(&what, &KafkaError::AdminOp(code)))?;
        let mut found = Found { partitions, replication, settings: HashMap::new(), set_here: Vec::new() };
        for entry in resource.entries {
            if entry.source == ConfigSource::DynamicTopic && !entry.is_sensitive {
                found.set_here.push(entry.name.clone());
            }
            if let Some(value) = entry.value {
                found.settings.insert(entry.name, value);
            }
        }
        Ok(Some(found))
    }

    /// Partitions, and the fewest copies of one.
    async fn shape(&self, name: &str) -> Result<Option<(u32, u16)>, StoreError> {
        let (asker, wait, topic) = (Arc::clone(&self.asker), self.wait, name.to_owned());
        let ask = move || {
            let failed = |error: KafkaError| store_error(&format!("describe topic `{topic}`"), &error);
            let metadata = asker.fetch_metadata(Some(&topic), wait).map_err(failed);
            let metadata = metadata.inspect_err(|_| drain(&asker))?;
            let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
                return Ok(None);
            };
            match found.error().map(RDKafkaErrorCode::from) {
                None => {}
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                    return Ok(None);
                }
                Some(code) => return Err(failed(KafkaError::MetadataFetch(code))),
            }
            let partitions = u32::try_from(found.partitions().len()).unwrap_or(u32::MAX);
            let copies = found.partitions().iter().map(|partition| partition.replicas().len()).min();
            Ok(Some((partitions, u16::try_from(copies.unwrap_or(0)).unwrap_or(u16::MAX))))
        };
        tokio::task::spawn_blocking(ask).await.map_err(interrupted)?
    }

    pub(super) async fn create(
        &self,
        name: &str,
        partitions: u32,
        replication: u16,
        settings: &[(String, String)],
    ) -> Result<(), StoreError> {
        let copies = TopicReplication::Fixed(i32::from(replication));
        let mut topic = NewTopic::new(name, partitions.cast_signed(), copies);
        for (name, value) in settings {
            topic = topic.set(name, value);
        }
        let what = format!("create topic `{name}`");
        let created = self.client.create_topics([&topic], &self.options()).await;
        match created.map_err(|error| store_error(&what, &error))?.into_iter().next() {
            // Somebody else makes the same at this moment.
            Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {}
            Some(Err((_, code))) => return Err(store_error(&what, &KafkaError::AdminOp(code))),
            None => return Err(unavailable(format!("{what}: no answer for it"))),
        }
        self.until(name, partitions).await
    }

    /// Removes topics; those that are not there are no error.
    pub(super) async fn remove(&self, names: Vec<&str>) -> Result<(), StoreError> {
        let removed = self.client.delete_topics(&names, &self.options()).await;
        let removed = removed.map_err(|error| self.explain(store_error("remove topics", &error)))?;
        for outcome in removed {
            match outcome {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((name, code)) => {
                    return Err(store_error(&format!("remove topic `{name}`"), &KafkaError::AdminOp(code)));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn add_partitions(&self, name: &str, to: u32) -> Result<(), StoreError> {
        let what = format!("add partitions to topic `{name}`");
        let wanted = NewPartitions::new(name, to as usize);
        let added = self.client.create_partitions([&wanted], &self.options()).await;
        if let Some(Err((_, code))) = added.map_err(|error| store_error(&what, &error))?.into_iter().next() {
            return Err(store_error(&what, &KafkaError::AdminOp(code)));
        }
        self.until(name, to).await
    }

    /// Waits until the brokers tell of `partitions`: they learn of a change one after another.
    async fn until(&self, name: &str, partitions: u32) -> Result<(), StoreError> {
        let deadline = Instant::now() + SHOWN_MAX;
        loop {
            if self.shape(name).await?.is_some_and(|(found, _)| found >= partitions) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(unavailable(format!("topic `{name}` does not show after {SHOWN_MAX:?}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Sets `settings`, and again those that the topic has of its own: the broker takes them as a whole.
    pub(super) async fn set(&self, name: &str, settings: &[(String, String)]) -> Result<(), StoreError> {
        let what = format!("change topic `{name}`");
        let Some(found) = self.find(name).await? else {
            return Err(unavailable(format!("{what}: it is gone")));
        };
        let mut whole = AlterConfig::new(ResourceSpecifier::Topic(name));
        for set in &found.set_here {
            if let Some(value) = found.setting(set) {
                whole = whole.set(set, value);
            }
        }
        for (name, value) in settings {
            whole = whole.set(name, value);
        }
        let altered = self.client.alter_configs([&whole], &self.options()).await;
        match altered.map_err(|error| store_error(&what, &error))?.into_iter().next() {
            Some(Ok(_)) => Ok(()),
            Some(Err((_, code))) => Err(store_error(&what, &KafkaError::AdminOp(code))),
            None => Err(unavailable(format!("{what}: no answer for it"))),
        }
    }
}
