//! What is popular now.

use async_trait::async_trait;

use super::StoreError;
use crate::{Position, ProductId, Timestamp};

/// An action that makes a product more popular.
#[derive(Clone, Debug)]
pub struct PopularityEvent {
    /// The product.
    pub product_id: ProductId,
    /// How much, above 0.
    pub weight: f32,
    /// When.
    pub at: Timestamp,
    /// The record that says so.
    pub position: Position,
}

/// Time-decayed sums by product.
///
/// `record` takes the records of a partition in order, and ignores those at or before the last it took:
/// a replay counts nothing twice.
#[async_trait]
pub trait Popularity: Send + Sync {
    /// Adds `events`.
    async fn record(&self, events: Vec<PopularityEvent>) -> Result<(), StoreError>;

    /// Up to `k` products with their sums at `now`, greatest first; equals in order of their ids. It may be
    /// made of one ranking for a second: up to that behind `now` and behind what was recorded.
    async fn top(&self, k: usize, now: Timestamp) -> Result<Vec<(ProductId, f64)>, StoreError>;

    /// The sums of `ids` at `now`, in their order; 0 for what nobody acted on.
    async fn scores(&self, ids: &[ProductId], now: Timestamp) -> Result<Vec<f64>, StoreError>;
}
