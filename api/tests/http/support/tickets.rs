//! Tickets in memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::tickets::Tickets;

#[derive(Default)]
pub(crate) struct MemoryTickets(Mutex<HashMap<String, String>>);

#[async_trait]
impl Tickets for MemoryTickets {
    async fn keep(&self, _: &str, ticket: &str, note: &str, _: Duration) -> Result<(), StoreError> {
        self.0.lock().unwrap().insert(ticket.to_owned(), note.to_owned());
        Ok(())
    }

    async fn take(&self, ticket: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.lock().unwrap().remove(ticket))
    }
}
