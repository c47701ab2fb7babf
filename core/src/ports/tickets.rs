//! Tickets that open something once.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// Longest name of a ticket, and longest note, in bytes.
pub const TICKET_BYTES_MAX: usize = 1024;

/// Tickets of one holder that are good at a time, used ones included.
pub const TICKETS_OF_HOLDER_MAX: usize = 32;

/// Notes under names that nobody can guess, each to be taken once, by whichever process gets there first.
///
/// A note may be lost when its store is: then whoever held the ticket asks for another.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Keeps `note` under the name `ticket` for `ttl`, at least 1 ms. Of the tickets of one `holder` only the newest
    /// [`TICKETS_OF_HOLDER_MAX`] stay: who asks for many takes nothing from others.
    ///
    /// # Errors
    /// Invalid when one of them is over [`TICKET_BYTES_MAX`]; full when there are too many.
    async fn keep(&self, holder: &str, ticket: &str, note: &str, ttl: Duration) -> Result<(), StoreError>;

    /// Takes the note under `ticket`; `None` if there is none, or none any more.
    async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError>;
}
