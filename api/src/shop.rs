//! The catalogue's one writer in a process: what changes price or stock is told to the log first.
//!
//! Order of a change: lock the product, read it, append the [`InventoryChange`] (durable), write the
//! product. While the catalogue takes no writes, a change stays told and not made; the caller tries again, and
//! it is the same change, which is not told again. Where the process itself dies between the two, or the caller
//! tries at another, shoppers may hear of it twice, but never not at all. Work runs in a task of its own, so
//! that a caller who goes away does not leave it half done.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rep_core::avro::{Codec, EncodeError, Event};
use rep_core::ports::StoreError;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::{
    Clock, FieldError, InventoryChange, Money, Product, ProductId, Timestamp, Topic, TraceContext,
    stable_hash128,
};
use tokio::sync::{Mutex, MutexGuard};
use tracing::Instrument as _;

use crate::trace::new_trace_id;

/// Locks that products share; two products seldom wait for each other, and memory is bounded.
const SHARDS: usize = 256;
/// Most products that are written in one step.
const BATCH_MAX: usize = 500;
/// Most changes that are remembered until they are made.
const UNMADE_MAX: usize = 10_000;
/// How long they are: who tries again does so sooner.
const UNMADE_AGE_MAX: Duration = Duration::from_secs(300);

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
    /// By product: whoever has its lock may change what is here of it.
    unmade: parking_lot::Mutex<HashMap<ProductId, Unmade>>,
}

/// A change whose product was not written yet.
struct Unmade {
    change: InventoryChange,
    /// The log has it for certain.
    is_told: bool,
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
                unmade: parking_lot::Mutex::default(),
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
        let after = Product {
            price: price.unwrap_or(before.price),
            stock: stock.unwrap_or(before.stock),
            ..Product::clone(&before)
        };
        after.validate()?;
        if after.price == before.price && after.stock == before.stock {
            return Ok(before);
        }
        self.tell([self.told(Some(&before), &after)].into_iter().flatten(), trace).await?;
        self.make(vec![after.clone()]).await?;
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
        batch: Vec<Product>,
        trace: Option<TraceContext>,
    ) -> Result<Vec<bool>, ShopError> {
        let ids: Vec<ProductId> = batch.iter().map(|product| product.product_id.clone()).collect();
        let _locks = self.lock(ids.iter()).await;
        let before = self.present(&ids).await?;
        let told =
            before.iter().zip(&batch).filter_map(|(before, after)| self.told(before.as_deref(), after));
        self.tell(told, trace).await?;
        self.make(batch).await?;
        Ok(before.iter().map(Option::is_none).collect())
    }

    async fn present(&self, ids: &[ProductId]) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        self.catalog.get(ids).await
    }

    /// What is to be told of a product that changes, if anything.
    fn told(&self, before: Option<&Product>, after: &Product) -> Option<InventoryChange> {
        if before.is_some_and(|before| before.price == after.price && before.stock == after.stock) {
            return None;
        }
        let now = self.clock.now();
        // Prices of two currencies do not compare: then the price counts as new.
        let price_before = before.map(|b| b.price).filter(|price| price.currency() == after.price.currency());
        let change = InventoryChange {
            trace_id: new_trace_id(now),
            product_id: after.product_id.clone(),
            currency: after.price.currency(),
            price_before: price_before.map(Money::minor),
            price_after: after.price.minor(),
            stock_before: before.map(|before| i64::from(before.stock)),
            stock_after: i64::from(after.stock),
            timestamp: now,
        };
        // Tried again, it keeps its identity, so that nobody is told twice.
        let earlier = self.unmade.lock().get(&change.product_id).map(|unmade| unmade.change.clone());
        Some(earlier.filter(|earlier| is_same(earlier, &change) && is_recent(earlier, now)).unwrap_or(change))
    }

    /// Notes what is about to be told; gives what the log does not have for certain.
    fn untold(&self, changes: Vec<InventoryChange>) -> Vec<InventoryChange> {
        let mut unmade = self.unmade.lock();
        if unmade.len() >= UNMADE_MAX {
            let now = self.clock.now();
            unmade.retain(|_, unmade| is_recent(&unmade.change, now));
        }
        let mut untold = Vec::new();
        for change in changes {
            let known = unmade.get(&change.product_id).filter(|known| known.change == change);
            if known.is_some_and(|known| known.is_told) {
                continue;
            }
            if unmade.len() < UNMADE_MAX {
                let noted = Unmade { change: change.clone(), is_told: false };
                unmade.insert(change.product_id.clone(), noted);
            }
            untold.push(change);
        }
        untold
    }

    /// Writes `products`, which makes what was told of them.
    async fn make(&self, products: Vec<Product>) -> Result<(), ShopError> {
        let ids: Vec<ProductId> = products.iter().map(|product| product.product_id.clone()).collect();
        self.catalog.put(products).await?;
        let mut unmade = self.unmade.lock();
        ids.iter().for_each(|id| drop(unmade.remove(id)));
        Ok(())
    }

    async fn tell(
        &self,
        changes: impl Iterator<Item = InventoryChange>,
        trace: Option<TraceContext>,
    ) -> Result<(), ShopError> {
        let untold = self.untold(changes.collect());
        let mut records = Vec::new();
        for change in &untold {
            let key = Bytes::copy_from_slice(change.key());
            records.push(NewRecord::new(key, self.codec.encode(change)?).in_trace(trace));
        }
        if records.is_empty() {
            return Ok(());
        }
        let told = records.len() as u64;
        self.log.append(Topic::ProductInventory, records).await?;
        metrics::counter!("rep_inventory_changes_total").increment(told);
        let mut unmade = self.unmade.lock();
        for change in untold {
            if let Some(noted) = unmade.get_mut(&change.product_id).filter(|noted| noted.change == change) {
                noted.is_told = true;
            }
        }
        Ok(())
    }
}

fn is_recent(change: &InventoryChange, now: Timestamp) -> bool {
    now.since(change.timestamp) <= UNMADE_AGE_MAX
}

/// Whether two changes say the same, at whatever time.
fn is_same(a: &InventoryChange, b: &InventoryChange) -> bool {
    let said = InventoryChange { trace_id: a.trace_id.clone(), timestamp: a.timestamp, ..b.clone() };
    *a == said
}
