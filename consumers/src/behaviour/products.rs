//! Vectors of products, kept for a while: the same few are acted on again and again.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::{StoreError, one_each};
use rep_core::{ProductId, UnitVector};
use tokio::time::Instant;

use crate::RoleContext;

/// Vectors that are kept, of 4 bytes a dimension.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

pub(super) struct KeptVectors {
    context: RoleContext,
    catalog: Arc<dyn Catalog>,
    kept: Mutex<LruCache<ProductId, Kept, ahash::RandomState>>,
    /// How long after it was read a vector counts.
    kept_for: Duration,
}

struct Kept {
    vector: UnitVector,
    read_at: Instant,
}

impl KeptVectors {
    pub(super) fn new(context: RoleContext, catalog: Arc<dyn Catalog>, kept_for: Duration) -> Self {
        let kept = Mutex::new(LruCache::with_hasher(KEPT_MAX, ahash::RandomState::new()));
        Self { context, catalog, kept, kept_for }
    }

    /// Those of `products`, in their order; `None` for what has none, which is asked for each time.
    pub(super) async fn of(&self, products: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        let mut vectors = self.known(products);
        let missing: Vec<usize> = (0..products.len()).filter(|at| vectors[*at].is_none()).collect();
        if missing.is_empty() {
            return Ok(vectors);
        }
        let asked: Vec<ProductId> = missing.iter().map(|at| products[*at].clone()).collect();
        let read_at = Instant::now();
        let found = one_each(asked.len(), self.context.bounded(self.catalog.vectors(&asked)).await?)?;
        let mut kept = self.kept.lock();
        for ((at, product), vector) in missing.into_iter().zip(asked).zip(found) {
            if let Some(vector) = &vector {
                kept.put(product, Kept { vector: vector.clone(), read_at });
            }
            vectors[at] = vector;
        }
        Ok(vectors)
    }

    fn known(&self, products: &[ProductId]) -> Vec<Option<UnitVector>> {
        let mut kept = self.kept.lock();
        let mut fresh = |product| {
            let known = kept.get(product).filter(|known| known.read_at.elapsed() < self.kept_for)?;
            Some(known.vector.clone())
        };
        products.iter().map(&mut fresh).collect()
    }
}
