//! Tunables of the notify role.

use std::time::Duration;

use crate::{ConfigError, ConsumeConfig};

/// Tunables of the notify role.
#[derive(Clone, Copy, Debug)]
pub struct NotifyConfig {
    /// How records are taken and committed; micro-batches of at most 1,000 by default, each one delivery.
    pub consume: ConsumeConfig,
    /// Most notifications of one shopper in any [`Self::cap_window`]; the rest is muted. 1 to 1,000, default
    /// 20.
    pub cap: usize,
    /// The window of the cap. 1 s to 24 h, default 1 h.
    pub cap_window: Duration,
    /// Shoppers whose recent deliveries are kept in memory; others are read from their inboxes. 100 to
    /// 10,000,000, default 100,000.
    pub cap_shoppers: usize,
    /// Shoppers whose settings are read at once. 1 to 1,024, default 64.
    pub lookups: usize,
    /// Messages over a channel at once. 1 to 1,024, default 64.
    pub sends: usize,
    /// Longest wait for a channel to take a message. 1 ms to 60 s, default 2 s.
    pub send_max: Duration,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            consume: ConsumeConfig { records_max: 1_000, ..ConsumeConfig::default() },
            cap: 20,
            cap_window: Duration::from_secs(3600),
            cap_shoppers: 100_000,
            lookups: 64,
            sends: 64,
            send_max: Duration::from_secs(2),
        }
    }
}

impl NotifyConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        ConfigError::unless_in("cap", self.cap, 1, 1_000)?;
        ConfigError::unless_in("cap_window", self.cap_window, ms(1_000), ms(24 * 3_600_000))?;
        ConfigError::unless_in("cap_shoppers", self.cap_shoppers, 100, 10_000_000)?;
        ConfigError::unless_in("lookups", self.lookups, 1, 1_024)?;
        ConfigError::unless_in("sends", self.sends, 1, 1_024)?;
        ConfigError::unless_in("send_max", self.send_max, ms(1), ms(60_000))?;
        self.consume.validate()
    }
}
