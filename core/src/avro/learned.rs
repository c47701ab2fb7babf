//! What is known of other programs' schemas.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_avro_fast::Schema;

use super::DecodeError;
use crate::Topic;
use crate::ports::StoreError;
use crate::ports::schemas::{Schemas, WriterSchema};

/// Most schemas of other programs that are known at once. None is ever forgotten, so that what was learned for a batch
/// is there when the batch is decoded; one over the bound stays unknown.
pub const LEARNED_MAX: usize = 1000;
/// Longest schema that is read by, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 256 << 10;

/// A schema to read by, or what is wrong with it.
type Usable = Result<Arc<Schema>, Arc<str>>;

/// Schemas by topic and id, and whom to ask for more.
pub(super) struct Learned {
    schemas: Arc<dyn Schemas>,
    known: RwLock<HashMap<(Topic, u32), Usable>>,
}

impl Learned {
    pub(super) fn new(schemas: Arc<dyn Schemas>) -> Self {
        Self { schemas, known: RwLock::default() }
    }

    pub(super) fn has(&self, topic: Topic, id: u32) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(&(topic, id))
    }

    pub(super) fn schema(&self, topic: Topic, id: u32) -> Result<Arc<Schema>, DecodeError> {
        match self.known.read().unwrap_or_else(PoisonError::into_inner).get(&(topic, id)) {
            Some(Ok(schema)) => Ok(Arc::clone(schema)),
            Some(Err(reason)) => Err(DecodeError::UnusableSchema { id, reason: reason.to_string() }),
            None => Err(DecodeError::UnknownSchema(id)),
        }
    }

    /// Learns what is registered for `topic` now.
    pub(super) async fn ask(&self, topic: Topic) -> Result<(), StoreError> {
        let registered = self.schemas.of(topic).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for WriterSchema { id, text } in registered {
            if known.len() < LEARNED_MAX {
                known.entry((topic, id)).or_insert_with(|| usable(&text));
            }
        }
        Ok(())
    }
}

fn usable(text: &str) -> Usable {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(format!("it has {} bytes, more than {SCHEMA_BYTES_MAX}", text.len()).into());
    }
    text.parse().map(Arc::new).map_err(|error| format!("it does not parse: {error}").into())
}
