//! The notify role: notifications that are due go into inboxes and live streams, and out over channels.
//!
//! The inbox is the promise: each notification is in it exactly once, and live streams are told once. The
//! simulated channels are used after that, and only for what the store took as new, so a shopper is never
//! rung twice; a crash in between may leave them unrung, with the inbox holding what they missed.
//!
//! So many an hour are told to one shopper. What is in the cart or on the wishlist goes at once, also from a reserve;
//! the rest waits a second, and the worthiest of it goes. What does not fit goes into one summary: nothing is dropped
//! in silence ([ADR 11](../../../docs/adr/0011-what-is-notified.md)).

mod cap;
mod channel;
mod config;
mod handler;
mod held;
mod round;

use std::sync::Arc;

use rep_core::avro::Codec;
use rep_core::ports::log::EventLog;
use rep_core::ports::notifications::Notifications;
use rep_core::{Clock, Topic};
use tokio_util::sync::CancellationToken;

pub use self::channel::{Channel, ChannelOutcome, SimulatedChannel};
pub use self::config::NotifyConfig;
use self::handler::NotifyHandler;
use crate::{ConsumeLoop, LiveStats, RoleContext, RoleError, RoleStats, Source};

/// The group that reads `notification.push.v1`.
pub const GROUP: &str = "notify";

/// What the role works with.
#[derive(Clone)]
pub struct NotifyDeps {
    /// Notifications come from it, dead letters go to it.
    pub log: Arc<dyn EventLog>,
    /// Events on the wire.
    pub codec: Codec,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Settings, inboxes, live streams.
    pub notifications: Arc<dyn Notifications>,
    /// What rings a phone.
    pub push: Arc<dyn Channel>,
    /// What writes a text message.
    pub sms: Arc<dyn Channel>,
}

/// One member of the group [`GROUP`].
pub struct NotifyRole {
    deps: NotifyDeps,
    config: NotifyConfig,
    stats: Arc<LiveStats>,
}

impl NotifyRole {
    /// A role that is not running yet.
    pub fn new(deps: NotifyDeps, config: NotifyConfig) -> Self {
        Self { deps, config, stats: Arc::default() }
    }

    /// Its live counts; they outlive the role.
    pub fn stats(&self) -> Arc<LiveStats> {
        Arc::clone(&self.stats)
    }

    /// Runs until `shutdown`; see [`ConsumeLoop::run`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<RoleStats, RoleError> {
        let Self { deps, config, stats } = self;
        config.validate()?;
        let context = RoleContext::new(GROUP, Arc::clone(&deps.clock), stats, config.consume.retry);
        let source = Source {
            log: Arc::clone(&deps.log),
            codec: deps.codec.clone(),
            topic: Topic::NotificationPush,
            group: GROUP,
        };
        let handler = NotifyHandler::new(context.clone(), deps, config);
        ConsumeLoop::new(context, source, config.consume, handler).run(shutdown).await
    }
}
