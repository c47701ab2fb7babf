//! An installation for a while: topics, schemas and indices under a prefix of its own, and their removal.
//!
//! For measurements and rehearsals on servers that others use too: nothing without that prefix is touched.

use std::time::Duration;

use rep_core::ModelId;
use rep_core::ports::StoreError;

use crate::connect::ConnectError;
use crate::elasticsearch::{Client, Indices};
use crate::error::invalid;
use crate::kafka::topics::{self, TopicsConfig};
use crate::places::{Places, Servers};
use crate::redis::RedisLink;
use crate::registry::{Registry, RegistryConfig};

/// Least that stands before the names of what is removed again, in bytes: nobody removes all of a server by mistake.
const NAME_BYTES_MIN: usize = 6;

/// An installation that is made and removed again.
pub struct Trial {
    places: Places,
    servers: Servers,
    indices: Indices,
}

impl Trial {
    /// The installation `name` on the servers of `places`, behind the prefixes that these have; asks nothing of them.
    /// `name` is 6 to 30 of a-z, 0-9 and `-`, and begins with a letter or digit. Its products have vectors of `model`,
    /// `dimensions` wide.
    ///
    /// # Errors
    /// When an address or the name is none, or the stores are not on servers.
    pub fn new(places: &Places, name: &str, model: ModelId, dimensions: usize) -> Result<Self, ConnectError> {
        if name.len() < NAME_BYTES_MIN {
            let reason = format!("the name of a trial has at least {NAME_BYTES_MIN} letters, got `{name}`");
            return Err(ConnectError::Address { key: "prefix", reason });
        }
        let places = places.within(name);
        let servers = places.servers()?.ok_or(ConnectError::NotShared)?;
        let client = Client::new(&servers.elasticsearch)
            .map_err(|error| ConnectError::Address { key: "search", reason: error.to_string() })?;
        Ok(Self { indices: Indices::new(client, model, dimensions), places, servers })
    }

    /// Where it is.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Its servers, with its prefixes.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Makes its topics with one copy of each partition, its schemas and its indices. Can be repeated.
    ///
    /// # Errors
    /// When a server is away or refuses; what was made by then stands until [`Self::remove`].
    pub async fn make(&self) -> Result<(), StoreError> {
        let topics =
            TopicsConfig { replication: 1, min_in_sync: 1, retention: Duration::from_secs(24 * 3600) };
        topics::apply(&self.servers.kafka, &topics).await?;
        let applied = self.registry()?.apply().await.map_err(StoreError::from)?;
        if !applied.is_complete() {
            return Err(invalid("the registry refuses a schema; `rep schemas plan` says which"));
        }
        self.indices.apply().await.map(drop)
    }

    /// Removes all of it: topics, subjects, indices, and what Redis has of it; but a cluster of Redis keeps its keys,
    /// of which some have no time to live. Stop whoever uses it first. Can be repeated.
    ///
    /// # Errors
    /// The first that was met; the rest is removed nevertheless.
    pub async fn remove(&self) -> Result<(), StoreError> {
        let topics = topics::remove(&self.servers.kafka).await;
        let subjects = match self.registry() {
            Ok(registry) => registry.remove().await.map_err(StoreError::from),
            Err(error) => Err(error),
        };
        let indices = self.indices.remove().await;
        let keys = match RedisLink::connect(&self.servers.redis).await {
            Ok(link) => link.remove_all().await,
            Err(error) => Err(error),
        };
        topics.and(subjects).and(indices).and(keys)
    }

    fn registry(&self) -> Result<Registry, StoreError> {
        let config = RegistryConfig { remembered: None, ..self.servers.registry.clone() };
        Registry::new(config).map_err(StoreError::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(prefix: &str) -> Places {
        Places {
            log: format!("kafka://k:9092{prefix}").into(),
            registry: Some("http://r:8081".into()),
            search: format!("http://e:9200{prefix}").into(),
            preferences: format!("redis://d:6379/1{prefix}").into(),
            ..Places::default()
        }
    }

    fn trial(places: &Places, name: &str) -> Result<Trial, ConnectError> {
        Trial::new(places, name, ModelId::new("m").unwrap(), 4)
    }

    #[test]
    fn a_name_stands_behind_the_prefix_that_is_there() {
        for (prefix, full) in [("", "bench-1-"), ("?prefix=shop-", "shop-bench-1-")] {
            let trial = trial(&places(prefix), "bench-1-").unwrap();
            let Servers { kafka, registry, redis, .. } = trial.servers();
            assert_eq!([&kafka.prefix, &registry.prefix, &redis.prefix], [full; 3]);
            assert_eq!(redis.url.reveal(), "redis://d:6379/1");
            assert_eq!(trial.places().search.reveal(), format!("http://e:9200?prefix={full}"));
        }
    }

    #[test]
    fn without_a_name_or_servers_there_is_no_trial() {
        assert!(matches!(trial(&places(""), ""), Err(ConnectError::Address { key: "prefix", .. })));
        assert!(matches!(trial(&Places::default(), "bench-1-"), Err(ConnectError::NotShared)));
    }
}
