//! Tickets: a key each, which ends by itself and is taken with its removal, and a list of each holder's.

use std::time::Duration;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::tickets::{TICKETS_OF_HOLDER_MAX, Tickets};

use super::link::{RedisConfig, RedisLink};
use crate::tickets::check;

/// Lists a ticket of a holder and gives those that are one too many. KEYS: the list. ARGV: the ticket, the time to live in
/// milliseconds, how many stay.
const LIST: &str = r#"
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local over = redis.call('LLEN', KEYS[1]) - ARGV[3]
if over <= 0 then return {} end
return redis.call('LPOP', KEYS[1], over)
"#;

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
    async fn keep(&self, holder: &str, ticket: &str, note: &str, ttl: Duration) -> Result<(), StoreError> {
        check(holder, ticket, note)?;
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut set = redis::cmd("SET");
        set.arg(self.link.key(format_args!("ticket:{ticket}"))).arg(note).arg("PX").arg(ttl_ms);
        // Listed first: what is kept has been counted.
        let mut list = redis::cmd("EVAL");
        list.arg(LIST).arg(1).arg(self.link.key(format_args!("tickets:{holder}")));
        list.arg(ticket).arg(ttl_ms).arg(TICKETS_OF_HOLDER_MAX);
        let over: Vec<String> = self.link.run(list).await?;
        // One by one: on a cluster they lie on several nodes.
        let delete =
            |over: &String| redis::cmd("DEL").arg(self.link.key(format_args!("ticket:{over}"))).to_owned();
        let commands = over.iter().map(delete).chain(std::iter::once(set)).collect();
        self.link.run_all(commands).await?.into_iter().try_for_each(|answer| answer.map(drop))
    }

    async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError> {
        let mut take = redis::cmd("GETDEL");
        take.arg(self.link.key(format_args!("ticket:{ticket}")));
        self.link.run(take).await
    }
}
