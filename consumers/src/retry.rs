//! Trying again, without end but in sight: a gauge shows the pause, and the log names it once.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use backon::{BackoffBuilder, ExponentialBuilder};
use rep_core::ports::StoreError;

use crate::{RetryConfig, RoleContext};

/// Patience for one call. While it waits, whoever holds it goes no further: that is the back-pressure.
pub struct Retry {
    context: RoleContext,
    stage: &'static str,
    delays: <ExponentialBuilder as BackoffBuilder>::Backoff,
    delay_max: std::time::Duration,
    attempts: u32,
    waits: bool,
}

impl Retry {
    pub(crate) fn new(context: RoleContext, stage: &'static str, config: RetryConfig) -> Self {
        let delays = ExponentialBuilder::default()
            .with_min_delay(config.delay_min)
            .with_max_delay(config.delay_max)
            .with_jitter()
            .without_max_times()
            .build();
        Self { context, stage, delays, delay_max: config.delay_max, attempts: 1, waits: false }
    }

    /// The number of the attempt that is made now, from 1.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// After a failed attempt: gives the error back if it is not retryable, else waits.
    pub async fn after(&mut self, error: StoreError) -> Result<(), StoreError> {
        if !error.is_retryable() {
            return Err(error);
        }
        self.wait(&error).await;
        Ok(())
    }

    /// Waits, whatever the error: for what must succeed before anything else may go on.
    pub async fn wait(&mut self, error: &(dyn Display + Sync)) {
        let role = self.context.role();
        if !self.waits {
            self.waits = true;
            let paused = self.context.stats().paused.fetch_add(1, Ordering::Relaxed) + 1;
            metrics::gauge!("rep_consumer_paused", "role" => role).set(f64::from(paused));
            tracing::warn!(role, stage = self.stage, %error, "role is paused until the store is back");
        }
        self.attempts = self.attempts.saturating_add(1);
        self.context.stats().retries.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("rep_consumer_retries_total", "role" => role, "stage" => self.stage).increment(1);
        tokio::time::sleep(self.delays.next().unwrap_or(self.delay_max)).await;
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        if self.waits {
            let role = self.context.role();
            let paused = self.context.stats().paused.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
            metrics::gauge!("rep_consumer_paused", "role" => role).set(f64::from(paused));
            tracing::info!(role, stage = self.stage, attempts = self.attempts, "role goes on");
        }
    }
}
