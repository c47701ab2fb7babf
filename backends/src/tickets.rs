//! What holds for tickets wherever they are kept.

use rep_core::ports::StoreError;
use rep_core::ports::tickets::TICKET_BYTES_MAX;

use crate::error::invalid;

/// Refuses names and notes that are too long.
pub(crate) fn check(holder: &str, ticket: &str, note: &str) -> Result<(), StoreError> {
    if holder.len().max(ticket.len()).max(note.len()) > TICKET_BYTES_MAX {
        return Err(invalid(format!(
            "a ticket, its holder and its note must be at most {TICKET_BYTES_MAX} bytes each"
        )));
    }
    Ok(())
}
