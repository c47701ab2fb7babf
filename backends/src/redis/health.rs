//! How a Redis is kept: what the promises of the stores in it depend on.

use rep_core::ports::StoreError;

use super::link::{RedisConfig, RedisLink};
use crate::error::corrupt;

/// How one server is set up and how it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisHealth {
    /// Its version.
    pub version: String,
    /// What it does when its memory is full; only `noeviction` loses nothing.
    pub eviction: String,
    /// Whether it keeps an append-only file, without which a restart loses what was answered.
    pub has_append_only: bool,
    /// Whether its last write to that file went well.
    pub append_only_works: bool,
    /// Memory in use, in bytes.
    pub used_bytes: u64,
    /// Most memory it may use, in bytes; `None` for all there is.
    pub bytes_max: Option<u64>,
}

impl RedisHealth {
    /// Asks the server of `config`; `None` of a cluster, whose nodes are not asked one by one.
    ///
    /// # Errors
    /// Invalid for an address or a login that is wrong, unavailable if nobody answers in time.
    pub async fn ask(config: &RedisConfig) -> Result<Option<Self>, StoreError> {
        let link = RedisLink::connect(config).await?;
        if link.is_cluster() {
            return Ok(None);
        }
        let info: String = link.run(redis::cmd("INFO")).await?;
        let fact = |name: &str| {
            let mut facts = info.lines().filter_map(|line| line.trim_end().split_once(':'));
            facts.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let told = |name: &str| fact(name).ok_or_else(|| corrupt(format!("`INFO` of Redis lacks `{name}`")));
        let bytes = |name: &str| {
            told(name)?.parse::<u64>().map_err(|error| corrupt(format!("`{name}` of Redis: {error}")))
        };
        Ok(Some(Self {
            version: told("redis_version")?.to_owned(),
            eviction: told("maxmemory_policy")?.to_owned(),
            has_append_only: told("aof_enabled")? == "1",
            append_only_works: fact("aof_last_write_status").is_none_or(|status| status == "ok"),
            used_bytes: bytes("used_memory")?,
            bytes_max: Some(bytes("maxmemory")?).filter(|bytes| *bytes > 0),
        }))
    }
}
