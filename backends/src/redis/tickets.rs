//! Tickets: a key each, which ends by itself and is taken with its removal.

use std::time::Duration;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::tickets::Tickets;

use super::link::{RedisConfig, RedisLink};
use crate::tickets::check;

/// The tickets of a cluster.
pub struct RedisTickets {
    link: RedisLink,
}

impl RedisTickets {
    /// Connects.
    pub async fn connect(config: &RedisConfig) -> Result<Self, StoreError> {
        Ok(Self { link: RedisLink::connect(config).await? })
    }
}

#[async_trait]
impl Tickets for RedisTickets {
    async fn keep(&self, ticket: &str, note: &str, ttl: Duration) -> Result<(), StoreError> {
        check(ticket, note)?;
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut set = redis::cmd("SET");
        set.arg(self.link.key(format_args!("ticket:{ticket}"))).arg(note).arg("PX").arg(ttl_ms);
        self.link.run::<()>(set).await
    }

    async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError> {
        let mut take = redis::cmd("GETDEL");
        take.arg(self.link.key(format_args!("ticket:{ticket}")));
        self.link.run(take).await
    }
}
