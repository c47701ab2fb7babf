//! The backends of a cluster: Kafka and its registry, Elasticsearch, Redis.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use rep_core::avro::Codec;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::log::EventLog;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Topic};

use super::{Backends, ConnectConfig, ConnectError};
use crate::elasticsearch::{
    Client, ElasticsearchBehaviour, ElasticsearchCatalog, ElasticsearchHistory, ElasticsearchPreferences,
    Indices, Remedy, ReplicaCatalog,
};
use crate::error::{corrupt, invalid, unavailable};
use crate::kafka::KafkaLog;
use crate::places::{Places, Retrieval, Servers};
use crate::redis::{RedisConfig, RedisNotifications, RedisPopularity, RedisPreferences, RedisTickets};
use crate::registry::{Registry, RegistryConfig};
use crate::saving::{Saves, SavingLog};
use crate::server_url::ServerUrl;

/// File in the data directory that remembers the ids of schemas.
const SCHEMA_IDS: &str = "schema-ids.json";

/// First and longest pause between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// Connects to servers that have what is needed of them; waits for those that do not have it yet.
pub(super) async fn connect(
    config: &ConnectConfig,
    servers: Servers,
    clock: Arc<dyn Clock>,
    waiting: &(dyn Fn(&ConnectError) + Send + Sync),
) -> Result<Backends, ConnectError> {
    let clients = Clients::new(config, servers)?;
    let pauses = ExponentialBuilder::default()
        .with_min_delay(PAUSE.0)
        .with_max_delay(PAUSE.1)
        .with_jitter()
        .without_max_times();
    (|| clients.connect(config, &clock))
        .retry(pauses)
        .sleep(tokio::time::sleep)
        .when(ConnectError::is_retryable)
        .notify(|error, _| waiting(error))
        .await
}

/// What can be made without an answer of any server, once for all attempts.
struct Clients {
    kafka: Arc<KafkaLog>,
    registry: Registry,
    elasticsearch: Client,
    redis: RedisConfig,
}

impl Clients {
    fn new(config: &ConnectConfig, servers: Servers) -> Result<Self, ConnectError> {
        let places = &config.places;
        let kafka = KafkaLog::connect(servers.kafka).map_err(invalid).map_err(at("log", &places.log))?;
        let remembered = Some(config.data_dir.join(SCHEMA_IDS));
        let registry = Registry::new(RegistryConfig { remembered, ..servers.registry });
        let registry = registry.map_err(StoreError::from).map_err(at_registry(places))?;
        let elasticsearch = Client::new(&servers.elasticsearch).map_err(at("search", &places.search))?;
        Ok(Self { kafka: Arc::new(kafka), registry, elasticsearch, redis: servers.redis })
    }

    async fn connect(
        &self,
        config: &ConnectConfig,
        clock: &Arc<dyn Clock>,
    ) -> Result<Backends, ConnectError> {
        let ConnectConfig { places, model, dimensions, .. } = config;
        for topic in Topic::ALL {
            // Also tells whether each has its partitions.
            self.kafka.offsets(topic, "connect").await.map_err(at("log", &places.log))?;
        }
        let ids = self.registry.ids().await.map_err(StoreError::from).map_err(at_registry(places))?.ids;
        let codec = Codec::new(&ids).map_err(corrupt).map_err(at_registry(places))?;

        let client = &self.elasticsearch;
        let indices = Indices::new(client.clone(), model.clone(), *dimensions);
        check_indices(&indices).await.map_err(at("search", &places.search))?;

        let (redis, at_redis) = (&self.redis, at("preferences", &places.preferences));
        let backup = Arc::new(ElasticsearchPreferences::new(client.clone(), Arc::clone(clock)));
        let history = Arc::new(ElasticsearchHistory::new(client.clone()));
        let preferences = RedisPreferences::connect(redis, backup, Arc::clone(clock), model.clone());
        let preferences = Arc::new(preferences.await.map_err(&at_redis)?);
        let popularity = RedisPopularity::connect(redis, config.popularity_half_life);
        let popularity = popularity.await.map_err(&at_redis)?;
        let notifications = RedisNotifications::connect(redis, history).await.map_err(&at_redis)?;
        let tickets = RedisTickets::connect(redis).await.map_err(&at_redis)?;

        let catalog = ElasticsearchCatalog::new(client.clone(), model, *dimensions);
        let catalog: Arc<dyn Catalog> = match places.retrieval {
            Retrieval::Elasticsearch => Arc::new(catalog),
            Retrieval::Replica => {
                let log = Arc::clone(&self.kafka) as Arc<dyn EventLog>;
                let replica = ReplicaCatalog::open(catalog, log, codec.clone()).await;
                Arc::new(replica.map_err(at("search", &places.search))?)
            }
        };
        let saves = Arc::clone(&preferences) as Arc<dyn Saves>;
        Ok(Backends {
            mode: "cluster",
            log: Arc::new(SavingLog::new(Arc::clone(&self.kafka) as Arc<dyn EventLog>, saves)),
            catalog,
            behaviour: Arc::new(ElasticsearchBehaviour::new(client.clone(), Arc::clone(clock))),
            preferences: preferences as Arc<dyn PreferenceStore>,
            popularity: Arc::new(popularity),
            notifications: Arc::new(notifications),
            tickets: Arc::new(tickets),
            codec: codec.learning_from(Arc::new(self.registry.clone())),
            data_dir: None,
        })
    }
}

/// An error met at the server of `key`, whose address is `url`.
fn at(key: &'static str, url: &ServerUrl) -> impl Fn(StoreError) -> ConnectError + use<> {
    let place = url.to_string();
    move |source| ConnectError::Server { key, place: place.clone(), source }
}

fn at_registry(places: &Places) -> impl Fn(StoreError) -> ConnectError + use<> {
    at("registry", &places.registry.clone().unwrap_or_default())
}

/// Whether the indices are as they must be.
async fn check_indices(indices: &Indices) -> Result<(), StoreError> {
    let plans = indices.plan().await?;
    let Some(finding) = plans.into_iter().flat_map(|plan| plan.findings).next() else { return Ok(()) };
    Err(match finding.remedy() {
        Remedy::Apply => unavailable(format!("{finding}; `rep indices apply` mends that")),
        Remedy::Switch => unavailable(format!(
            "{finding}; `rep indices switch` fills that and switches, or run with the model in use (`--model`)"
        )),
        Remedy::Person => StoreError::new(StoreErrorKind::Invalid, finding.to_string()),
    })
}
