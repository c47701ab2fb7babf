//! Channels that leave this product. They are simulated.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rep_core::{Notification, stable_hash128};

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelOutcome {
    /// The channel took it.
    Sent,
    /// The channel did not, and will not; the inbox holds it still.
    Failed {
        /// What the channel said.
        reason: String,
    },
}

/// Brings a notification to a device. Called at most once for each notification and channel.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Its name as the inbox shows it, such as `push`.
    fn name(&self) -> &'static str;

    /// Sends what `notification` says to its shopper.
    async fn send(&self, notification: &Notification) -> ChannelOutcome;
}

/// A channel without a far end: counts, and fails a stated share, the same ones each time.
pub struct SimulatedChannel {
    name: &'static str,
    failures_per_mille: u32,
    sent: AtomicU64,
    failed: AtomicU64,
}

impl SimulatedChannel {
    /// The channel `push`, which never fails.
    pub fn push() -> Self {
        Self::failing("push", 0)
    }

    /// The channel `sms`, which never fails.
    pub fn sms() -> Self {
        Self::failing("sms", 0)
    }

    /// A channel that fails `failures_per_mille` of its messages, chosen by notification id.
    pub fn failing(name: &'static str, failures_per_mille: u32) -> Self {
        Self { name, failures_per_mille, sent: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    /// Messages it took.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Messages it did not take.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Channel for SimulatedChannel {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn send(&self, notification: &Notification) -> ChannelOutcome {
        let id = notification.notification_id.as_str();
        if stable_hash128(id.as_bytes()) % 1_000 < u128::from(self.failures_per_mille) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return ChannelOutcome::Failed { reason: "simulated failure".to_owned() };
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        ChannelOutcome::Sent
    }
}
