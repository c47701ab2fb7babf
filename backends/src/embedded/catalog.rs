//! Products and their vectors: on disk, and wholly in memory to be found.
//!
//! A write is synced to disk first and seen second. What is in memory (products, words, vectors) is derived:
//! [`load`] makes it anew at each start. A product or vector whose bytes cannot be read is left out, logged
//! and counted; the rest stays available.

mod load;
mod stored;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use fjall::Keyspace;
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogSummary, Hit, ProductPage, VectorWrite};
use rep_core::{ModelId, Product, ProductFilter, ProductId, UnitVector, stable_hash128};

use super::db::Db;
use super::error::interrupted;
use crate::in_memory::InMemory;

/// Products or vectors of one batch on disk.
const BATCH_MAX: usize = 1000;

/// The catalogue of a data directory.
pub struct EmbeddedCatalog {
    shared: Arc<Shared>,
}

struct Shared {
    db: Db,
    products: Keyspace,
    vectors: Keyspace,
    model: ModelId,
    /// One write at a time, so that memory takes over writes in the order of the disk.
    writer: Mutex<()>,
    found: InMemory,
}

impl EmbeddedCatalog {
    /// Opens the catalogue and loads it; blocks for about a second for each 100,000 products.
    pub fn open(db: &Db, model: ModelId, dimensions: usize) -> Result<Self, StoreError> {
        let (products, vectors) = (db.keyspace("products")?, db.keyspace("vectors")?);
        let found = load::load(&products, &vectors, &model, dimensions)?;
        let shared = Shared { db: db.clone(), products, vectors, model, writer: Mutex::default(), found };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(interrupted)?
    }
}

#[async_trait]
impl Catalog for EmbeddedCatalog {
    async fn get(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        Ok(self.shared.found.read(|memory| ids.iter().map(|id| memory.get(id).cloned()).collect()))
    }

    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        Ok(self.shared.found.vectors(ids))
    }

    async fn put(&self, products: Vec<Product>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        self.blocking(|shared| {
            let _one = shared.writer.lock();
            let mut before = Vec::with_capacity(products.len());
            let mut products = products.into_iter().map(Arc::new).peekable();
            while products.peek().is_some() {
                before.extend(shared.put(products.by_ref().take(BATCH_MAX).collect())?);
            }
            Ok(before)
        })
        .await
    }

    async fn set_vectors(&self, writes: Vec<VectorWrite>) -> Result<Vec<bool>, StoreError> {
        writes.iter().try_for_each(|write| self.shared.found.check(&write.vector))?;
        self.blocking(move |shared| {
            let _one = shared.writer.lock();
            let mut set = Vec::with_capacity(writes.len());
            for writes in writes.chunks(BATCH_MAX) {
                set.extend(shared.set_vectors(writes)?);
            }
            Ok(set)
        })
        .await
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        Ok(self.shared.found.read(|memory| memory.unembedded(limit)))
    }

    async fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        let id = id.clone();
        self.blocking(move |shared| {
            let _one = shared.writer.lock();
            shared.remove(&id)
        })
        .await
    }

    async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        self.shared.found.nearest(vector, k, filter).await
    }

    async fn search_text(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        Ok(self.shared.found.search_text(query, k, filter))
    }

    async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        self.shared.found.list(filter, after, limit).await
    }

    async fn summary(&self) -> Result<CatalogSummary, StoreError> {
        Ok(self.shared.found.summary())
    }
}

impl Shared {
    fn put(&self, products: Vec<Arc<Product>>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let hashes: Vec<u128> = products.iter().map(|p| stable_hash128(p.passage().as_bytes())).collect();
        let mut batch = self.db.batch();
        {
            // Of a product that comes twice the last stands; a batch must not hold a key twice.
            let mut seen = HashSet::new();
            let is_retold = |(product, hash): &(&Arc<Product>, &u128)| {
                self.found.read(|memory| memory.passage_hash(&product.product_id)) != Some(**hash)
            };
            let retold: HashSet<&ProductId> = products
                .iter()
                .zip(&hashes)
                .filter(is_retold)
                .map(|(product, _)| &product.product_id)
                .collect();
            for product in products.iter().rev().filter(|p| seen.insert(&p.product_id)) {
                let key = product.product_id.as_str();
                batch.insert(&self.products, key, stored::product_bytes(product)?);
                if retold.contains(&product.product_id) {
                    batch.remove(&self.vectors, key);
                }
            }
        }
        self.db.write_synced(batch)?;
        let applied = products.into_iter().zip(hashes);
        Ok(applied.map(|(product, hash)| self.found.put(product, hash)).collect())
    }

    fn set_vectors(&self, writes: &[VectorWrite]) -> Result<Vec<bool>, StoreError> {
        let mut last: HashMap<&ProductId, &VectorWrite> = HashMap::new();
        let fits: Vec<bool> = self.found.read(|memory| {
            writes.iter().map(|w| memory.passage_hash(&w.product_id) == Some(w.passage_hash)).collect()
        });
        last.extend(writes.iter().zip(&fits).filter(|(_, fits)| **fits).map(|(w, _)| (&w.product_id, w)));
        let mut batch = self.db.batch();
        for write in last.values() {
            let bytes = stored::vector_bytes(&self.model, write.passage_hash, &write.vector)?;
            batch.insert(&self.vectors, write.product_id.as_str(), bytes);
        }
        self.db.write_synced(batch)?;
        for write in last.into_values() {
            self.found.set_vector(&write.product_id, write.vector.clone())?;
        }
        Ok(fits)
    }

    fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        if self.found.read(|memory| memory.get(id).is_none()) {
            return Ok(None);
        }
        let mut batch = self.db.batch();
        batch.remove(&self.products, id.as_str());
        batch.remove(&self.vectors, id.as_str());
        self.db.write_synced(batch)?;
        Ok(self.found.remove(id))
    }
}
