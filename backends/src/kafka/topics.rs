//! The topics a cluster needs: what is missing or differs, and making it so.
//!
//! [`plan`] only looks; [`apply`] does what can be done without moving or losing data. Both can be repeated at
//! will. What is left is said, not done: partitions cannot be taken away, and replicas are moved by those who run
//! the cluster.

mod admin;

use std::fmt;
use std::time::Duration;

use rep_core::Topic;
use rep_core::ports::StoreError;

use self::admin::{Admin, Found};
use super::config::{KafkaConfig, MESSAGE_BYTES_MAX};
use super::error::{interrupted, invalid};
use super::{KafkaLog, epochs};

/// How topics are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    /// Copies of each partition: 3 in a cluster, 1 on a laptop.
    pub replication: u16,
    /// Copies that must have an append before it counts as durable; less than `replication`, so that one may be
    /// away, unless there is one only.
    pub min_in_sync: u16,
    /// How long records are kept, by the log's clock. 7 days by default; at least 1 min.
    pub retention: Duration,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self { replication: 3, min_in_sync: 2, retention: Duration::from_secs(7 * 24 * 3600) }
    }
}

impl TopicsConfig {
    fn check(&self) -> Result<(), StoreError> {
        if self.replication == 0 || self.min_in_sync == 0 || self.min_in_sync > self.replication {
            return Err(invalid(format!(
                "`min_in_sync` must be from 1 to `replication`, got {} of {}",
                self.min_in_sync, self.replication
            )));
        }
        if self.retention < Duration::from_secs(60) {
            return Err(invalid(format!("`retention` must be at least 60s, got {:?}", self.retention)));
        }
        Ok(())
    }
}

/// One difference between a topic and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is not there.
    Create {
        /// Its partitions.
        partitions: u32,
        /// Copies of each.
        replication: u16,
        /// Its settings, by name.
        settings: Vec<(String, String)>,
    },
    /// It has too few partitions. Keys that others appended may then be in two partitions; ours always went by
    /// the full count.
    AddPartitions {
        /// How many there are.
        from: u32,
        /// How many there should be.
        to: u32,
    },
    /// A setting differs.
    Set {
        /// Which.
        name: String,
        /// What it is; `None` if the cluster does not say.
        from: Option<String>,
        /// What it should be.
        to: String,
    },
    /// It has too many partitions, which cannot be undone: records with a key that others put into the further
    /// ones are read out of order with ours. Not applied.
    TooManyPartitions {
        /// How many there are.
        found: u32,
        /// How many there should be.
        wanted: u32,
    },
    /// Partitions have fewer or more copies than asked for. Not applied: moving data is for who runs the cluster.
    Replication {
        /// Fewest copies of a partition.
        found: u16,
        /// Copies that were asked for.
        wanted: u16,
    },
}

impl Change {
    /// Whether [`apply`] makes it.
    pub fn is_applied(&self) -> bool {
        !matches!(self, Self::TooManyPartitions { .. } | Self::Replication { .. })
    }
}

/// A difference and whose it is; as text, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicChange {
    /// The topic's name in the cluster.
    pub topic: String,
    /// The difference.
    pub change: Change,
}

impl fmt::Display for TopicChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = &self.topic;
        match &self.change {
            Change::Create { partitions, replication, settings } => {
                write!(f, "+ {topic}: {partitions} partitions, {replication} copies")?;
                settings.iter().try_for_each(|(name, value)| write!(f, ", {name}={value}"))
            }
            Change::AddPartitions { from, to } => write!(f, "~ {topic}: partitions {from} -> {to}"),
            Change::Set { name, from, to } => {
                write!(f, "~ {topic}: {name} {} -> {to}", from.as_deref().unwrap_or("(unknown)"))
            }
            Change::TooManyPartitions { found, wanted } => {
                write!(f, "! {topic}: {found} partitions, wanted {wanted}: cannot be undone")
            }
            Change::Replication { found, wanted } => {
                write!(f, "! {topic}: {found} copies, wanted {wanted}: to be reassigned by hand")
            }
        }
    }
}

/// What [`apply`] did and what it left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Done.
    pub done: Vec<TopicChange>,
    /// Differences that remain.
    pub left: Vec<TopicChange>,
}

/// A topic as it should be.
struct Wanted {
    name: String,
    partitions: u32,
    settings: Vec<(String, String)>,
}

fn wanted(kafka: &KafkaConfig, topics: &TopicsConfig) -> Vec<Wanted> {
    let with = |name: String, partitions, retention_ms: String| {
        let settings = [
            ("cleanup.policy", "delete".to_owned()),
            ("max.message.bytes", MESSAGE_BYTES_MAX.to_string()),
            ("message.timestamp.type", "LogAppendTime".to_owned()),
            ("min.insync.replicas", topics.min_in_sync.to_string()),
            ("retention.bytes", "-1".to_owned()),
            ("retention.ms", retention_ms),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Wanted { name, partitions, settings }
    };
    let retention_ms = topics.retention.as_millis().to_string();
    let ours =
        Topic::ALL.map(|topic| with(kafka.topic_name(topic), topic.partitions(), retention_ms.clone()));
    let lives = with(format!("{}{}", kafka.prefix, epochs::TOPIC), 1, "-1".to_owned());
    ours.into_iter().chain([lives]).collect()
}

fn differences(wanted: &Wanted, found: Option<&Found>, topics: &TopicsConfig) -> Vec<Change> {
    let Some(found) = found else {
        return vec![Change::Create {
            partitions: wanted.partitions,
            replication: topics.replication,
            settings: wanted.settings.clone(),
        }];
    };
    let mut changes = Vec::new();
    if found.partitions < wanted.partitions {
        changes.push(Change::AddPartitions { from: found.partitions, to: wanted.partitions });
    }
    if found.partitions > wanted.partitions {
        changes.push(Change::TooManyPartitions { found: found.partitions, wanted: wanted.partitions });
    }
    if found.replication != topics.replication {
        changes.push(Change::Replication { found: found.replication, wanted: topics.replication });
    }
    for (name, to) in &wanted.settings {
        // With fewer copies than must have a record nothing could be appended any more.
        let to = match name.as_str() {
            "min.insync.replicas" => topics.min_in_sync.min(found.replication).to_string(),
            _ => to.clone(),
        };
        let from = found.setting(name);
        if from != Some(&to) {
            changes.push(Change::Set { name: name.clone(), from: from.cloned(), to });
        }
    }
    changes
}

/// What differs between the cluster and what `topics` asks for; empty if nothing does.
///
/// # Errors
/// Invalid for a configuration that cannot be; unavailable when the brokers do not answer in time.
pub async fn plan(kafka: &KafkaConfig, topics: &TopicsConfig) -> Result<Vec<TopicChange>, StoreError> {
    topics.check()?;
    let admin = Admin::connect(kafka)?;
    plan_with(&admin, kafka, topics).await
}

async fn plan_with(
    admin: &Admin,
    kafka: &KafkaConfig,
    topics: &TopicsConfig,
) -> Result<Vec<TopicChange>, StoreError> {
    let mut changes = Vec::new();
    for wanted in wanted(kafka, topics) {
        let found = admin.find(&wanted.name).await.map_err(|error| admin.explain(error))?;
        let found = differences(&wanted, found.as_ref(), topics);
        changes.extend(found.into_iter().map(|change| TopicChange { topic: wanted.name.clone(), change }));
    }
    Ok(changes)
}

/// Makes the cluster what `topics` asks for, as far as that moves and loses nothing, and notes the lives of the
/// topics. Nothing is done where nothing differs.
///
/// # Errors
/// Invalid for a configuration that cannot be; unavailable when the brokers refuse or do not answer in time: what
/// was done by then stands, and another call goes on from there.
pub async fn apply(kafka: &KafkaConfig, topics: &TopicsConfig) -> Result<Applied, StoreError> {
    topics.check()?;
    let admin = Admin::connect(kafka)?;
    let (done, left): (Vec<_>, Vec<_>) =
        plan_with(&admin, kafka, topics).await?.into_iter().partition(|change| change.change.is_applied());
    for TopicChange { topic, change } in &done {
        match change {
            Change::Create { partitions, replication, settings } => {
                admin.create(topic, *partitions, *replication, settings).await?;
            }
            Change::AddPartitions { to, .. } => admin.add_partitions(topic, *to).await?,
            Change::Set { .. } | Change::TooManyPartitions { .. } | Change::Replication { .. } => {}
        }
    }
    // All of a topic at once: the broker takes the settings of a topic as a whole.
    for of_topic in done.chunk_by(|a, b| a.topic == b.topic) {
        let set = |change: &TopicChange| match &change.change {
            Change::Set { name, to, .. } => Some((name.clone(), to.clone())),
            _ => None,
        };
        let settings: Vec<(String, String)> = of_topic.iter().filter_map(set).collect();
        if !settings.is_empty() {
            admin.set(&of_topic[0].topic, &settings).await?;
        }
    }
    note_lives(kafka, &done).await?;
    Ok(Applied { done, left })
}

/// Removes the topics of an installation, and what they hold; those that are not there are no error. Lives are
/// forgotten too: an installation that is made anew under the same prefix must not meet stores of the former one.
///
/// # Errors
/// Unavailable when the brokers refuse or do not answer in time; some may be gone then.
pub(crate) async fn remove(kafka: &KafkaConfig) -> Result<(), StoreError> {
    let topics = wanted(kafka, &TopicsConfig::default());
    Admin::connect(kafka)?.remove(topics.iter().map(|topic| topic.name.as_str()).collect()).await
}

/// Notes the lives of topics now, in the order in which they were made, rather than when somebody first uses them.
async fn note_lives(kafka: &KafkaConfig, done: &[TopicChange]) -> Result<(), StoreError> {
    let log = KafkaLog::connect(kafka.clone()).map_err(|error| invalid(error.to_string()))?;
    let made = |change: &&TopicChange| matches!(change.change, Change::Create { .. });
    for change in done.iter().filter(made) {
        for topic in Topic::ALL.into_iter().filter(|topic| kafka.topic_name(*topic) == change.topic) {
            log.epochs.of_now(topic).await?;
        }
    }
    // Closing its clients takes a moment: not on a thread of the runtime.
    tokio::task::spawn_blocking(move || drop(log)).await.map_err(interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_one_by_one_and_settings_that_fit_are_not() {
        let (kafka, topics) = (KafkaConfig::new("kafka:9092"), TopicsConfig::default());
        let all = wanted(&kafka, &topics);
        assert_eq!(all.iter().map(|topic| topic.partitions).collect::<Vec<_>>(), [12, 3, 3, 6, 1]);
        let wanted = &all[0];
        let fits = Found::new(12, 3, wanted.settings.clone());
        assert_eq!(differences(wanted, Some(&fits), &topics), []);
        let mut settings = wanted.settings.clone();
        settings.retain(|(name, _)| name != "message.timestamp.type");
        settings.push(("message.timestamp.type".to_owned(), "CreateTime".to_owned()));
        let other = Found::new(4, 1, settings);
        let found: Vec<String> = differences(wanted, Some(&other), &topics)
            .into_iter()
            .map(|change| TopicChange { topic: "t".to_owned(), change }.to_string())
            .collect();
        assert_eq!(
            found,
            [
                "~ t: partitions 4 -> 12",
                "! t: 1 copies, wanted 3: to be reassigned by hand",
                "~ t: message.timestamp.type CreateTime -> LogAppendTime",
                // With one copy, two that must have a record would refuse every one.
                "~ t: min.insync.replicas 2 -> 1"
            ]
        );
        let many = differences(wanted, Some(&Found::new(13, 3, wanted.settings.clone())), &topics);
        assert!(!many[0].is_applied());
        assert!(TopicsConfig { min_in_sync: 4, ..topics }.check().is_err());
    }
}
