//! Tunables of the behaviour role.

use std::time::Duration;

use rep_core::{EventTimeLimits, TasteRules};

use crate::{ConfigError, ConsumeConfig};

/// Tunables of the behaviour role.
#[derive(Clone, Copy, Debug)]
pub struct BehaviourConfig {
    /// How records are taken and committed.
    pub consume: ConsumeConfig,
    /// Which times an action may have. Default from the year 2000 to five minutes ahead.
    pub time_limits: EventTimeLimits,
    /// How taste is summed.
    pub taste: TasteRules,
    /// Documents of one bulk. 1 to 10,000, default 500 (source: the specification).
    pub bulk_documents: usize,
    /// Longest wait of a document for its bulk. 10 ms to 60 s, default 1 s (source: the specification).
    pub bulk_interval: Duration,
    /// Bulks on their way at once: enough that vectors seldom wait for documents. 1 to 32, default 16.
    pub bulks_in_flight: usize,
    /// Longest wait for the vectors of a micro-batch's search queries. 1 ms to 5 s, default 250 ms.
    pub search_wait: Duration,
    /// Longest wait of an action for the vector of a product that has none yet. 1 ms to 5 s, default 250 ms.
    pub product_wait: Duration,
    /// Most products without a vector that a micro-batch has embedded at once, ahead of the backlog; so many are under
    /// way at a time. 0 to 32, default 32; those beyond are left to the backlog.
    pub products_at_once: usize,
    /// How long a product's vector that was read counts, before it is read again: so long may a changed text take to
    /// matter. 0 to 10 min, default 10 s.
    pub vectors_kept: Duration,
    /// How long queries are not even asked for after their wait ran out or the model failed, so that a model
    /// that hangs costs the stream one wait in this time; products likewise, after the model failed. 0 to 60 s,
    /// default 2 s.
    pub search_cooldown: Duration,
}

impl Default for BehaviourConfig {
    fn default() -> Self {
        Self {
            consume: ConsumeConfig::default(),
            time_limits: EventTimeLimits::default(),
            taste: TasteRules::default(),
            bulk_documents: 500,
            bulk_interval: Duration::from_secs(1),
            bulks_in_flight: 16,
            search_wait: Duration::from_millis(250),
            product_wait: Duration::from_millis(250),
            products_at_once: 32,
            search_cooldown: Duration::from_secs(2),
            vectors_kept: Duration::from_secs(10),
        }
    }
}

impl BehaviourConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        ConfigError::unless_in("bulk_documents", self.bulk_documents, 1, 10_000)?;
        ConfigError::unless_in("bulk_interval", self.bulk_interval, ms(10), ms(60_000))?;
        ConfigError::unless_in("bulks_in_flight", self.bulks_in_flight, 1, 32)?;
        ConfigError::unless_in("search_wait", self.search_wait, ms(1), ms(5_000))?;
        ConfigError::unless_in("product_wait", self.product_wait, ms(1), ms(5_000))?;
        ConfigError::unless_in("products_at_once", self.products_at_once, 0, 32)?;
        ConfigError::unless_in("search_cooldown", self.search_cooldown, Duration::ZERO, ms(60_000))?;
        ConfigError::unless_in("vectors_kept", self.vectors_kept, Duration::ZERO, ms(600_000))?;
        let (minute, ages) = (ms(60_000), Duration::from_secs(3_660 * 24 * 3600));
        ConfigError::unless_in("taste.half_life", self.taste.half_life, minute, ages)?;
        ConfigError::unless_in("taste.refused_share", self.taste.refused_share, 0.0, 1.0)?;
        self.consume.validate()
    }
}
