//! The backends of a cluster: Kafka and its registry, Elasticsearch, Redis.

use std::sync::Arc;

use rep_core::avro::Codec;
use rep_core::ports::log::EventLog;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Topic};

use super::{Backends, ConnectConfig, ConnectError};
use crate::elasticsearch::{
    Client, ElasticsearchBehaviour, ElasticsearchCatalog, ElasticsearchHistory, ElasticsearchPreferences,
    Indices, Remedy,
};
use crate::error::{corrupt, invalid, unavailable};
use crate::kafka::KafkaLog;
use crate::places::{Places, Servers, without_login};
use crate::redis::{RedisNotifications, RedisPopularity, RedisPreferences, RedisTickets};
use crate::registry::{Registry, RegistryConfig};
use crate::saving::{Saves, SavingLog};

/// File in the data directory that remembers the ids of schemas.
const SCHEMA_IDS: &str = "schema-ids.json";

/// Connects to servers that have what is needed of them; whatever lacks ends the call with what to do about it.
pub(super) async fn connect(
    config: &ConnectConfig,
    servers: Servers,
    clock: Arc<dyn Clock>,
) -> Result<Backends, ConnectError> {
    let Places { log: log_url, registry, search, preferences: redis_url } = &config.places;
    let at = |key: &'static str, url: &str| {
        let place = without_login(url);
        move |source: StoreError| ConnectError::Server { key, place: place.clone(), source }
    };

    let kafka = Arc::new(KafkaLog::connect(servers.kafka).map_err(invalid).map_err(at("log", log_url))?);
    for topic in Topic::ALL {
        // Also tells whether each has its partitions.
        kafka.offsets(topic, "connect").await.map_err(at("log", log_url))?;
    }

    let at_registry = at("registry", registry.as_deref().unwrap_or_default());
    let remembered = Some(config.data_dir.join(SCHEMA_IDS));
    let registry = Registry::new(RegistryConfig { remembered, ..servers.registry });
    let registry = registry.map_err(StoreError::from).map_err(&at_registry)?;
    let ids = registry.ids().await.map_err(StoreError::from).map_err(&at_registry)?.ids;
    let codec = Codec::new(&ids).map_err(corrupt).map_err(&at_registry)?;

    let client = Client::new(&servers.elasticsearch).map_err(at("search", search))?;
    let indices = Indices::new(client.clone(), config.model.clone(), config.dimensions);
    check_indices(&indices).await.map_err(at("search", search))?;

    let at_redis = at("preferences", redis_url);
    let redis = servers.redis;
    let backup = Arc::new(ElasticsearchPreferences::new(client.clone(), Arc::clone(&clock)));
    let history = Arc::new(ElasticsearchHistory::new(client.clone()));
    let preferences = RedisPreferences::connect(&redis, backup, Arc::clone(&clock), config.model.clone());
    let preferences = Arc::new(preferences.await.map_err(&at_redis)?);
    let popularity =
        RedisPopularity::connect(&redis, config.popularity_half_life).await.map_err(&at_redis)?;
    let notifications = RedisNotifications::connect(&redis, history).await.map_err(&at_redis)?;
    let tickets = RedisTickets::connect(&redis).await.map_err(&at_redis)?;

    Ok(Backends {
        log: Arc::new(SavingLog::new(kafka, Arc::clone(&preferences) as Arc<dyn Saves>)),
        catalog: Arc::new(ElasticsearchCatalog::new(client.clone(), &config.model, config.dimensions)),
        behaviour: Arc::new(ElasticsearchBehaviour::new(client, clock)),
        preferences: preferences as Arc<dyn PreferenceStore>,
        popularity: Arc::new(popularity),
        notifications: Arc::new(notifications),
        tickets: Arc::new(tickets),
        codec,
        data_dir: None,
    })
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
