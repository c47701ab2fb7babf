//! Vectors of texts embedded before, so that a restart embeds nothing anew.

use fjall::Keyspace;
use rep_core::ports::StoreError;
use rep_core::ports::embedder::TextKind;
use rep_core::{ModelId, UnitVector, stable_hash128};

use super::db::Db;
use super::error::{corrupt, store_error};

/// A durable cache by model, kind and text.
#[derive(Clone)]
pub struct EmbeddingCache {
    db: Db,
    keyspace: Keyspace,
}

impl EmbeddingCache {
    pub(crate) fn open(db: &Db) -> Result<Self, StoreError> {
        Ok(Self { db: db.clone(), keyspace: db.keyspace("embeddings")? })
    }

    fn key(model: &ModelId, kind: TextKind, text_hash: u128) -> Vec<u8> {
        let mut key = stable_hash128(model.as_str().as_bytes()).to_be_bytes().to_vec();
        key.push(match kind {
            TextKind::Query => 0,
            TextKind::Passage => 1,
        });
        key.extend_from_slice(&text_hash.to_be_bytes());
        key
    }

    /// The vector of the text with that [`stable_hash128`].
    pub fn get(&self, model: &ModelId, kind: TextKind, text_hash: u128) -> Result<Option<UnitVector>, StoreError> {
        let Some(bytes) = self.keyspace.get(Self::key(model, kind, text_hash)).map_err(store_error)? else {
            return Ok(None);
        };
        let numbers: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        UnitVector::checked(numbers).map(Some).map_err(|error| corrupt(format!("cached embedding: {error}")))
    }

    /// Keeps vectors; not synced, since they can be made again.
    pub fn put(&self, model: &ModelId, kind: TextKind, vectors: &[(u128, UnitVector)]) -> Result<(), StoreError> {
        let mut batch = self.db.batch();
        for (text_hash, vector) in vectors {
            let bytes: Vec<u8> = vector.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect();
            batch.insert(&self.keyspace, Self::key(model, kind, *text_hash), bytes);
        }
        self.db.write(batch)
    }
}
