//! Tunables of the inventory role.

use std::time::Duration;

use rep_core::{DetectionRules, EventTimeLimits};

use crate::{ConfigError, ConsumeConfig};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Tunables of the inventory role.
#[derive(Clone, Copy, Debug)]
pub struct InventoryConfig {
    /// How records are taken and committed; micro-batches of at most 500 by default.
    pub consume: ConsumeConfig,
    /// Which times a change may have. Default from the year 2000 to five minutes ahead.
    pub time_limits: EventTimeLimits,
    /// How old a change may be to be news; nobody is notified of the past. 1 min to 366 days, default 24 h.
    pub news_age: Duration,
    /// Which changes matter.
    pub rules: DetectionRules,
    /// How long interest lasts. 1 min to 366 days, default 30 days.
    pub interest_age: Duration,
    /// Most shoppers told because they showed interest in the product. 1 to 1,000,000, default 10,000.
    pub interested_max: usize,
    /// Most shoppers told because their taste is near. 0 to 10,000, default 200.
    pub similar_max: usize,
    /// How much more alike than two products by chance taste and product must be for that, in standard deviations
    /// ([`rep_core::likeness::LikenessScale`]). 0 to 20, default 2.
    pub similar_likeness_min: f32,
    /// How recently such a shopper must have acted. 1 min to 366 days, default 7 days.
    pub similar_age: Duration,
    /// Changes whose audience is looked up at once. 1 to 64, default 8.
    pub lookups: usize,
    /// Notifications of one append. 1 to 10,000, default 1,000.
    pub append_records: usize,
}

impl Default for InventoryConfig {
    fn default() -> Self {
        Self {
            consume: ConsumeConfig { records_max: 500, ..ConsumeConfig::default() },
            time_limits: EventTimeLimits::default(),
            news_age: DAY,
            rules: DetectionRules::default(),
            interest_age: 30 * DAY,
            interested_max: 10_000,
            similar_max: 200,
            similar_likeness_min: 2.0,
            similar_age: 7 * DAY,
            lookups: 8,
            append_records: 1_000,
        }
    }
}

impl InventoryConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let minute = Duration::from_secs(60);
        ConfigError::unless_in("news_age", self.news_age, minute, 366 * DAY)?;
        ConfigError::unless_in("interest_age", self.interest_age, minute, 366 * DAY)?;
        ConfigError::unless_in("interested_max", self.interested_max, 1, 1_000_000)?;
        ConfigError::unless_in("similar_max", self.similar_max, 0, 10_000)?;
        ConfigError::unless_in("similar_likeness_min", self.similar_likeness_min, 0.0, 20.0)?;
        ConfigError::unless_in("similar_age", self.similar_age, minute, 366 * DAY)?;
        ConfigError::unless_in("lookups", self.lookups, 1, 64)?;
        ConfigError::unless_in("append_records", self.append_records, 1, 10_000)?;
        ConfigError::unless_in("rules.price_drop_min", self.rules.price_drop_min, 0.0, 1.0)?;
        self.consume.validate()
    }
}
