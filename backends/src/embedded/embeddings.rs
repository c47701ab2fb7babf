//! Vectors of texts embedded before, so that a restart embeds nothing anew.

use fjall::Keyspace;
use rep_core::ports::StoreError;

use super::db::Db;
use super::error::store_error;

/// A durable cache of vectors by opaque keys (of model, kind and text); cheap to clone.
#[derive(Clone)]
pub struct EmbeddingCache {
    db: Db,
    keyspace: Keyspace,
}

impl EmbeddingCache {
    pub(crate) fn open(db: &Db) -> Result<Self, StoreError> {
        Ok(Self { db: db.clone(), keyspace: db.keyspace("embeddings")? })
    }

    /// The numbers kept under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<f32>>, StoreError> {
        let bytes = self.keyspace.get(key).map_err(store_error)?;
        Ok(bytes.map(|bytes| bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()))
    }

    /// Keeps vectors by key; not synced, since they can be made again.
    pub fn put(&self, vectors: impl IntoIterator<Item = (Vec<u8>, Vec<f32>)>) -> Result<(), StoreError> {
        let mut batch = self.db.batch();
        for (key, vector) in vectors {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            batch.insert(&self.keyspace, key, bytes);
        }
        self.db.write(batch)
    }
}
