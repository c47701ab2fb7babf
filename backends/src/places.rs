//! Where each store is, by URL.

use crate::connect::ConnectError;
use crate::elasticsearch::{ElasticsearchConfig, Namespace};
use crate::kafka::KafkaConfig;
use crate::redis::RedisConfig;
use crate::registry::RegistryConfig;
use crate::server_url::ServerUrl;

/// The address of stores in this process.
pub const EMBEDDED: &str = "embedded:";

/// Where each store is, by URL: all in this process, or all on servers.
///
/// `?prefix=NAME` at the end of a server's URL stands before every name there, so that several installations share it.
#[derive(Clone, Debug)]
pub struct Places {
    /// The log: `embedded:` or `kafka://host:port,host:port`.
    pub log: ServerUrl,
    /// Schema registry of a log on Kafka: base URL of its Confluent-compatible API.
    pub registry: Option<ServerUrl>,
    /// Products and documents: `embedded:`, or `http://host:port` of Elasticsearch.
    pub search: ServerUrl,
    /// Preference vectors, popularity, inboxes: `embedded:` or `redis://host:port`.
    pub preferences: ServerUrl,
    /// What answers searches of a catalogue on a server.
    pub retrieval: Retrieval,
}

/// What answers searches of a catalogue on a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retrieval {
    /// The server.
    #[default]
    Elasticsearch,
    /// The memory of each process that searches, fed from the server and the log.
    Replica,
}

impl Default for Places {
    /// All in this process.
    fn default() -> Self {
        let embedded = || ServerUrl::from(EMBEDDED);
        Self {
            log: embedded(),
            registry: None,
            search: embedded(),
            preferences: embedded(),
            retrieval: Retrieval::default(),
        }
    }
}

/// The servers that keep the stores.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Kafka.
    pub kafka: KafkaConfig,
    /// The schema registry; shares Kafka's prefix.
    pub registry: RegistryConfig,
    /// Elasticsearch.
    pub elasticsearch: ElasticsearchConfig,
    /// Redis.
    pub redis: RedisConfig,
}

impl Places {
    /// Whether there is a backend for each address; reaches none.
    pub fn check(&self) -> Result<(), ConnectError> {
        self.servers().map(drop)
    }

    /// Whether several processes can use these stores at once.
    pub fn check_shared(&self) -> Result<(), ConnectError> {
        if self.servers()?.is_none() { Err(ConnectError::NotShared) } else { Ok(()) }
    }

    /// The same servers, with `name` behind each prefix; stores in this process stay what they are.
    #[must_use]
    pub fn within(&self, name: &str) -> Self {
        let within = |url: &ServerUrl| {
            if is_embedded(url) {
                return url.clone();
            }
            let (base, prefix) = without_prefix(url.reveal());
            let sign = if base.contains('?') { '&' } else { '?' };
            ServerUrl::from(format!("{base}{sign}prefix={prefix}{name}"))
        };
        Self {
            log: within(&self.log),
            registry: self.registry.clone(),
            search: within(&self.search),
            preferences: within(&self.preferences),
            retrieval: self.retrieval,
        }
    }

    /// The servers named; `None` where all stores are in this process.
    ///
    /// # Errors
    /// When an address is none, or when some stores are in this process and others are not.
    pub fn servers(&self) -> Result<Option<Servers>, ConnectError> {
        let embedded = [&self.log, &self.search, &self.preferences].map(is_embedded);
        if embedded == [true; 3] {
            return Ok(None);
        }
        let refused = |key, reason: String| ConnectError::Address { key, reason };
        let kafka = KafkaConfig::from_url(self.log.reveal());
        let kafka = kafka.map_err(|error| refused("log", format!("{error}{}", mixed(&self.log))))?;
        let elasticsearch = elasticsearch(self.search.reveal())
            .map_err(|error| refused("search", format!("{error}{}", mixed(&self.search))))?;
        let redis = redis(self.preferences.reveal())
            .map_err(|error| refused("preferences", format!("{error}{}", mixed(&self.preferences))))?;
        let Some(url) = self.registry.clone().filter(|url| !url.reveal().is_empty()) else {
            let reason = "a log on Kafka needs the schema registry's URL, such as `http://registry:8081`";
            return Err(refused("registry", reason.to_owned()));
        };
        let registry = RegistryConfig { prefix: kafka.prefix.clone(), ..RegistryConfig::new(url) };
        registry.validate().map_err(|error| refused("registry", error.to_string()))?;
        Ok(Some(Servers { kafka, registry, elasticsearch, redis }))
    }
}

fn is_embedded(url: &ServerUrl) -> bool {
    url.reveal() == EMBEDDED
}

/// What to say where a store in this process stands beside servers.
fn mixed(url: &ServerUrl) -> &'static str {
    if is_embedded(url) { "; stores are all `embedded:` or all on servers" } else { "" }
}

/// Elasticsearch at `url`, such as `https://user:password@host:9200?prefix=shop-`.
///
/// # Errors
/// What is wrong with the address.
pub fn elasticsearch(url: &str) -> Result<ElasticsearchConfig, String> {
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err("Elasticsearch's URL looks like `http://host:9200`".to_owned());
    }
    let (url, prefix) = without_prefix(url);
    let namespace = Namespace::new(&prefix).map_err(|error| error.to_string())?;
    let config = ElasticsearchConfig { namespace, ..ElasticsearchConfig::new(url) };
    crate::elasticsearch::Client::new(&config).map_err(|error| error.to_string())?;
    Ok(config)
}

/// Redis at `url`, such as `redis://:password@host:6379?prefix=shop:`.
///
/// # Errors
/// What is wrong with the address.
pub fn redis(url: &str) -> Result<RedisConfig, String> {
    let (url, prefix) = without_prefix(url);
    let config = RedisConfig { prefix, ..RedisConfig::new(url) };
    config.validate().map_err(|error| error.to_string())?;
    Ok(config)
}

/// A URL less its parameter `prefix`, and that.
fn without_prefix(url: &str) -> (String, String) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), String::new()) };
    let (prefixes, others): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|parameter| parameter.starts_with("prefix="));
    let prefix = prefixes.first().map_or("", |parameter| &parameter["prefix=".len()..]);
    let rest = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
    (rest, prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_servers() -> Places {
        Places {
            log: "kafka://k:9092?prefix=shop.".into(),
            registry: Some("http://r:8081".into()),
            search: "http://u:secret@e:9200?prefix=shop-".into(),
            preferences: "redis://:secret@r:6379/1?prefix=shop:".into(),
            retrieval: Retrieval::default(),
        }
    }

    #[test]
    fn stores_are_all_here_or_all_on_servers() {
        assert!(Places::default().servers().unwrap().is_none());
        assert!(matches!(Places::default().check_shared(), Err(ConnectError::NotShared)));
        let servers = on_servers().servers().unwrap().unwrap();
        assert_eq!((servers.kafka.prefix.as_str(), servers.registry.prefix.as_str()), ("shop.", "shop."));
        assert_eq!(servers.elasticsearch.url.reveal(), "http://u:secret@e:9200");
        assert_eq!(
            (servers.redis.url.reveal(), servers.redis.prefix.as_str()),
            ("redis://:secret@r:6379/1", "shop:")
        );
        for (key, places) in [
            ("log", Places { log: EMBEDDED.into(), ..on_servers() }),
            ("search", Places { search: EMBEDDED.into(), ..on_servers() }),
            ("search", Places { search: "e:9200".into(), ..on_servers() }),
            ("search", Places { search: "http://e:9200?prefix=A".into(), ..on_servers() }),
            ("preferences", Places { preferences: "http://r".into(), ..on_servers() }),
            ("registry", Places { registry: None, ..on_servers() }),
            ("registry", Places { registry: Some("r:8081".into()), ..on_servers() }),
        ] {
            let error = places.check().unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
    }
}
