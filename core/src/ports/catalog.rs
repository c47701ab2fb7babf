//! Products, their vectors, and how they are found.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::{Product, ProductFilter, ProductId, UnitVector};

/// The vector of a product's passage.
#[derive(Clone, Debug)]
pub struct VectorWrite {
    /// The product.
    pub product_id: ProductId,
    /// [`crate::stable_hash128`] of the passage that was embedded.
    pub passage_hash: u128,
    /// Its vector.
    pub vector: UnitVector,
}

/// A product that was found, and how near it is.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The product as it stands now.
    pub product: Arc<Product>,
    /// Cosine for vectors, BM25 for words; finite.
    pub score: f32,
}

/// A page of products in order of their ids.
#[derive(Clone, Debug)]
pub struct ProductPage {
    /// The products.
    pub items: Vec<Arc<Product>>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<ProductId>,
}

/// What the catalogue holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogSummary {
    /// Products.
    pub total: usize,
    /// Of them with a vector.
    pub embedded: usize,
    /// Products by category, ordered by name.
    pub categories: Vec<(String, usize)>,
}

/// The catalogue.
///
/// - A write is durable when it returns, and found by every read of this process that begins after it.
///   Other processes may see it up to a second later.
/// - A product keeps its vector while [`Product::passage`] stays the same; another text clears it, and until
///   a new one is set the product is found by words and by popularity alone.
/// - Vectors are of one model and width; another width is refused as invalid.
/// - Filters are exact, and never shorten a result: `nearest` and `search_text` return `k` hits while `k`
///   eligible products exist (`search_text`: that share a word with the query).
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The products of `ids`, in their order; `None` for what is not there.
    async fn get(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError>;

    /// The vectors of the passages of `ids`, in their order; `None` for what is not there, or not embedded yet.
    async fn vectors(&self, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError>;

    /// Creates or replaces products; gives for each what stood there before.
    async fn put(&self, products: Vec<Product>) -> Result<Vec<Option<Arc<Product>>>, StoreError>;

    /// Sets vectors; gives for each whether the product is there with that very passage: if not, nothing
    /// was set for it.
    async fn set_vectors(&self, writes: Vec<VectorWrite>) -> Result<Vec<bool>, StoreError>;

    /// Up to `limit` products without a vector, in order of their ids.
    async fn unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError>;

    /// Removes a product; gives what stood there.
    async fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError>;

    /// The `k` products nearest to `vector` by cosine, nearest first; equals in order of their ids.
    async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError>;

    /// The `k` products that match the words of `query` best, best first; equals in order of their ids.
    async fn search_text(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError>;

    /// Up to `limit` products after `after`, in order of their ids.
    async fn list(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError>;

    /// Counts.
    async fn summary(&self) -> Result<CatalogSummary, StoreError>;
}
