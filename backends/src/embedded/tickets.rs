//! Tickets in memory: they end with the process.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_core::ports::tickets::{TICKETS_OF_HOLDER_MAX, Tickets};
use rep_core::ports::{StoreError, StoreErrorKind};

use crate::tickets::check;

/// Most tickets of all holders that are not over, used ones included.
const TICKETS_MAX: usize = 10_000;

/// The tickets of one process.
#[derive(Default)]
pub struct EmbeddedTickets(Mutex<Open>);

#[derive(Default)]
struct Open {
    /// Notes, and until when they are good.
    notes: HashMap<String, (String, Instant)>,
    /// The tickets of each holder, oldest first, and until when they are good.
    given: HashMap<String, VecDeque<(String, Instant)>>,
    /// How many were given.
    count: usize,
}

impl Open {
    /// Lets those go that are over.
    fn sweep(&mut self, now: Instant) {
        self.notes.retain(|_, (_, ends)| *ends > now);
        self.given.retain(|_, given| {
            given.retain(|(_, ends)| *ends > now);
            !given.is_empty()
        });
        self.count = self.given.values().map(VecDeque::len).sum();
    }

    fn insert(&mut self, holder: &str, ticket: &str, note: &str, ends: Instant) {
        self.notes.insert(ticket.to_owned(), (note.to_owned(), ends));
        let given = self.given.entry(holder.to_owned()).or_default();
        given.push_back((ticket.to_owned(), ends));
        self.count += 1;
        if given.len() > TICKETS_OF_HOLDER_MAX
            && let Some((oldest, _)) = given.pop_front()
        {
            self.notes.remove(&oldest);
            self.count -= 1;
        }
    }
}

#[async_trait]
impl Tickets for EmbeddedTickets {
    async fn keep(&self, holder: &str, ticket: &str, note: &str, ttl: Duration) -> Result<(), StoreError> {
        check(holder, ticket, note)?;
        let now = Instant::now();
        let mut open = self.0.lock();
        if open.count >= TICKETS_MAX {
            open.sweep(now);
        }
        if open.count >= TICKETS_MAX {
            return Err(StoreError::new(StoreErrorKind::Full, "too many tickets are open"));
        }
        open.insert(holder, ticket, note, now + ttl);
        Ok(())
    }

    async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError> {
        let found = self.0.lock().notes.remove(ticket);
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
            tickets.keep(&n.to_string(), &n.to_string(), "note", ttl).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        tickets.keep("late", "room", "note", Duration::from_secs(60)).await.unwrap();
        let refused = tickets.keep("late", "none", "note", Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Full);
    }
}
