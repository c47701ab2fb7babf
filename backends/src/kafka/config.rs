//! Where Kafka is, what is ours in it, and the bounds of its clients.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rep_core::Topic;
use rep_core::avro::RECORD_BYTES_MAX;

/// Bytes that key, headers and framing may add to the longest value.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// Longest batch of one record, in bytes: what topics and clients must let through.
pub(super) const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX + FRAME_BYTES_MAX;
/// What clients call themselves; in groups only members of release 0.1 do.
pub(super) const FIRST_RELEASE: &str = "rep";
/// What members of groups call themselves.
const MEMBER: &str = "rep-2";

/// Kafka, and the bounds of what this process keeps of it.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// Some of the brokers, as `host:port`, separated by commas.
    pub brokers: String,
    /// Stands before the names of topics and groups, so that several installations can share a cluster.
    /// Up to 100 letters, digits, `.`, `_` and `-`; empty by default.
    pub prefix: String,
    /// Longest wait for an append to be durable on all in-sync replicas. 10 s; 1 s to 5 min.
    pub delivery_max: Duration,
    /// Longest wait for the answer to a question (metadata, offsets) or to a commit. 5 s; 1 s to 1 min.
    pub answer_max: Duration,
    /// How long a member of a group may be silent before its partitions go to others. 10 s; 6 s to 5 min,
    /// and within what the brokers allow.
    pub session: Duration,
    /// How long a member may go without a poll before it leaves its group. 5 min; at least `session`, up to
    /// 1 h.
    pub poll_gap_max: Duration,
    /// How long an append waits for others to share its request. 1 ms; up to 1 s.
    pub linger: Duration,
    /// Appends that are not durable yet, in bytes. 64 MiB; 2 MiB to 1 GiB.
    pub append_bytes_max: usize,
    /// What a reader fetches ahead, in bytes. 8 MiB; 1 MiB to 256 MiB.
    pub fetch_bytes_max: usize,
    /// Further settings of the client library, such as `security.protocol` and `sasl.password`. They win
    /// over ours, less those that promises depend on: see [`KafkaConfigError::Reserved`].
    pub settings: Settings,
}

/// Settings of the client library by name; their values may be secret and are not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<String, String>);

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaConfigError {
    /// Not a URL of this backend.
    #[error("a Kafka URL looks like `kafka://user:password@host:9092,host:9092?prefix=shop.`: {0}")]
    Url(String),
    /// No broker is named.
    #[error("`brokers` must name at least one `host:port`, got `{0}`")]
    Brokers(String),
    /// The prefix cannot stand in a topic's name.
    #[error("`prefix` must be up to 100 letters, digits, `.`, `_` and `-`, got `{0}`")]
    Prefix(String),
    /// A bound lies outside its range.
    #[error("`{field}` must be from {least} to {most}, got {got}")]
    Range {
        /// Which.
        field: &'static str,
        /// Its lower bound.
        least: String,
        /// Its upper bound.
        most: String,
        /// What was given.
        got: String,
    },
    /// A setting that this backend's promises depend on.
    #[error("`{0}` cannot be set: what the log promises depends on it")]
    Reserved(String),
    /// The client library does not take a setting.
    #[error("Kafka's client refuses its settings: {0}")]
    Client(String),
}

impl KafkaConfig {
    /// Defaults for `brokers`, given as `host:port`, separated by commas.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: String::new(),
            delivery_max: Duration::from_secs(10),
            answer_max: Duration::from_secs(5),
            session: Duration::from_secs(10),
            poll_gap_max: Duration::from_secs(300),
            linger: Duration::from_millis(1),
            append_bytes_max: 64 << 20,
            fetch_bytes_max: 8 << 20,
            settings: Settings::default(),
        }
    }

    /// Name of `topic` in the cluster.
    pub fn topic_name(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// Name of `group` in the cluster.
    pub fn group_name(&self, group: &str) -> String {
        format!("{}{group}", self.prefix)
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn validate(&self) -> Result<(), KafkaConfigError> {
        let named = |broker: &str| {
            broker
                .trim()
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !self.brokers.split(',').all(named) {
            return Err(KafkaConfigError::Brokers(self.brokers.clone()));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.prefix.len() > 100 || !self.prefix.chars().all(fits) {
            return Err(KafkaConfigError::Prefix(self.prefix.clone()));
        }
        let seconds = Duration::from_secs;
        within("delivery_max", self.delivery_max, seconds(1), seconds(300))?;
        within("answer_max", self.answer_max, seconds(1), seconds(60))?;
        within("session", self.session, seconds(6), seconds(300))?;
        within("poll_gap_max", self.poll_gap_max, self.session, seconds(3600))?;
        within("linger", self.linger, Duration::ZERO, seconds(1))?;
        within("append_bytes_max", self.append_bytes_max, 2 << 20, 1 << 30)?;
        within("fetch_bytes_max", self.fetch_bytes_max, 1 << 20, 256 << 20)?;
        match self.settings.0.keys().find(|name| RESERVED.contains(&name.as_str())) {
            Some(name) => Err(KafkaConfigError::Reserved(name.clone())),
            None => Ok(()),
        }
    }

    /// What every client has.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", FIRST_RELEASE)
            .set("socket.timeout.ms", ms(self.answer_max.max(self.delivery_max)))
            .set("socket.keepalive.enable", "true")
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "60000")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            // Why a connection is refused stands in no error, only in the log.
            .set_log_level(RDKafkaLogLevel::Info);
        client
    }

    /// A client that appends: idempotent, so that a retry inside it makes no double and no disorder.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut client = self.client();
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", ms(self.delivery_max))
            .set("request.timeout.ms", ms((self.delivery_max / 2).max(Duration::from_secs(1))))
            .set("linger.ms", ms(self.linger))
            .set("compression.type", "lz4")
            // Bounded by our own count of bytes; these stand behind it.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", (2 * self.append_bytes_max / 1024).to_string());
        client
    }

    fn fetching(&self) -> ClientConfig {
        let fetch_bytes = self.fetch_bytes_max.max(MESSAGE_BYTES_MAX);
        let mut client = self.client();
        client
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("allow.auto.create.topics", "false")
            // Freshness: an answer waits neither for more bytes nor for long.
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "10")
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.max.bytes", fetch_bytes.to_string())
            .set("queued.max.messages.kbytes", (fetch_bytes / 1024).to_string());
        client
    }

    /// A member of `group`, given by its name in the cluster.
    pub(super) fn reader(&self, group: &str) -> ClientConfig {
        let mut client = self.fetching();
        client
            .set("client.id", MEMBER)
            .set("group.id", group)
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", ms(self.session))
            // Members hear of a rebalance with their heartbeats.
            .set("heartbeat.interval.ms", "1000")
            .set("max.poll.interval.ms", ms(self.poll_gap_max));
        client
    }

    /// A client that reads what it is told to, as nobody's member.
    pub(super) fn browser(&self) -> ClientConfig {
        let mut client = self.reader(&self.group_name("rep-browser"));
        // What it reads is there: a request that waits for more would only hold up the next question.
        client.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "1");
        client
    }

    /// A client that only asks.
    pub(super) fn asker(&self) -> ClientConfig {
        self.fetching()
    }

    /// `client` with the user's settings: what is given to the client library.
    pub(super) fn complete(&self, mut client: ClientConfig) -> ClientConfig {
        for (name, value) in &self.settings.0 {
            client.set(name, value);
        }
        client
    }
}

/// Settings that what is promised depends on, or that have a field of their own.
const RESERVED: [&str; 20] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "session.timeout.ms",
    "transactional.id",
];

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn within<T: PartialOrd + fmt::Debug>(
    field: &'static str,
    got: T,
    least: T,
    most: T,
) -> Result<(), KafkaConfigError> {
    if got >= least && got <= most {
        return Ok(());
    }
    let shown = |value: T| format!("{value:?}");
    Err(KafkaConfigError::Range { field, least: shown(least), most: shown(most), got: shown(got) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_hold_is_refused_by_name() {
        let refused = |edit: fn(&mut KafkaConfig)| {
            let mut config = KafkaConfig::new("kafka-1:9092, kafka-2:9092");
            config.validate().unwrap();
            edit(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(refused(|c| c.brokers = "kafka".to_owned()).contains("`brokers`"));
        assert!(refused(|c| c.prefix = "my shop/".to_owned()).contains("`prefix`"));
        assert!(
            refused(|c| c.session = Duration::from_secs(1)).contains("`session` must be from 6s to 300s")
        );
        assert!(refused(|c| c.append_bytes_max = 1).contains("`append_bytes_max`"));
        for reserved in ["enable.auto.commit", "acks", "transactional.id"] {
            let mut config = KafkaConfig::new("kafka:9092");
            config.settings.0.insert(reserved.to_owned(), "x".to_owned());
            assert_eq!(config.validate(), Err(KafkaConfigError::Reserved(reserved.to_owned())));
        }
    }

    #[test]
    fn settings_are_handed_on_and_their_values_not_shown() {
        let mut config = KafkaConfig::new("kafka:9092");
        config.settings.0.insert("sasl.password".to_owned(), "hush".to_owned());
        config.validate().unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        assert_eq!(config.complete(config.producer()).get("sasl.password"), Some("hush"));
    }

    #[test]
    fn names_carry_the_prefix() {
        let config = KafkaConfig { prefix: "shop.".to_owned(), ..KafkaConfig::new("kafka:9092") };
        assert_eq!(config.topic_name(Topic::UserAction), "shop.user.action.v1");
        assert_eq!(config.group_name("notify"), "shop.notify");
    }
}
