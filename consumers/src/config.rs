//! Bounds of the consume loop.

use std::time::Duration;

use crate::ConfigError;

/// How a failed call is tried again: exponentially later, with jitter, without end but in sight.
#[derive(Clone, Copy, Debug)]
pub struct RetryConfig {
    /// Wait before the second attempt; up to twice that by jitter. 1 ms to 10 s, default 50 ms.
    pub delay_min: Duration,
    /// Longest wait before jitter. 10 ms to 60 s, default 5 s.
    pub delay_max: Duration,
    /// Longest single attempt. 10 ms to 5 min, default 30 s.
    pub attempt_max: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            delay_min: Duration::from_millis(50),
            delay_max: Duration::from_secs(5),
            attempt_max: Duration::from_secs(30),
        }
    }
}

/// How records are taken, committed and let go.
#[derive(Clone, Copy, Debug)]
pub struct ConsumeConfig {
    /// Most records of a micro-batch. 1 to 20,000, default 5,000.
    pub records_max: usize,
    /// How long a micro-batch waits to fill after its first record. 0 to 10 ms, default 2 ms.
    pub linger: Duration,
    /// How long a poll waits for a first record; also how soon an idle role commits. 1 ms to 5 s, default
    /// 100 ms.
    pub poll_wait: Duration,
    /// How often finished work is committed. 10 ms to 60 s, default 1 s.
    pub commit_interval: Duration,
    /// Longest time that revoked partitions are held to finish them. 100 ms to 5 min, default 10 s.
    pub revoke_max: Duration,
    /// Longest time from the call to stop to the end. 100 ms to 5 min, default 20 s.
    pub drain_max: Duration,
    /// How failed calls are tried again.
    pub retry: RetryConfig,
}

impl Default for ConsumeConfig {
    fn default() -> Self {
        Self {
            records_max: 5_000,
            linger: Duration::from_millis(2),
            poll_wait: Duration::from_millis(100),
            commit_interval: Duration::from_secs(1),
            revoke_max: Duration::from_secs(10),
            drain_max: Duration::from_secs(20),
            retry: RetryConfig::default(),
        }
    }
}

impl RetryConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        ConfigError::unless_in("retry.delay_min", self.delay_min, ms(1), ms(10_000))?;
        ConfigError::unless_in("retry.delay_max", self.delay_max, ms(10), ms(60_000))?;
        ConfigError::unless_in("retry.attempt_max", self.attempt_max, ms(10), ms(300_000))
    }
}

impl ConsumeConfig {
    /// Refuses what is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ms = Duration::from_millis;
        ConfigError::unless_in("records_max", self.records_max, 1, 20_000)?;
        ConfigError::unless_in("linger", self.linger, Duration::ZERO, ms(10))?;
        ConfigError::unless_in("poll_wait", self.poll_wait, ms(1), ms(5_000))?;
        ConfigError::unless_in("commit_interval", self.commit_interval, ms(10), ms(60_000))?;
        ConfigError::unless_in("revoke_max", self.revoke_max, ms(100), ms(300_000))?;
        ConfigError::unless_in("drain_max", self.drain_max, ms(100), ms(300_000))?;
        self.retry.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_bounds_are_named() {
        ConsumeConfig::default().validate().unwrap();
        let slow = ConsumeConfig { linger: Duration::from_secs(1), ..ConsumeConfig::default() };
        assert_eq!(slow.validate().unwrap_err().to_string(), "`linger` must be from 0ns to 10ms, got 1s");
    }
}
