//! Products and their vectors on `product_index`.
//!
//! - **Writes** are guarded by what was read: a product is replaced only if it is still the one whose text was
//!   compared, a vector is set only on the very revision whose passage it is of; who was overtaken reads again. So no
//!   vector outlives its text, whichever processes write.
//! - **Reads by id** see each write at once. Searches see what was there at the last refresh, so the first search
//!   after a write of this process refreshes first ([`Freshness`]): a write costs nothing more, many writes share one
//!   refresh, and a process that only reads never asks for one.
//! - **Model.** A catalogue works on the index of its own model and width, whichever the alias `product_index` stands
//!   for, so that vectors of two models never meet.
//! - **Words** are cut and lowered by the same code as in the embedded index, and weighed by the same figures.

mod changes;
mod copy;
mod document;
mod find;
mod fresh;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogSummary, Hit, ProductPage, VectorWrite};
use rep_core::{ModelId, Product, ProductFilter, ProductId, UnitVector};
use serde::Deserialize;

pub use self::copy::CopyReport;
use self::document::StoredProduct;
use self::fresh::Freshness;
use super::client::Client;
use super::error::{corrupt, invalid};
use super::indices::{Definition, IndexKind, Served};
use super::search::Part;

/// Products or vectors of one bulk.
const BATCH_MAX: usize = 250;

/// The catalogue of an Elasticsearch.
pub struct ElasticsearchCatalog {
    client: Client,
    /// The alias of the index of its model, or that index.
    index: String,
    dimensions: usize,
    freshness: Freshness,
}

impl ElasticsearchCatalog {
    /// The catalogue for vectors of `model` that are `dimensions` wide. Asks nothing of the server; its index must be
    /// there when it is used, see [`Indices`](super::Indices).
    pub fn new(client: Client, model: &ModelId, dimensions: usize) -> Self {
        let index = Definition::of(IndexKind::Product, client.namespace(), model, dimensions).own_alias;
        Self { client, index, dimensions, freshness: Freshness::default() }
    }

    /// The catalogue of the index that `served` tells of, whichever model it is of.
    pub fn of(client: Client, served: &Served) -> Self {
        let (index, dimensions) = (served.index.clone(), served.dimensions.unwrap_or_default());
        Self { client, index, dimensions, freshness: Freshness::default() }
    }

    fn check_width(&self, vector: &UnitVector) -> Result<(), StoreError> {
        if vector.dimensions() == self.dimensions {
            return Ok(());
        }
        Err(invalid(format!("vector is {} wide, expected {}", vector.dimensions(), self.dimensions)))
    }

    async fn refreshed(&self) -> Result<(), StoreError> {
        Ok(self.freshness.ensure(|| self.client.refresh(&self.index)).await?)
    }
}

#[async_trait]
impl Catalog for ElasticsearchCatalog {
    async fn get(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(ProductId::as_str).collect();
        let found =
            self.client.documents::<StoredProduct>(&self.index, &ids, Part::Without("words,embedding"));
        let product = |stored: StoredProduct| stored.product().map(Arc::new);
        found.await?.into_iter().map(|found| found.map(|found| product(found.document)).transpose()).collect()
    }

    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        #[derive(Deserialize)]
        struct Embedded {
            #[serde(default)]
            embedding: Option<Vec<f32>>,
        }
        let ids: Vec<&str> = ids.iter().map(ProductId::as_str).collect();
        let found = self.client.documents::<Embedded>(&self.index, &ids, Part::Only("embedding")).await?;
        let vector = |numbers| UnitVector::checked(numbers).map_err(corrupt);
        found
            .into_iter()
            .map(|found| found.and_then(|f| f.document.embedding).map(vector).transpose())
            .collect()
    }

    async fn put(&self, products: Vec<Product>) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let products: Vec<Arc<Product>> = products.into_iter().map(Arc::new).collect();
        let mut before = Vec::with_capacity(products.len());
        for batch in products.chunks(BATCH_MAX) {
            let put = self.put_batch(batch).await;
            self.freshness.written();
            before.extend(put?);
        }
        Ok(before)
    }

    async fn set_vectors(&self, writes: Vec<VectorWrite>) -> Result<Vec<bool>, StoreError> {
        writes.iter().try_for_each(|write| self.check_width(&write.vector))?;
        let mut set = Vec::with_capacity(writes.len());
        for batch in writes.chunks(BATCH_MAX) {
            let outcomes = self.set_batch(batch).await;
            self.freshness.written();
            set.extend(outcomes?);
        }
        Ok(set)
    }

    async fn unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        self.refreshed().await?;
        self.find_unembedded(limit).await
    }

    async fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        let removed = self.remove_one(id).await;
        self.freshness.written();
        removed
    }

    async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        self.check_width(vector)?;
        if k == 0 {
            return Ok(Vec::new());
        }
        self.refreshed().await?;
        self.find_nearest(vector, k, filter).await
    }

    async fn search_text(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        if k == 0 {
            return Ok(Vec::new());
        }
        self.refreshed().await?;
        self.find_by_words(query, k, filter).await
    }

    async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        self.refreshed().await?;
        self.find_page(filter, after, limit).await
    }

    async fn summary(&self) -> Result<CatalogSummary, StoreError> {
        self.refreshed().await?;
        self.counts().await
    }
}
