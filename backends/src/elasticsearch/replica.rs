//! Searches in memory over a catalogue that Elasticsearch keeps.
//!
//! Every process that searches holds all products, words and vectors, loaded at start, and follows what others write:
//! changes of price and stock by the log, within a quarter of a second; everything else by the store's own numbers of
//! changes, up to two seconds later ([`follow`]). Its own writes it sees at once. Reads by id ask the store, since
//! whoever changes a product must not begin with an old one.
//!
//! While the store is away, searches go on with what is there: `rep_replica_age_seconds` says since when.

mod follow;

use std::sync::Arc;

use async_trait::async_trait;
use rep_core::avro::Codec;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogSummary, Hit, ProductPage, VectorWrite};
use rep_core::ports::log::EventLog;
use rep_core::{Product, ProductFilter, ProductId, UnitVector, stable_hash128};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::catalog::ElasticsearchCatalog;
use crate::in_memory::{InMemory, Memory};
use crate::index::{GraphConfig, VectorIndex};

/// A catalogue whose searches are answered from memory.
pub struct ReplicaCatalog {
    shared: Arc<Shared>,
    /// Ends with the catalogue.
    _following: JoinSet<()>,
}

struct Shared {
    store: ElasticsearchCatalog,
    held: InMemory,
    /// Held for reading while this process writes to the store and to memory; for writing while memory takes over
    /// what the store has: so nothing older than an own write replaces it.
    writes: RwLock<()>,
}

impl ReplicaCatalog {
    /// Loads the catalogue of `store` and follows it until it is dropped; `log` tells of prices and stock.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        store: ElasticsearchCatalog,
        log: Arc<dyn EventLog>,
        codec: Codec,
    ) -> Result<Self, StoreError> {
        let index = VectorIndex::new(store.dimensions(), GraphConfig::default());
        let held = InMemory::new(Memory::default(), index);
        let shared = Arc::new(Shared { store, held, writes: RwLock::default() });
        // Where the log stands before the catalogue is read: whatever is told later is followed.
        let told = follow::Told::from_now(log, codec).await?;
        let changes = follow::Changes::load(&shared).await?;
        let mut following = JoinSet::new();
        following.spawn(changes.follow(Arc::clone(&shared)));
        following.spawn(told.follow(Arc::clone(&shared)));
        Ok(Self { shared, _following: following })
    }
}

impl Shared {
    /// What the store has of `ids` now goes into memory.
    async fn take_over(&self, ids: &[ProductId]) -> Result<(), StoreError> {
        let _none_writes = self.writes.write().await;
        for ids in ids.chunks(follow::PAGE) {
            for (id, found) in ids.iter().zip(self.store.embedded(ids).await?) {
                match found {
                    Some((product, vector)) => self.hold(product, vector)?,
                    None => drop(self.held.remove(id)),
                }
            }
        }
        Ok(())
    }

    fn hold(&self, product: Arc<Product>, vector: Option<UnitVector>) -> Result<(), StoreError> {
        let (id, hash) = (product.product_id.clone(), passage_hash(&product));
        self.held.put(product, hash);
        match vector {
            Some(vector) => self.held.set_vector(&id, vector),
            None => Ok(()),
        }
    }
}

fn passage_hash(product: &Product) -> u128 {
    stable_hash128(product.passage().as_bytes())
}

#[async_trait]
impl Catalog for ReplicaCatalog {
    async fn get(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        self.shared.store.get(ids).await
    }

    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        let mut vectors = self.shared.held.vectors(ids);
        let absent: Vec<usize> = (0..ids.len()).filter(|at| vectors[*at].is_none()).collect();
        if !absent.is_empty() {
            // Another process may have set them a moment ago.
            let missed: Vec<ProductId> = absent.iter().map(|at| ids[*at].clone()).collect();
            for (at, vector) in absent.into_iter().zip(self.shared.store.vectors(&missed).await?) {
                vectors[at] = vector;
            }
        }
        Ok(vectors)
    }

    async fn put(&self, products: Vec<Product>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let _writes = self.shared.writes.read().await;
        let before = self.shared.store.put(products.clone()).await?;
        for product in products {
            let hash = passage_hash(&product);
            self.shared.held.put(Arc::new(product), hash);
        }
        Ok(before)
    }

    async fn set_vectors(&self, writes: Vec<VectorWrite>) -> Result<Vec<bool>, StoreError> {
        let _writes = self.shared.writes.read().await;
        let set = self.shared.store.set_vectors(writes.clone()).await?;
        for (write, set) in writes.into_iter().zip(&set) {
            let fits = |memory: &Memory| memory.passage_hash(&write.product_id) == Some(write.passage_hash);
            if *set && self.shared.held.read(fits) {
                self.shared.held.set_vector(&write.product_id, write.vector)?;
            }
        }
        Ok(set)
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        Ok(self.shared.held.read(|memory| memory.unembedded(limit)))
    }

    async fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        let _writes = self.shared.writes.read().await;
        let removed = self.shared.store.remove(id).await?;
        self.shared.held.remove(id);
        Ok(removed)
    }

    async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        self.shared.held.nearest(vector, k, filter).await
    }

    async fn search_text(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        Ok(self.shared.held.search_text(query, k, filter))
    }

    async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        self.shared.held.list(filter, after, limit).await
    }

    async fn summary(&self) -> Result<CatalogSummary, StoreError> {
        Ok(self.shared.held.summary())
    }
}
