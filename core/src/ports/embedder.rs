//! Text to unit vector.

mod passages;

use async_trait::async_trait;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use passages::{Passage, embed_passages};

use crate::ModelId;

/// What a text is for: retrieval models of the e5 family embed the two sides differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TextKind {
    /// Something a person asks (`query: ` for e5).
    Query,
    /// Something that is looked for, such as a product (`passage: ` for e5).
    Passage,
}

/// Whether somebody waits for the vectors of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Urgency {
    /// A person looks at the screen: milliseconds matter.
    Immediate,
    /// A stream waits, such as that of actions: it gives way to persons.
    Urgent,
    /// Nobody waits, such as for the rest of a catalogue: it gives way to whoever does.
    Backlog,
}

/// Turns texts into unit vectors of one model.
///
/// - `[n texts] → [n, D]`: row `i` belongs to text `i`; each row has Euclidean norm 1 within 1e-5.
/// - The same text and kind give the same vector within 1e-6, whatever stands beside it in the batch.
/// - Texts longer than the model's maximum are cut and counted; an empty text is embedded like any other.
/// - Concurrency and waiting are bounded: a full queue answers [`EmbedError::Overloaded`], which is retryable.
/// - Urgent texts go before the backlog, which they neither wait for nor find full, and immediate ones before both; each
///   gets its turn however many come before it. A vector does not depend on its urgency.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The model that all vectors of this embedder come from.
    fn model(&self) -> &ModelId;

    /// Width `D` of a vector.
    fn dimensions(&self) -> usize;

    /// Embeds `texts`; an empty slice gives a `[0, D]` array.
    async fn embed(
        &self,
        texts: &[String],
        kind: TextKind,
        urgency: Urgency,
    ) -> Result<Array2<f32>, EmbedError>;
}

/// Why texts could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The queue is full or the wait bound has passed; try again later.
    #[error("embedder is overloaded: {0}")]
    Overloaded(String),
    /// No model is loaded (yet).
    #[error("no embedding model is available: {0}")]
    Unavailable(String),
    /// Tokenizer or runtime refused the input.
    #[error("embedding failed: {0}")]
    Failed(String),
}

impl EmbedError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Overloaded(_) | Self::Unavailable(_))
    }
}
