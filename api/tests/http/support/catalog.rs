//! A catalogue in memory: exact, slow, and right.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogSummary, Hit, ProductPage, VectorWrite};
use rep_core::{Product, ProductFilter, ProductId, UnitVector, stable_hash128};

use super::away;

#[derive(Clone)]
struct Kept {
    product: Arc<Product>,
    vector: Option<UnitVector>,
}

#[derive(Default)]
pub(crate) struct MemoryCatalog {
    entries: Mutex<BTreeMap<ProductId, Kept>>,
    pub(crate) is_away: AtomicBool,
    /// Reads go on, writes are refused for now.
    pub(crate) is_read_only: AtomicBool,
    /// A write of products panics: the edge must survive it.
    pub(crate) panics: AtomicBool,
}

impl MemoryCatalog {
    fn entries(&self) -> Result<BTreeMap<ProductId, Kept>, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            Err(away())
        } else {
            Ok(self.entries.lock().unwrap().clone())
        }
    }

    fn best(mut hits: Vec<Hit>, k: usize) -> Vec<Hit> {
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| a.product.product_id.cmp(&b.product.product_id))
        });
        hits.truncate(k);
        hits
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn get(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        assert!(!self.panics.load(Ordering::SeqCst), "secret-host is on fire");
        let entries = self.entries()?;
        Ok(ids.iter().map(|id| entries.get(id).map(|kept| Arc::clone(&kept.product))).collect())
    }

    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        let entries = self.entries()?;
        Ok(ids.iter().map(|id| entries.get(id)?.vector.clone()).collect())
    }

    async fn put(&self, products: Vec<Product>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        if self.is_read_only.load(Ordering::SeqCst) {
            return Err(away());
        }
        self.entries()?;
        let mut entries = self.entries.lock().unwrap();
        let put = products.into_iter().map(|product| {
            let before = entries.get(&product.product_id);
            let vector =
                before.filter(|b| b.product.passage() == product.passage()).and_then(|b| b.vector.clone());
            let entry = Kept { product: Arc::new(product), vector };
            entries.insert(entry.product.product_id.clone(), entry).map(|before| before.product)
        });
        Ok(put.collect())
    }

    async fn set_vectors(&self, writes: Vec<VectorWrite>) -> Result<Vec<bool>, StoreError> {
        let mut entries = self.entries.lock().unwrap();
        let set = writes.into_iter().map(|write| match entries.get_mut(&write.product_id) {
            Some(entry) if stable_hash128(entry.product.passage().as_bytes()) == write.passage_hash => {
                entry.vector = Some(write.vector);
                true
            }
            _ => false,
        });
        Ok(set.collect())
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        let entries = self.entries()?.into_values().filter(|entry| entry.vector.is_none());
        Ok(entries.take(limit).map(|entry| entry.product).collect())
    }

    async fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        Ok(self.entries.lock().unwrap().remove(id).map(|entry| entry.product))
    }

    async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        let hits =
            self.entries()?.into_values().filter(|entry| filter.admits(&entry.product)).filter_map(|entry| {
                Some(Hit { score: entry.vector?.cosine(vector), product: entry.product })
            });
        Ok(Self::best(hits.collect(), k))
    }

    async fn search_text(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        let query = query.to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        let hits =
            self.entries()?.into_values().filter(|entry| filter.admits(&entry.product)).filter_map(|entry| {
                let passage = entry.product.passage().to_lowercase();
                let shared = words.iter().filter(|word| passage.contains(**word)).count();
                (shared > 0).then_some(Hit { product: entry.product, score: shared as f32 })
            });
        Ok(Self::best(hits.collect(), k))
    }

    async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        let entries = self.entries()?.into_values().map(|entry| entry.product);
        let mut items: Vec<_> = entries
            .filter(|product| filter.admits(product) && after.is_none_or(|after| product.product_id > *after))
            .take(limit + 1)
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|product| product.product_id.clone());
        Ok(ProductPage { items, next })
    }

    async fn summary(&self) -> Result<CatalogSummary, StoreError> {
        let entries = self.entries()?;
        let mut categories: BTreeMap<String, usize> = BTreeMap::new();
        for entry in entries.values() {
            *categories.entry(entry.product.category.clone()).or_default() += 1;
        }
        Ok(CatalogSummary {
            total: entries.len(),
            embedded: entries.values().filter(|entry| entry.vector.is_some()).count(),
            categories: categories.into_iter().collect(),
        })
    }
}
