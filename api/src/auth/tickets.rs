//! Tickets: one stream for one caller, within half a minute. A token in an address would stand in logs.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::Timestamp;
use uuid::Uuid;

use super::Principal;

/// How long a ticket is good.
pub(crate) const TICKET_TTL: Duration = Duration::from_secs(30);
/// Most tickets that wait to be used.
const TICKETS_MAX: usize = 10_000;

/// Tickets that were given out and not used.
#[derive(Default)]
pub(crate) struct Tickets {
    open: Mutex<HashMap<String, (Principal, Timestamp)>>,
}

impl Tickets {
    /// A ticket for `principal`, and when it ends; `None` if too many wait.
    pub(crate) fn issue(&self, principal: Principal, now: Timestamp) -> Option<(String, Timestamp)> {
        let mut open = self.open.lock();
        if open.len() >= TICKETS_MAX {
            open.retain(|_, (_, ends)| *ends > now);
        }
        if open.len() >= TICKETS_MAX {
            return None;
        }
        // 244 random bits of the system's generator.
        let ticket = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let ends = now.plus(TICKET_TTL);
        open.insert(ticket.clone(), (principal, ends));
        Some((ticket, ends))
    }

    /// Whose ticket it is; never twice.
    pub(crate) fn spend(&self, ticket: &str, now: Timestamp) -> Option<Principal> {
        let (principal, ends) = self.open.lock().remove(ticket)?;
        (ends > now).then_some(principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_once_and_not_for_long() {
        let tickets = Tickets::default();
        let now = Timestamp::from_ms(1_000);
        let (ticket, _) = tickets.issue(Principal::Operator, now).unwrap();
        assert_eq!(tickets.spend(&ticket, now), Some(Principal::Operator));
        assert_eq!(tickets.spend(&ticket, now), None);
        let (late, ends) = tickets.issue(Principal::Operator, now).unwrap();
        assert_eq!(tickets.spend(&late, ends), None);
    }

    #[test]
    fn waiting_tickets_are_bounded_and_make_room_when_they_end() {
        let tickets = Tickets::default();
        let now = Timestamp::from_ms(1_000);
        for _ in 0..TICKETS_MAX {
            assert!(tickets.issue(Principal::Operator, now).is_some());
        }
        assert!(tickets.issue(Principal::Operator, now).is_none());
        assert!(tickets.issue(Principal::Operator, now.plus(TICKET_TTL)).is_some());
    }
}
