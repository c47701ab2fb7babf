//! The catalogue's one writer in a process: what changes price or stock is told to the log first.
//!
//! Order of a change: lock the product, read it, append the [`InventoryChange`] (durable), write the
//! product. While the catalogue takes no writes, a change stays told and not made. Whoever tries again, here or in another
//! process, finds the product as it was and tells of the same change by the same id ([`InventoryChange::between`]), so
//! that no shopper hears of it twice. Work runs in a task of its own, so that a caller who goes away does not leave it half
//! done.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;
use rep_core::avro::{Codec, EncodeError, Event};
use rep_core::ports::StoreError;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::{
    Clock, FieldError, InventoryChange, Money, Product, ProductId, Topic, TraceContext, TraceId,
    stable_hash128,
};
use tokio::sync::{Mutex, MutexGuard};
use tracing::Instrument as _;

/// Locks that products share; two products seldom wait for each other, and memory is bounded.
const SHARDS: usize = 256;
/// Most products that are written in one step.
const BATCH_MAX: usize = 500;
/// Changes that are remembered as told: what is tried again and again is not told as often.
const TOLD_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Changes products; cheap to clone, clones share their locks.
#[derive(Clone)]
pub struct Shop {
    inner: Arc<Inner>,
    trace: Option<TraceContext>,
}

struct Inner {
    log: Arc<dyn EventLog>,
    catalog: Arc<dyn Catalog>,
    codec: Codec,
    clock: Arc<dyn Clock>,
    locks: Box<[Mutex<()>]>,
    /// Changes that the log has for certain, the last of them.
    told: parking_lot::Mutex<LruCache<TraceId, ()>>,
}

/// Why a product was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// There is no such product.
    #[error("no product `{0}`")]
    NotFound(ProductId),
    /// The change makes no sense.
    #[error(transparent)]
    Invalid(#[from] FieldError),
    /// Log or catalogue failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The change could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The task that makes the change ended early: the runtime shuts down, or it panicked.
    #[error("change was interrupted")]
    Interrupted,
}

impl ShopError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Interrupted => true,
            Self::NotFound(_) | Self::Invalid(_) | Self::Encode(_) => false,
        }
    }
}

impl Shop {
    /// A shop on these ports.
    pub fn new(
        log: Arc<dyn EventLog>,
        catalog: Arc<dyn Catalog>,
        codec: Codec,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let locks = (0..SHARDS).map(|_| Mutex::new(())).collect();
        Self {
            inner: Arc::new(Inner {
                log,
                catalog,
                codec,
                clock,
                locks,
                told: parking_lot::Mutex::new(LruCache::new(TOLD_MAX)),
            }),
            trace: None,
        }
    }

    /// The same shop, whose changes are part of `trace`.
    #[must_use]
    pub fn in_trace(&self, trace: TraceContext) -> Self {
        Self { inner: Arc::clone(&self.inner), trace: Some(trace) }
    }

    /// Sets price, stock or both of a product and gives it as it then stands. What is the same already is
    /// no change: nothing is told. A price in another currency is refused.
    pub async fn change_price_or_stock(
        &self,
        id: &ProductId,
        price: Option<Money>,
        stock: Option<u32>,
    ) -> Result<Arc<Product>, ShopError> {
        let (inner, trace, id) = (Arc::clone(&self.inner), self.trace, id.clone());
        finished(async move { inner.change(&id, price, stock, trace).await }).await
    }

    /// Creates or replaces products and gives for each whether it is new. All of a call are taken, or the
    /// call fails and some may have been. Changes of price and stock are told, and new products with them.
    pub async fn put(&self, products: Vec<Product>) -> Result<Vec<bool>, ShopError> {
        for product in &products {
            product.validate()?;
        }
        let (inner, trace) = (Arc::clone(&self.inner), self.trace);
        finished(async move { inner.put_all(products, trace).await }).await
    }

    /// Removes a product and gives what stood there.
    pub async fn remove(&self, id: &ProductId) -> Result<Option<Arc<Product>>, ShopError> {
        let (inner, id) = (Arc::clone(&self.inner), id.clone());
        finished(async move {
            let _lock = inner.lock(std::iter::once(&id)).await;
            Ok(inner.catalog.remove(&id).await?)
        })
        .await
    }
}

/// Does `work` to its end, in a task of its own.
async fn finished<T: Send + 'static>(
    work: impl Future<Output = Result<T, ShopError>> + Send + 'static,
) -> Result<T, ShopError> {
    tokio::spawn(work.in_current_span()).await.unwrap_or(Err(ShopError::Interrupted))
}

impl Inner {
    /// Locks `ids`, always in the order of their shards: two callers never wait for each other.
    async fn lock<'a>(&self, ids: impl Iterator<Item = &'a ProductId>) -> Vec<MutexGuard<'_, ()>> {
        let shard = |id: &ProductId| (stable_hash128(id.as_str().as_bytes()) % SHARDS as u128) as usize;
        let shards: BTreeSet<usize> = ids.map(shard).collect();
        let mut guards = Vec::with_capacity(shards.len());
        for shard in shards {
            guards.push(self.locks[shard].lock().await);
        }
        guards
    }

    async fn change(
        &self,
        id: &ProductId,
        price: Option<Money>,
        stock: Option<u32>,
        trace: Option<TraceContext>,
    ) -> Result<Arc<Product>, ShopError> {
        let _lock = self.lock(std::iter::once(id)).await;
        let before = self.present(std::slice::from_ref(id)).await?.pop().flatten();
        let before = before.ok_or_else(|| ShopError::NotFound(id.clone()))?;
        if let Some(price) = price
            && price.currency() != before.price.currency()
        {
            let message = format!("must be in {}, the currency of the product", before.price.currency());
            return Err(FieldError::new("price", message).into());
        }
        let mut after = Product {
            price: price.unwrap_or(before.price),
            stock: stock.unwrap_or(before.stock),
            ..Product::clone(&before)
        };
        after.validate()?;
        let Some(change) = InventoryChange::between(Some(&before), &mut after, self.clock.now()) else {
            return Ok(before);
        };
        self.tell(vec![change], trace).await?;
        self.catalog.put(vec![after.clone()]).await?;
        Ok(Arc::new(after))
    }

    async fn put_all(
        &self,
        products: Vec<Product>,
        trace: Option<TraceContext>,
    ) -> Result<Vec<bool>, ShopError> {
        let mut created = Vec::with_capacity(products.len());
        let mut rest = products.into_iter().peekable();
        while rest.peek().is_some() {
            let mut batch: Vec<Product> = Vec::new();
            let mut ids = BTreeSet::new();
            // A product that comes twice is written twice: each change is told by what stood before it.
            while let Some(next) =
                rest.next_if(|next| batch.len() < BATCH_MAX && !ids.contains(&next.product_id))
            {
                ids.insert(next.product_id.clone());
                batch.push(next);
            }
            created.extend(self.put_batch(batch, trace).await?);
        }
        Ok(created)
    }

    async fn put_batch(
        &self,
        mut batch: Vec<Product>,
        trace: Option<TraceContext>,
    ) -> Result<Vec<bool>, ShopError> {
        let ids: Vec<ProductId> = batch.iter().map(|product| product.product_id.clone()).collect();
        let _locks = self.lock(ids.iter()).await;
        let before = self.present(&ids).await?;
        let now = self.clock.now();
        let steps = before.iter().zip(&mut batch);
        let changes =
            steps.filter_map(|(before, after)| InventoryChange::between(before.as_deref(), after, now));
        self.tell(changes.collect(), trace).await?;
        self.catalog.put(batch).await?;
        Ok(before.iter().map(Option::is_none).collect())
    }

    async fn present(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        self.catalog.get(ids).await
    }

    /// Appends those of `changes` that the log does not have for certain.
    async fn tell(
        &self,
        changes: Vec<InventoryChange>,
        trace: Option<TraceContext>,
    ) -> Result<(), ShopError> {
        let is_told = |change: &InventoryChange| self.told.lock().contains(&change.trace_id);
        let untold: Vec<InventoryChange> = changes.into_iter().filter(|change| !is_told(change)).collect();
        if untold.is_empty() {
            return Ok(());
        }
        let mut records = Vec::with_capacity(untold.len());
        for change in &untold {
            let key = Bytes::copy_from_slice(change.key());
            records.push(NewRecord::new(key, self.codec.encode(change)?).in_trace(trace));
        }
        self.log.append(Topic::ProductInventory, records).await?;
        metrics::counter!("rep_inventory_changes_total").increment(untold.len() as u64);
        let mut told = self.told.lock();
        for change in untold {
            told.put(change.trace_id, ());
        }
        Ok(())
    }
}
