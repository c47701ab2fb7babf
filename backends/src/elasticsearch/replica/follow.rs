//! Keeping up with what others write.
//!
//! An index gives each change a number, in order, and `product_index` has one shard, so all of its numbers are one row.
//! A change becomes visible with the next refresh, and one of a lower number may do so after one of a higher: so a look
//! begins a little before the last number seen, and takes over what it has not seen yet. What is removed leaves no
//! change to be found: a count that differs has the ids compared.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rep_core::avro::Codec;
use rep_core::ports::StoreError;
use rep_core::ports::log::EventLog;
use rep_core::{InventoryChange, Money, Product, ProductId, Topic};

use super::{Shared, passage_hash};
use crate::in_memory::Memory;

/// Products read at once.
pub(super) const PAGE: usize = 250;
/// Changes of one look.
const CHANGES_MAX: usize = 1000;
/// How far before the last number seen a look begins: more than can be under way at once.
const OVERLAP: u64 = 256;
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause between two looks at the log.
const READ_EVERY: Duration = Duration::from_millis(200);
/// Longest pause while the store or the log is away.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Records of one look at a partition.
const RECORDS_MAX: usize = 500;

/// The changes of the store.
pub(super) struct Changes {
    /// The highest number seen.
    last: u64,
    /// Numbers of the last looks, for the overlap.
    seen: HashMap<ProductId, u64>,
    /// How many products were held and how many were found, where that differed at the last look.
    differed: Option<(usize, usize)>,
}

impl Changes {
    /// Takes over all products there are.
    pub(super) async fn load(shared: &Shared) -> Result<Self, StoreError> {
        let began = Instant::now();
        let mut changes = Self { last: 0, seen: HashMap::new(), differed: None };
        shared.store.see_all().await?;
        changes.look(shared).await?;
        let summary = shared.held.summary();
        tracing::info!(
            products = summary.total,
            embedded = summary.embedded,
            seconds = began.elapsed().as_secs_f64(),
            "catalogue loaded"
        );
        Ok(changes)
    }

    /// Follows until it is dropped.
    pub(super) async fn follow(mut self, shared: Arc<Shared>) {
        let mut fresh = Instant::now();
        let mut pause = LOOK_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            let looked = async {
                self.look(&shared).await?;
                self.compare(&shared).await
            };
            match looked.await {
                Ok(()) => {
                    fresh = Instant::now();
                    pause = LOOK_EVERY;
                }
                Err(error) => {
                    tracing::warn!(%error, "the catalogue in memory cannot follow the store");
                    metrics::counter!("rep_replica_errors_total").increment(1);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            metrics::gauge!("rep_replica_age_seconds").set(fresh.elapsed().as_secs_f64());
        }
    }

    /// Takes over the changes since the last look.
    async fn look(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let mut from = self.last.saturating_sub(OVERLAP);
        loop {
            let found = shared.store.changed_from(from, CHANGES_MAX).await?;
            let is_full = found.len() == CHANGES_MAX;
            let highest = found.last().map_or(self.last, |(_, number)| *number);
            let new: Vec<(ProductId, u64)> =
                found.into_iter().filter(|(id, number)| self.seen.get(id) != Some(number)).collect();
            let ids: Vec<ProductId> = new.iter().map(|(id, _)| id.clone()).collect();
            shared.take_over(&ids).await?;
            metrics::counter!("rep_replica_changes_total").increment(ids.len() as u64);
            self.seen.extend(new);
            self.last = self.last.max(highest);
            if !is_full {
                let oldest = self.last.saturating_sub(OVERLAP);
                self.seen.retain(|_, number| *number >= oldest);
                return Ok(());
            }
            from = highest + 1;
        }
    }

    /// Lets go what the store no longer has, and takes over what was missed.
    ///
    /// A search does not see what was written since the last refresh: only a difference that stays is one.
    async fn compare(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let (held, found) = (shared.held.read(Memory::total), shared.store.total().await?);
        let differs = (held != found).then_some((held, found));
        if differs.is_none() || std::mem::replace(&mut self.differed, differs) != differs {
            self.differed = differs;
            return Ok(());
        }
        let here: HashSet<ProductId> = shared.held.read(Memory::ids).into_iter().collect();
        let there: HashSet<ProductId> = shared.store.all_ids().await?.into_iter().collect();
        // Searches lag behind what is stored: each is asked for by its id before it goes or comes.
        let differing: Vec<ProductId> = here.symmetric_difference(&there).cloned().collect();
        shared.take_over(&differing).await
    }
}

/// What the log tells of prices and stock.
pub(super) struct Told {
    log: Arc<dyn EventLog>,
    codec: Codec,
    /// The next offset of each partition.
    next: Vec<u64>,
}

impl Told {
    /// Begins at the present end of the log.
    pub(super) async fn from_now(log: Arc<dyn EventLog>, codec: Codec) -> Result<Self, StoreError> {
        let offsets = log.offsets(Topic::ProductInventory, "replica").await?;
        Ok(Self { log, codec, next: offsets.iter().map(|offsets| offsets.end).collect() })
    }

    /// Follows until it is dropped.
    pub(super) async fn follow(mut self, shared: Arc<Shared>) {
        let mut pause = READ_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            match self.look(&shared).await {
                Ok(()) => pause = READ_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "the catalogue in memory cannot follow the log");
                    metrics::counter!("rep_replica_errors_total").increment(1);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn look(&mut self, shared: &Shared) -> Result<(), StoreError> {
        for partition in 0..self.next.len() {
            let number = u32::try_from(partition).unwrap_or(u32::MAX);
            loop {
                let from = self.next[partition];
                let records = self.log.read(Topic::ProductInventory, number, from, RECORDS_MAX).await?;
                let Some(last) = records.last() else { break };
                self.next[partition] = last.position.offset + 1;
                for record in &records {
                    // What cannot be read is the inventory consumer's to park.
                    if let Ok(change) = self.codec.decode::<InventoryChange>(&record.value) {
                        apply(shared, &change).await;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Price and stock as they are told; the change itself is written a moment later, and comes by the store then.
async fn apply(shared: &Shared, change: &InventoryChange) {
    let _none_writes = shared.writes.write().await;
    let Some(product) = shared.held.read(|memory| memory.get(&change.product_id).cloned()) else { return };
    let price = Money::from_minor(change.price_after, change.currency);
    let (Ok(price), Ok(stock)) = (price, u32::try_from(change.stock_after)) else { return };
    let changed = Product { price, stock, ..(*product).clone() };
    let hash = passage_hash(&changed);
    shared.held.put(Arc::new(changed), hash);
}
