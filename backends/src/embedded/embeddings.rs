//! Vectors of texts embedded before, so that a restart embeds nothing again: so many, then the oldest leave.
//!
//! Keyspace `embeddings`: key → vector. Keyspace `embeddings_order`: number (8 bytes) → key, in the order in which they
//! came. Both are written in one batch, so that a process that is killed leaves them in agreement.

use std::collections::HashSet;
use std::sync::Arc;

use fjall::Keyspace;
use parking_lot::Mutex;
use rep_core::ports::StoreError;

use super::db::Db;
use super::error::{corrupt, store_error};

/// Vectors kept by default: 150 MB of them, where they have 384 numbers.
pub const EMBEDDINGS_MAX_DEFAULT: usize = 100_000;
/// Entries removed in one batch.
const STEP: usize = 1_000;
/// Key of the only entry of `embeddings_order` that is no number, behind all of them: the cache was brought in order.
const ORDERED: &[u8] = b"ordered";

/// A durable cache of vectors by opaque keys (of model, kind and text); cheap to clone.
#[derive(Clone)]
pub struct EmbeddingCache {
    db: Db,
    vectors: Keyspace,
    order: Keyspace,
    max: usize,
    kept: Arc<Mutex<Kept>>,
}

/// What is there.
struct Kept {
    count: usize,
    /// The number of the next one.
    next: u64,
}

impl EmbeddingCache {
    /// Opens the cache, and removes what is beyond `max`, the oldest first. One of release 0.1, which kept all and no
    /// order, is gone through once.
    pub(crate) fn open(db: &Db, max: usize) -> Result<Self, StoreError> {
        let (vectors, order) = (db.keyspace("embeddings")?, db.keyspace("embeddings_order")?);
        let kept = Arc::new(Mutex::new(Kept { count: 0, next: 0 }));
        let cache = Self { db: db.clone(), vectors, order, max, kept };
        if !cache.order.contains_key(ORDERED).map_err(store_error)? {
            cache.bring_in_order()?;
        }
        let mut kept = cache.kept.lock();
        for entry in cache.order.range(..ORDERED) {
            let number = number_of(&entry.key().map_err(store_error)?)?;
            (kept.count, kept.next) = (kept.count + 1, number + 1);
        }
        let removed = cache.trim(&mut kept)?;
        if removed > 0 {
            tracing::info!(removed, kept = kept.count, "the oldest vectors of the cache on disk left");
        }
        drop(kept);
        Ok(cache)
    }

    /// The numbers kept under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<f32>>, StoreError> {
        let bytes = self.vectors.get(key).map_err(store_error)?;
        Ok(bytes.map(|bytes| bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()))
    }

    /// Keeps vectors by key; not synced, since they can be made again. A key that is there keeps its place.
    pub fn put(&self, vectors: impl IntoIterator<Item = (Vec<u8>, Vec<f32>)>) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        let (mut batch, mut new) = (self.db.batch(), HashSet::new());
        for (key, vector) in vectors {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            if !new.contains(&key) && !self.vectors.contains_key(&key).map_err(store_error)? {
                batch.insert(&self.order, (kept.next + new.len() as u64).to_be_bytes(), key.clone());
                new.insert(key.clone());
            }
            batch.insert(&self.vectors, key, bytes);
        }
        self.db.write(batch)?;
        (kept.count, kept.next) = (kept.count + new.len(), kept.next + new.len() as u64);
        self.trim(&mut kept).map(drop)
    }

    /// Removes the oldest beyond the bound; gives how many went.
    fn trim(&self, kept: &mut Kept) -> Result<usize, StoreError> {
        let before = kept.count;
        while kept.count > self.max {
            let mut batch = self.db.batch();
            let step = (kept.count - self.max).min(STEP);
            let mut gone = 0;
            for entry in self.order.range(..ORDERED).take(step) {
                let (number, key) = entry.into_inner().map_err(store_error)?;
                batch.remove(&self.vectors, key);
                batch.remove(&self.order, number);
                gone += 1;
            }
            if gone == 0 {
                return Err(corrupt("the order of cached vectors lacks some of them"));
            }
            self.db.write(batch)?;
            kept.count -= gone;
        }
        metrics::gauge!("rep_embed_cache_vectors").set(kept.count as f64);
        Ok(before - kept.count)
    }

    /// Gives each vector a number, and removes those beyond the bound. Begins again after a crash.
    fn bring_in_order(&self) -> Result<(), StoreError> {
        let (mut batch, mut number, mut removed) = (self.db.batch(), 0_usize, 0_usize);
        for entry in self.vectors.iter() {
            let key = entry.key().map_err(store_error)?;
            if number < self.max {
                batch.insert(&self.order, (number as u64).to_be_bytes(), key);
                number += 1;
            } else {
                batch.remove(&self.vectors, key);
                removed += 1;
            }
            if (number + removed).is_multiple_of(STEP) {
                self.db.write(std::mem::replace(&mut batch, self.db.batch()))?;
            }
        }
        batch.insert(&self.order, ORDERED, []);
        self.db.write(batch)?;
        if number + removed > 0 {
            tracing::info!(kept = number, removed, "the cache of vectors on disk has a bound from now on");
        }
        Ok(())
    }
}

fn number_of(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.try_into().map_err(|_| corrupt("the order of cached vectors cannot be read"))?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
