//! A model of eight dimensions that is a hash of the text.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ndarray::Array2;
use parking_lot::Mutex;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::{ModelId, UnitVector, stable_hash128};

pub const DIMENSIONS: usize = 8;

/// The model that tests use.
pub const MODEL: &str = "hash-8";

/// The vector of `text` by [`MODEL`].
pub fn vector_of(text: &str) -> UnitVector {
    let hash = stable_hash128(text.as_bytes()).to_le_bytes();
    let numbers = hash.iter().take(DIMENSIONS).map(|byte| f32::from(*byte) - 127.5).collect();
    UnitVector::normalised(numbers).unwrap()
}

/// The vector of `text` by `model`.
pub fn vector_by(model: &str, text: &str) -> UnitVector {
    if model == MODEL { vector_of(text) } else { vector_of(&format!("{model}: {text}")) }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Mood {
    Well,
    Slow(Duration),
    Hangs,
    Overloaded,
}

pub struct HashEmbedder {
    model: ModelId,
    pub mood: Mutex<Mood>,
    pub calls: AtomicU32,
    /// Texts it refuses.
    pub refused: Mutex<HashSet<String>>,
    urgencies: Mutex<Vec<Urgency>>,
}

impl HashEmbedder {
    pub fn of(model: &str) -> Self {
        Self { model: ModelId::new(model).unwrap(), ..Self::default() }
    }

    /// How urgent each call was.
    pub fn urgencies(&self) -> Vec<Urgency> {
        self.urgencies.lock().clone()
    }
}

impl Default for HashEmbedder {
    fn default() -> Self {
        Self {
            model: ModelId::new(MODEL).unwrap(),
            mood: Mutex::new(Mood::Well),
            calls: AtomicU32::new(0),
            refused: Mutex::default(),
            urgencies: Mutex::default(),
        }
    }
}

#[async_trait]
impl Embedder for HashEmbedder {
    fn model(&self) -> &ModelId {
        &self.model
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(
        &self,
        texts: &[String],
        _: TextKind,
        urgency: Urgency,
    ) -> Result<Array2<f32>, EmbedError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.urgencies.lock().push(urgency);
        let mood = *self.mood.lock();
        match mood {
            Mood::Well => {}
            Mood::Slow(latency) => tokio::time::sleep(latency).await,
            Mood::Hangs => std::future::pending().await,
            Mood::Overloaded => return Err(EmbedError::Overloaded("queue is full".to_owned())),
        }
        if texts.iter().any(|text| self.refused.lock().contains(text)) {
            return Err(EmbedError::Failed("text is refused".to_owned()));
        }
        let vector = |text: &String| vector_by(self.model.as_str(), text).as_slice().to_vec();
        let numbers = texts.iter().flat_map(vector).collect();
        Ok(Array2::from_shape_vec((texts.len(), DIMENSIONS), numbers).unwrap())
    }
}
