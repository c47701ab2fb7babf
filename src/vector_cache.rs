//! The embedder's durable cache, on the store of embedded vectors.

use async_trait::async_trait;
use rep_backends::embedded::embeddings::EmbeddingCache;
use rep_embedder::{CacheKey, VectorCache, VectorCacheError};

/// Keeps what was embedded in the data directory.
pub(crate) struct StoredVectors(pub(crate) EmbeddingCache);

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> VectorCacheError {
    VectorCacheError(Box::new(error))
}

#[async_trait]
impl VectorCache for StoredVectors {
    async fn get(&self, keys: &[CacheKey]) -> Result<Vec<Option<Vec<f32>>>, VectorCacheError> {
        let (cache, keys) = (self.0.clone(), keys.iter().map(CacheKey::to_bytes).collect::<Vec<_>>());
        let read = move || keys.iter().map(|key| cache.get(key)).collect::<Result<_, _>>();
        tokio::task::spawn_blocking(read).await.map_err(failed)?.map_err(failed)
    }

    async fn put(&self, entries: &[(CacheKey, Vec<f32>)]) -> Result<(), VectorCacheError> {
        let cache = self.0.clone();
        let entries: Vec<(Vec<u8>, Vec<f32>)> =
            entries.iter().map(|(k, v)| (k.to_bytes(), v.clone())).collect();
        tokio::task::spawn_blocking(move || cache.put(entries)).await.map_err(failed)?.map_err(failed)
    }
}
