//! A model that knows nothing but which words two texts share.

use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use ndarray::Array2;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::{ModelId, stable_hash128};

const DIMENSIONS: usize = 32;

pub(crate) struct WordEmbedder {
    model: ModelId,
    mood: AtomicU8,
}

impl Default for WordEmbedder {
    fn default() -> Self {
        Self { model: ModelId::new("words").unwrap(), mood: AtomicU8::new(0) }
    }
}

impl WordEmbedder {
    pub(crate) fn fail(&self) {
        self.mood.store(1, Ordering::SeqCst);
    }

    pub(crate) fn hang(&self) {
        self.mood.store(2, Ordering::SeqCst);
    }
}

#[async_trait]
impl Embedder for WordEmbedder {
    fn model(&self) -> &ModelId {
        &self.model
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, texts: &[String], _: TextKind, _: Urgency) -> Result<Array2<f32>, EmbedError> {
        match self.mood.load(Ordering::SeqCst) {
            0 => {}
            1 => return Err(EmbedError::Unavailable("no model".to_owned())),
            _ => std::future::pending().await,
        }
        let mut rows = Array2::zeros((texts.len(), DIMENSIONS));
        for (mut row, text) in rows.rows_mut().into_iter().zip(texts) {
            row[0] = 0.1;
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
                let word = word.to_lowercase();
                let place = stable_hash128(word.trim_end_matches('s').as_bytes()) % (DIMENSIONS as u128 - 1);
                row[1 + place as usize] += 1.0;
            }
            let norm: f32 = row.dot(&row);
            row /= norm.sqrt();
        }
        Ok(rows)
    }
}
