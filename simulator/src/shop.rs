//! The way to the real catalogue: what the simulator changes, everybody must hear of; what is not in it, no
//! shopper can look at.

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::{Money, ProductId};

/// Changes price and stock of products, the same way as `PATCH /products/{id}`: the catalogue and the
/// inventory topic both hear of it.
#[async_trait]
pub trait Shop: Send + Sync {
    /// Sets what is given and leaves the rest; durable when it returns. Setting what already stands there
    /// changes nothing. A product that is not there is refused as [`rep_core::ports::StoreErrorKind::Invalid`].
    async fn change(
        &self,
        product: &ProductId,
        price: Option<Money>,
        stock: Option<u32>,
    ) -> Result<(), StoreError>;

    /// Which of `products` the shop has, in their order.
    async fn has(&self, products: &[ProductId]) -> Result<Vec<bool>, StoreError>;
}
