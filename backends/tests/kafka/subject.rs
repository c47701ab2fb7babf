//! A log on the tests' Kafka, in topics of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rep_backends::kafka::topics::{self, TopicsConfig};
use rep_backends::kafka::{KafkaConfig, KafkaLog};
use rep_backends::{ConnectConfig, SystemClock, open_data_dir};
use rep_core::ModelId;
use rep_core::contract::support::{Ports, Subject, unique};
use rep_core::ports::log::EventLog;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// One copy of each topic: the tests' Kafka is one broker.
pub(crate) const TOPICS: TopicsConfig =
    TopicsConfig { replication: 1, min_in_sync: 1, retention: Duration::from_secs(24 * 3600) };

/// Kafka with a prefix that nobody used before, and no topics yet.
pub(crate) fn config_at(brokers: &str) -> KafkaConfig {
    KafkaConfig { prefix: format!("{}.", unique("test")), ..KafkaConfig::new(brokers) }
}

/// Topics that nobody used before.
pub(crate) async fn fresh_topics() -> KafkaConfig {
    let config = config_at(&kafka().await);
    topics::apply(&config, &TOPICS).await.unwrap();
    config
}

/// A log on `config`.
pub(crate) fn log_of(config: &KafkaConfig) -> Arc<dyn EventLog> {
    Arc::new(KafkaLog::connect(config.clone()).unwrap())
}

/// The log on Kafka, and the rest of the ports from a data directory.
pub(crate) struct OnKafka {
    config: KafkaConfig,
    ports: Option<Ports>,
    _dir: TempDir,
}

impl OnKafka {
    /// The contract's tests share their topics, as its suite says they may.
    pub(crate) async fn fresh() -> Self {
        static CONFIG: OnceCell<KafkaConfig> = OnceCell::const_new();
        let config = CONFIG.get_or_init(fresh_topics).await.clone();
        let dir = TempDir::new().unwrap();
        let rest = ConnectConfig::new(dir.path().to_owned(), ModelId::new("contract-model").unwrap(), 16);
        let rest = open_data_dir(&rest, Arc::new(SystemClock)).unwrap();
        let ports = Ports {
            log: log_of(&config),
            behaviour: rest.behaviour,
            preferences: rest.preferences,
            popularity: rest.popularity,
            notifications: rest.notifications,
            tickets: rest.tickets,
        };
        Self { config, ports: Some(ports), _dir: dir }
    }
}

#[async_trait]
impl Subject for OnKafka {
    fn ports(&self) -> &Ports {
        self.ports.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        let ports = self.ports.take().unwrap();
        drop(ports.log);
        self.ports = Some(Ports { log: log_of(&self.config), ..ports });
    }
}

/// Started together, for all tests of this binary.
pub(crate) const SERVERS: &[&str] = &["kafka", "registry", "kafka-secured"];

/// Address of the shared Kafka.
pub(crate) async fn kafka() -> String {
    crate::servers::shared("REP_TEST_KAFKA", SERVERS).await
}

/// Base URL of the shared registry.
pub(crate) async fn registry() -> String {
    crate::servers::shared("REP_TEST_REGISTRY", SERVERS).await
}
