//! Tickets: one stream for one caller, within half a minute. A token in an address would stand in logs.

use std::time::Duration;

use rep_core::ports::tickets::{TICKET_BYTES_MAX, Tickets};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Timestamp, UserId, UserKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Principal;

/// How long a ticket is good.
const TICKET_TTL: Duration = Duration::from_secs(30);

/// What is noted under a ticket.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Whose streams; an operator's ticket has none.
    user: Option<UserId>,
    /// When the right ends, whatever the ticket opened by then.
    until: Option<Timestamp>,
    /// When the ticket ends.
    ends: Timestamp,
}

/// A ticket for `principal`, and when it ends.
///
/// # Errors
/// When the store refuses it: too many are open, or it is away.
pub(crate) async fn issue(
    tickets: &dyn Tickets,
    principal: Principal,
    now: Timestamp,
) -> Result<(String, Timestamp), StoreError> {
    // 244 random bits of the system's generator.
    let ticket = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let ends = now.plus(TICKET_TTL);
    let (holder, user, until) = match principal {
        Principal::Operator => ("operator".to_owned(), None, None),
        Principal::User { user, until } => (UserKey::of(&user).to_string(), Some(user), until),
    };
    let note = serde_json::to_string(&Note { user, until, ends });
    let note = note.map_err(|error| StoreError::new(StoreErrorKind::Invalid, error))?;
    tickets.keep(&holder, &ticket, &note, TICKET_TTL).await?;
    Ok((ticket, ends))
}

/// Whose ticket it is; never twice.
///
/// # Errors
/// When the store is away or what it has cannot be read.
pub(crate) async fn spend(
    tickets: &dyn Tickets,
    ticket: &str,
    now: Timestamp,
) -> Result<Option<Principal>, StoreError> {
    if ticket.len() > TICKET_BYTES_MAX {
        return Ok(None);
    }
    let Some(note) = tickets.take(ticket).await? else { return Ok(None) };
    let Note { user, until, ends } =
        serde_json::from_str(&note).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
    let principal = match user {
        Some(user) => Principal::User { user, until },
        None => Principal::Operator,
    };
    Ok((ends > now).then_some(principal))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use async_trait::async_trait;
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<HashMap<String, String>>);

    #[async_trait]
    impl Tickets for Kept {
        async fn keep(&self, _: &str, ticket: &str, note: &str, _: Duration) -> Result<(), StoreError> {
            self.0.lock().insert(ticket.to_owned(), note.to_owned());
            Ok(())
        }

        async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError> {
            Ok(self.0.lock().remove(ticket))
        }
    }

    #[tokio::test]
    async fn a_ticket_is_its_holders_once_and_not_for_long() {
        let (tickets, now) = (Kept::default(), Timestamp::from_ms(1_000));
        let user = UserId::new("u").unwrap();
        for holder in [Principal::Operator, Principal::User { user, until: Some(now) }] {
            let (ticket, _) = issue(&tickets, holder.clone(), now).await.unwrap();
            assert_eq!(spend(&tickets, &ticket, now).await.unwrap(), Some(holder.clone()));
            assert_eq!(spend(&tickets, &ticket, now).await.unwrap(), None);
            let (late, ends) = issue(&tickets, holder, now).await.unwrap();
            assert_eq!(spend(&tickets, &late, ends).await.unwrap(), None);
        }
    }
}
