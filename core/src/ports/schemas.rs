//! Schemas that other programs write events with.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::Topic;

/// A schema by which values of a topic may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterSchema {
    /// Its id, as records carry it.
    pub id: u32,
    /// Itself, as it was registered; nobody promises that it is one of Avro.
    pub text: Arc<str>,
}

/// Knows which schemas are registered.
#[async_trait]
pub trait Schemas: Send + Sync {
    /// Every schema that is registered for the values of `topic` now; none if nothing is. What is listed once stays
    /// what it is: an id never means another schema.
    ///
    /// # Errors
    /// Unavailable when the registry is away; whatever the error, it says nothing about a record.
    async fn of(&self, topic: Topic) -> Result<Vec<WriterSchema>, StoreError>;
}
