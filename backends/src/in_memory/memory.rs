//! The catalogue in memory, without vectors: products in order, words, counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use rep_core::ports::catalog::{CatalogSummary, Hit, ProductPage};
use rep_core::{GroupId, Product, ProductFilter, ProductId, UnitVector};

use crate::index::{LexicalIndex, VectorIndex, WidthError};

/// Products, and what is derived of them.
#[derive(Default)]
pub(crate) struct Memory {
    products: HashMap<ProductId, Kept, ahash::RandomState>,
    in_order: BTreeSet<ProductId>,
    unembedded: BTreeSet<ProductId>,
    categories: BTreeMap<String, usize>,
    groups: HashMap<GroupId, BTreeSet<ProductId>>,
    words: LexicalIndex,
}

struct Kept {
    product: Arc<Product>,
    passage_hash: u128,
}

impl Memory {
    pub(crate) fn get(&self, id: &ProductId) -> Option<&Arc<Product>> {
        self.products.get(id).map(|kept| &kept.product)
    }

    pub(crate) fn passage_hash(&self, id: &ProductId) -> Option<u128> {
        self.products.get(id).map(|kept| kept.passage_hash)
    }

    /// Takes a product in; gives what stood there. Its vector goes if its passage is another.
    pub(crate) fn put(
        &mut self,
        product: Arc<Product>,
        passage_hash: u128,
        index: &VectorIndex,
    ) -> Option<Arc<Product>> {
        let id = product.product_id.clone();
        *self.categories.entry(product.category.clone()).or_default() += 1;
        let kept = Kept { product: Arc::clone(&product), passage_hash };
        let old = self.products.insert(id.clone(), kept);
        if old.is_none() {
            self.in_order.insert(id.clone());
        }
        match &old {
            Some(old) if LexicalIndex::same_texts(&old.product, &product) => self.words.refresh(&product),
            _ => self.words.upsert(&product),
        }
        if old.as_ref().is_some_and(|old| old.passage_hash == passage_hash) {
            index.refresh(&product);
        } else {
            index.remove(&id);
            self.unembedded.insert(id);
        }
        let old = old.map(|old| old.product);
        let group_before = old.as_ref().and_then(|old| old.group_id.as_ref());
        if group_before != product.group_id.as_ref() {
            if let Some(old) = &old {
                self.leave_group(old);
            }
            if let Some(group) = &product.group_id {
                self.groups.entry(group.clone()).or_default().insert(product.product_id.clone());
            }
        }
        if let Some(old) = &old {
            self.uncount(old);
        }
        old
    }

    fn leave_group(&mut self, product: &Product) {
        let Some(group) = &product.group_id else { return };
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(&product.product_id);
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
    }

    /// `filter` with the products of its groups named one by one: indices know products alone.
    pub(crate) fn by_products<'a>(&self, filter: &'a ProductFilter) -> Cow<'a, ProductFilter> {
        let mut members = filter.exclude_groups.iter().filter_map(|group| self.groups.get(group)).peekable();
        if members.peek().is_none() {
            return Cow::Borrowed(filter);
        }
        let mut by_products = filter.clone();
        by_products.exclude.extend(members.flatten().cloned());
        Cow::Owned(by_products)
    }

    /// Sets the vector of a product that is there.
    pub(crate) fn set_vector(
        &mut self,
        id: &ProductId,
        vector: UnitVector,
        index: &VectorIndex,
    ) -> Result<(), WidthError> {
        if let Some(kept) = self.products.get(id) {
            index.upsert(&kept.product, vector)?;
            self.unembedded.remove(id);
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: &ProductId, index: &VectorIndex) -> Option<Arc<Product>> {
        let old = self.products.remove(id)?.product;
        self.in_order.remove(id);
        self.uncount(&old);
        self.leave_group(&old);
        self.unembedded.remove(id);
        self.words.remove(id);
        index.remove(id);
        Some(old)
    }

    fn uncount(&mut self, product: &Product) {
        if let Some(count) = self.categories.get_mut(&product.category) {
            *count -= 1;
            if *count == 0 {
                self.categories.remove(&product.category);
            }
        }
    }

    pub(crate) fn unembedded(&self, limit: usize) -> Vec<Arc<Product>> {
        self.unembedded.iter().filter_map(|id| self.get(id)).take(limit).cloned().collect()
    }

    pub(crate) fn search(&self, query: &str, k: usize, filter: &ProductFilter) -> Vec<Hit> {
        let found = self.words.search(query, k, &self.by_products(filter)).into_iter();
        found.filter_map(|(id, score)| Some(Hit { product: Arc::clone(self.get(&id)?), score })).collect()
    }

    pub(crate) fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> ProductPage {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let following = self.in_order.range::<ProductId, _>((start, Bound::Unbounded));
        let mut passing = following.filter_map(|id| self.get(id)).filter(|product| filter.admits(product));
        let items: Vec<_> = passing.by_ref().take(limit).cloned().collect();
        // The page ends with its last product; there is a next one only if something follows.
        let next = passing.next().and(items.last()).map(|product| product.product_id.clone());
        ProductPage { items, next }
    }

    /// How many products there are.
    pub(crate) fn total(&self) -> usize {
        self.products.len()
    }

    /// The ids of all products, in order.
    pub(crate) fn ids(&self) -> Vec<ProductId> {
        self.in_order.iter().cloned().collect()
    }

    pub(crate) fn summary(&self) -> CatalogSummary {
        CatalogSummary {
            total: self.products.len(),
            embedded: self.products.len() - self.unembedded.len(),
            categories: self.categories.iter().map(|(name, count)| (name.clone(), *count)).collect(),
        }
    }
}
