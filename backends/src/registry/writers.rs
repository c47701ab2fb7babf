//! What others registered for our topics.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_core::Topic;
use rep_core::avro::LEARNED_MAX;
use rep_core::ports::StoreError;
use rep_core::ports::schemas::{Schemas, WriterSchema};

use super::{Registry, RegistryError};

/// The schema of each version of a topic's subject, as far as it was asked for: a version never changes. Bounded by
/// [`LEARNED_MAX`] a topic.
pub(super) type Versions = Mutex<HashMap<(Topic, u32), WriterSchema>>;

#[async_trait]
impl Schemas for Registry {
    /// One question, and one for each version that was not seen before. Of more than [`LEARNED_MAX`] versions the
    /// newest are given. Versions that were deleted softly are given too: records by them may still be in the log.
    async fn of(&self, topic: Topic) -> Result<Vec<WriterSchema>, StoreError> {
        let subject = format!("{}{topic}-value", self.prefix);
        let answer =
            self.http.call("GET", format!("/subjects/{subject}/versions?deleted=true"), None).await?;
        let Some(answer) = answer.if_there()? else { return Ok(Vec::new()) };
        let mut numbers = answer.numbers()?;
        numbers.sort_unstable();
        numbers.drain(..numbers.len().saturating_sub(LEARNED_MAX));
        let mut found = Vec::with_capacity(numbers.len());
        for number in &numbers {
            found.extend(self.version(&subject, topic, *number).await?);
        }
        self.versions.lock().retain(|(of, number), _| *of != topic || numbers.contains(number));
        Ok(found)
    }
}

impl Registry {
    /// One version of a subject; `None` if it went meanwhile.
    async fn version(
        &self,
        subject: &str,
        topic: Topic,
        number: u32,
    ) -> Result<Option<WriterSchema>, RegistryError> {
        if let Some(known) = self.versions.lock().get(&(topic, number)) {
            return Ok(Some(known.clone()));
        }
        let path = format!("/subjects/{subject}/versions/{number}?deleted=true");
        let Some(answer) = self.http.call("GET", path, None).await?.if_there()? else { return Ok(None) };
        let text: Arc<str> = answer.text("schema")?.into();
        let schema = WriterSchema { id: answer.id()?, text };
        self.versions.lock().insert((topic, number), schema.clone());
        Ok(Some(schema))
    }
}
