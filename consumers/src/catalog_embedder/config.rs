//! Tunables of the catalogue embedder.

use std::time::Duration;

use crate::{ConfigError, RetryConfig};

/// Tunables of the catalogue embedder.
#[derive(Clone, Copy, Debug)]
pub struct CatalogEmbedderConfig {
    /// Products of one call to the model. 1 to 512, default 16: their vectors are set together.
    pub batch: usize,
    /// Products asked for at once. `batch` to 10,000, default 128.
    pub page: usize,
    /// How often it is looked what shoppers see first, while there is something left. 100 ms to 10 min, default
    /// 1 s.
    pub seen_interval: Duration,
    /// Sleep when nothing is left, unless nudged. 10 ms to 10 min, default 2 s.
    pub idle_wait: Duration,
    /// How long a refused product is set aside. 1 s to 24 h, default 10 min.
    pub refused_for: Duration,
    /// Most products set aside. 1 to 100,000, default 10,000; beyond, the oldest are tried again.
    pub refused_max: usize,
    /// How often progress is counted. 100 ms to 10 min, default 1 s.
    pub progress_interval: Duration,
    /// How failed calls are tried again.
    pub retry: RetryConfig,
}

impl Default for CatalogEmbedderConfig {
    fn default() -> Self {
        Self {
            batch: 16,
            page: 128,
            seen_interval: Duration::from_secs(1),
            idle_wait: Duration::from_secs(2),
            refused_for: Duration::from_secs(600),
            refused_max: 10_000,
            progress_interval: Duration::from_secs(1),
            retry: RetryConfig { attempt_max: Duration::from_secs(60), ..RetryConfig::default() },
        }
    }
}

impl CatalogEmbedderConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        ConfigError::unless_in("batch", self.batch, 1, 512)?;
        ConfigError::unless_in("page", self.page, self.batch, 10_000)?;
        ConfigError::unless_in("seen_interval", self.seen_interval, ms(100), ms(600_000))?;
        ConfigError::unless_in("idle_wait", self.idle_wait, ms(10), ms(600_000))?;
        ConfigError::unless_in("refused_for", self.refused_for, ms(1_000), ms(24 * 3_600_000))?;
        ConfigError::unless_in("refused_max", self.refused_max, 1, 100_000)?;
        ConfigError::unless_in("progress_interval", self.progress_interval, ms(100), ms(600_000))?;
        self.retry.validate()
    }
}
