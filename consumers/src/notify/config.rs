//! Tunables of the notify role.

use std::time::Duration;

use super::cap::Limits;
use crate::{ConfigError, ConsumeConfig};

/// Tunables of the notify role.
#[derive(Clone, Copy, Debug)]
pub struct NotifyConfig {
    /// How records are taken and committed; micro-batches of at most 1,000 by default, each one delivery.
    pub consume: ConsumeConfig,
    /// Most notifications of one shopper in any [`Self::cap_window`], summaries included; the rest goes into
    /// summaries. 1 to 1,000, default 20.
    pub cap: usize,
    /// Of them, those that are kept for what is in the cart or on the wishlist. 0 to [`Self::cap`], default 5.
    pub cap_reserve: usize,
    /// Of them, most about one product. 1 to 1,000, default 4.
    pub cap_product: usize,
    /// The window of the cap. 1 s to 24 h, default 1 h.
    pub cap_window: Duration,
    /// How long what is neither in the cart nor on the wishlist waits, so that the worthiest goes first. 0 to 10 s,
    /// default 1 s.
    pub hold: Duration,
    /// Notifications that wait in memory, of all shoppers together; with more, they wait less. 1 to 1,000,000,
    /// default 10,000.
    pub held_max: usize,
    /// Shoppers whose recent deliveries are kept in memory; those of others are read from the store. 100 to
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
            cap_reserve: 5,
            cap_product: 4,
            cap_window: Duration::from_secs(3600),
            hold: Duration::from_secs(1),
            held_max: 10_000,
            cap_shoppers: 100_000,
            lookups: 64,
            sends: 64,
            send_max: Duration::from_secs(2),
        }
    }
}

impl NotifyConfig {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            total: self.cap,
            reserve: self.cap_reserve,
            product: self.cap_product,
            window: self.cap_window,
        }
    }

    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        ConfigError::unless_in("cap", self.cap, 1, 1_000)?;
        ConfigError::unless_in("cap_reserve", self.cap_reserve, 0, self.cap)?;
        ConfigError::unless_in("cap_product", self.cap_product, 1, 1_000)?;
        ConfigError::unless_in("hold", self.hold, Duration::ZERO, ms(10_000))?;
        ConfigError::unless_in("held_max", self.held_max, 1, 1_000_000)?;
        ConfigError::unless_in("cap_window", self.cap_window, ms(1_000), ms(24 * 3_600_000))?;
        ConfigError::unless_in("cap_shoppers", self.cap_shoppers, 100, 10_000_000)?;
        ConfigError::unless_in("lookups", self.lookups, 1, 1_024)?;
        ConfigError::unless_in("sends", self.sends, 1, 1_024)?;
        ConfigError::unless_in("send_max", self.send_max, ms(1), ms(60_000))?;
        self.consume.validate()
    }
}
