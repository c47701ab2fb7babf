//! Tickets in memory: they end with the process.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_core::ports::tickets::Tickets;
use rep_core::ports::{StoreError, StoreErrorKind};

use crate::tickets::check;

/// Most tickets that wait to be used.
const TICKETS_MAX: usize = 10_000;

/// The tickets of one process.
#[derive(Default)]
pub struct EmbeddedTickets {
    /// Notes, and until when they are good.
    open: Mutex<HashMap<String, (String, Instant)>>,
}

#[async_trait]
impl Tickets for EmbeddedTickets {
    async fn keep(&self, ticket: &str, note: &str, ttl: Duration) -> Result<(), StoreError> {
        check(ticket, note)?;
        let now = Instant::now();
        let mut open = self.open.lock();
        if open.len() >= TICKETS_MAX {
            open.retain(|_, (_, ends)| *ends > now);
        }
        if open.len() >= TICKETS_MAX {
            return Err(StoreError::new(StoreErrorKind::Full, "too many tickets are open"));
        }
        open.insert(ticket.to_owned(), (note.to_owned(), now + ttl));
        Ok(())
    }

    async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError> {
        let found = self.open.lock().remove(ticket);
        let now = Instant::now();
        Ok(found.filter(|(_, ends)| *ends > now).map(|(note, _)| note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_tickets_are_bounded_and_make_room_when_they_end() {
        let tickets = EmbeddedTickets::default();
        for n in 0..TICKETS_MAX {
            let ttl = Duration::from_millis(if n == 0 { 1 } else { 60_000 });
            tickets.keep(&n.to_string(), "note", ttl).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        tickets.keep("room", "note", Duration::from_secs(60)).await.unwrap();
        let refused = tickets.keep("none", "note", Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Full);
    }
}
