//! Products and their vectors: on disk, and wholly in memory to be found.
//!
//! A write is synced to disk first and seen second. What is in memory (products, words, vectors) is derived:
//! [`load`] makes it anew at each start. A product or vector whose bytes cannot be read is left out, logged
//! and counted; the rest stays available.

mod load;
mod memory;
mod stored;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use fjall::Keyspace;
use parking_lot::{Mutex, RwLock};
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogSummary, Hit, ProductPage, VectorWrite};
use rep_core::{ModelId, Product, ProductFilter, ProductId, UnitVector, stable_hash128};
use tokio::sync::Semaphore;

use self::memory::Memory;
use super::db::Db;
use super::error::{interrupted, invalid};
use crate::index::{Neighbour, VectorIndex, WidthError};

/// Products or vectors of one batch on disk.
const BATCH_MAX: usize = 1000;

/// The catalogue of a data directory.
pub struct EmbeddedCatalog {
    shared: Arc<Shared>,
    /// Long scans at a time: one a core, since each keeps a core's share of memory busy.
    scans: Semaphore,
}

struct Shared {
    db: Db,
    products: Keyspace,
    vectors: Keyspace,
    model: ModelId,
    /// One write at a time, so that memory takes over writes in the order of the disk.
    writer: Mutex<()>,
    /// Held for writing while `index` changes too: who holds it for reading sees both agree.
    memory: RwLock<Memory>,
    index: VectorIndex,
}

impl EmbeddedCatalog {
    /// Opens the catalogue and loads it; blocks for about a second for each 100,000 products.
    pub fn open(db: &Db, model: ModelId, dimensions: usize) -> Result<Self, StoreError> {
        let (products, vectors) = (db.keyspace("products")?, db.keyspace("vectors")?);
        let (memory, index) = load::load(&products, &vectors, &model, dimensions)?;
        let shared = Shared {
            db: db.clone(),
            products,
            vectors,
            model,
            writer: Mutex::default(),
            memory: RwLock::new(memory),
            index,
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self { shared: Arc::new(shared), scans: Semaphore::new(cores) })
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
        let memory = self.shared.memory.read();
        Ok(ids.iter().map(|id| memory.get(id).cloned()).collect())
    }

    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        Ok(self.shared.index.vectors(ids))
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
        let misfit = writes.iter().find_map(|write| self.shared.index.check(&write.vector).err());
        if let Some(error) = misfit {
            return Err(width_error(error));
        }
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
        Ok(self.shared.memory.read().unembedded(limit))
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
        self.shared.index.check(vector).map_err(width_error)?;
        if self.shared.index.is_quick(k, filter) {
            return self.shared.nearest(vector, k, filter);
        }
        let _permit = self.scans.acquire().await.map_err(|_| invalid("the catalogue is closed"))?;
        let (vector, filter) = (vector.clone(), filter.clone());
        self.blocking(move |shared| shared.nearest(&vector, k, &filter)).await
    }

    async fn search_text(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        Ok(self.shared.memory.read().search(query, k, filter))
    }

    async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        if filter.is_open() {
            return Ok(self.shared.memory.read().list(filter, after, limit));
        }
        // A filter that little passes may look at every product.
        let (filter, after) = (filter.clone(), after.cloned());
        self.blocking(move |shared| Ok(shared.memory.read().list(&filter, after.as_ref(), limit))).await
    }

    async fn summary(&self) -> Result<CatalogSummary, StoreError> {
        Ok(self.shared.memory.read().summary())
    }
}

impl Shared {
    fn put(&self, products: Vec<Arc<Product>>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let hashes: Vec<u128> = products.iter().map(|p| stable_hash128(p.passage().as_bytes())).collect();
        let mut batch = self.db.batch();
        {
            // Of a product that comes twice the last stands; a batch must not hold a key twice.
            let mut seen = HashSet::new();
            let memory = self.memory.read();
            let mut retold: HashSet<&ProductId> = HashSet::new();
            for (product, hash) in products.iter().zip(&hashes) {
                if memory.passage_hash(&product.product_id) != Some(*hash) {
                    retold.insert(&product.product_id);
                }
            }
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
        Ok(applied.map(|(product, hash)| self.memory.write().put(product, hash, &self.index)).collect())
    }

    fn set_vectors(&self, writes: &[VectorWrite]) -> Result<Vec<bool>, StoreError> {
        let mut last: HashMap<&ProductId, &VectorWrite> = HashMap::new();
        let fits: Vec<bool> = {
            let memory = self.memory.read();
            writes.iter().map(|w| memory.passage_hash(&w.product_id) == Some(w.passage_hash)).collect()
        };
        last.extend(writes.iter().zip(&fits).filter(|(_, fits)| **fits).map(|(w, _)| (&w.product_id, w)));
        let mut batch = self.db.batch();
        for write in last.values() {
            let bytes = stored::vector_bytes(&self.model, write.passage_hash, &write.vector)?;
            batch.insert(&self.vectors, write.product_id.as_str(), bytes);
        }
        self.db.write_synced(batch)?;
        for write in last.into_values() {
            let mut memory = self.memory.write();
            memory.set_vector(&write.product_id, write.vector.clone(), &self.index).map_err(width_error)?;
        }
        Ok(fits)
    }

    fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        if self.memory.read().get(id).is_none() {
            return Ok(None);
        }
        let mut batch = self.db.batch();
        batch.remove(&self.products, id.as_str());
        batch.remove(&self.vectors, id.as_str());
        self.db.write_synced(batch)?;
        Ok(self.memory.write().remove(id, &self.index))
    }

    fn nearest(&self, vector: &UnitVector, k: usize, filter: &ProductFilter) -> Result<Vec<Hit>, StoreError> {
        let found = self.index.nearest(vector, k, filter).map_err(width_error)?;
        let expected = found.len();
        let hits = resolve(&self.memory.read(), found, filter);
        if hits.len() == expected {
            return Ok(hits);
        }
        // Some changed since the index answered: look again with none changing.
        let memory = self.memory.read();
        let found = self.index.nearest(vector, k, filter).map_err(width_error)?;
        Ok(resolve(&memory, found, filter))
    }
}

fn resolve(memory: &Memory, found: Vec<Neighbour>, filter: &ProductFilter) -> Vec<Hit> {
    let hit = |neighbour: Neighbour| {
        let product = memory.get(&neighbour.id).filter(|product| filter.admits(product))?;
        Some(Hit { product: Arc::clone(product), score: neighbour.cosine })
    };
    found.into_iter().filter_map(hit).collect()
}

fn width_error(error: WidthError) -> StoreError {
    invalid(error.to_string())
}
