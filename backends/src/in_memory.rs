//! A catalogue wholly in memory, to be searched: products, words and vectors. Derived data: whoever keeps the products
//! fills it.

mod memory;

use std::sync::Arc;

use parking_lot::RwLock;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{CatalogSummary, Hit, ProductPage};
use rep_core::{Product, ProductFilter, ProductId, UnitVector};
use tokio::sync::Semaphore;

pub(crate) use self::memory::Memory;
use crate::error::{interrupted, invalid};
use crate::index::{Neighbour, VectorIndex, WidthError};

/// Products to be found; cheap to clone.
#[derive(Clone)]
pub(crate) struct InMemory {
    held: Arc<Held>,
    /// Long scans at a time: one a core, since each keeps a core's share of memory busy.
    scans: Arc<Semaphore>,
}

struct Held {
    /// Held for writing while `index` changes too: who holds it for reading sees both agree.
    memory: RwLock<Memory>,
    index: VectorIndex,
}

impl InMemory {
    pub(crate) fn new(memory: Memory, index: VectorIndex) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let held = Held { memory: RwLock::new(memory), index };
        Self { held: Arc::new(held), scans: Arc::new(Semaphore::new(cores)) }
    }

    /// Refuses a vector of another width.
    pub(crate) fn check(&self, vector: &UnitVector) -> Result<(), StoreError> {
        self.held.index.check(vector).map_err(width_error)
    }

    /// What `read` makes of the products as they stand.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Memory) -> T) -> T {
        read(&self.held.memory.read())
    }

    pub(crate) fn vectors(&self, ids: &[ProductId]) -> Vec<Option<UnitVector>> {
        self.held.index.vectors(ids)
    }

    /// Takes a product in; gives what stood there. Its vector goes if its passage, of that hash, is another.
    pub(crate) fn put(&self, product: Arc<Product>, passage_hash: u128) -> Option<Arc<Product>> {
        self.held.memory.write().put(product, passage_hash, &self.held.index)
    }

    /// Sets the vector of a product that is there.
    pub(crate) fn set_vector(&self, id: &ProductId, vector: UnitVector) -> Result<(), StoreError> {
        self.held.memory.write().set_vector(id, vector, &self.held.index).map_err(width_error)
    }

    pub(crate) fn remove(&self, id: &ProductId) -> Option<Arc<Product>> {
        self.held.memory.write().remove(id, &self.held.index)
    }

    /// As [`Catalog::nearest`](rep_core::ports::catalog::Catalog::nearest).
    pub(crate) async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        self.check(vector)?;
        if self.held.index.is_quick(k, filter) {
            return self.held.nearest(vector, k, filter);
        }
        let _permit = self.scans.acquire().await.map_err(|_| invalid("the catalogue is closed"))?;
        let (held, vector, filter) = (Arc::clone(&self.held), vector.clone(), filter.clone());
        tokio::task::spawn_blocking(move || held.nearest(&vector, k, &filter)).await.map_err(interrupted)?
    }

    /// As [`Catalog::search_text`](rep_core::ports::catalog::Catalog::search_text).
    pub(crate) fn search_text(&self, query: &str, k: usize, filter: &ProductFilter) -> Vec<Hit> {
        self.held.memory.read().search(query, k, filter)
    }

    /// As [`Catalog::list`](rep_core::ports::catalog::Catalog::list).
    pub(crate) async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        if filter.is_open() {
            return Ok(self.held.memory.read().list(filter, after, limit));
        }
        // A filter that little passes may look at every product.
        let (held, filter, after) = (Arc::clone(&self.held), filter.clone(), after.cloned());
        let list = move || held.memory.read().list(&filter, after.as_ref(), limit);
        tokio::task::spawn_blocking(list).await.map_err(interrupted)
    }

    pub(crate) fn summary(&self) -> CatalogSummary {
        self.held.memory.read().summary()
    }
}

impl Held {
    fn nearest(&self, vector: &UnitVector, k: usize, filter: &ProductFilter) -> Result<Vec<Hit>, StoreError> {
        let by_products = self.memory.read().by_products(filter).into_owned();
        let found = self.index.nearest(vector, k, &by_products).map_err(width_error)?;
        let expected = found.len();
        let hits = resolve(&self.memory.read(), found, filter);
        if hits.len() == expected {
            return Ok(hits);
        }
        // Some changed since the index answered: look again with none changing.
        let memory = self.memory.read();
        let found = self.index.nearest(vector, k, &memory.by_products(filter)).map_err(width_error)?;
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

pub(crate) fn width_error(error: WidthError) -> StoreError {
    invalid(error.to_string())
}
