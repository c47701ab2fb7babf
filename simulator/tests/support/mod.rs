//! A log in memory that can be slow or away, a shop that remembers, a clock on tokio's time.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_core::avro::Codec;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, PartitionOffsets, Record};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Money, Position, ProductId, Timestamp, Topic, UserAction, partition_of};
use rep_simulator::{Catalogue, Change, Parts, RunnerConfig, Shop, Simulator};
use tokio::time::Instant;

/// 2026-06-01 00:00 UTC.
pub(crate) const NOW_MS: i64 = 1_780_272_000_000;

#[derive(Default)]
pub(crate) struct MemoryLog {
    pub(crate) records: Mutex<Vec<(Topic, NewRecord)>>,
    pub(crate) delay_ms: AtomicUsize,
    pub(crate) is_away: AtomicBool,
    pub(crate) keeps_records: AtomicBool,
    pub(crate) appends: AtomicUsize,
    pub(crate) under_way: AtomicUsize,
    pub(crate) under_way_max: AtomicUsize,
    pub(crate) appended: AtomicUsize,
}

impl MemoryLog {
    pub(crate) fn actions(&self) -> Vec<UserAction> {
        let codec = Codec::with_sequential_ids();
        let decode = |(topic, record): &(Topic, NewRecord)| {
            assert_eq!(*topic, Topic::UserAction);
            let action: UserAction = codec.decode(&record.value).unwrap();
            assert_eq!(action.user_id.as_str().as_bytes(), &record.key[..]);
            action
        };
        self.records.lock().iter().map(decode).collect()
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.under_way_max.fetch_max(under_way, Ordering::SeqCst);
        self.appends.fetch_add(1, Ordering::SeqCst);
        let delay = self.delay_ms.load(Ordering::SeqCst) as u64;
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "away"));
        }
        self.appended.fetch_add(records.len(), Ordering::SeqCst);
        let position = |record: &NewRecord| Position {
            epoch: 1,
            partition: partition_of(&record.key, topic.partitions()),
            offset: 0,
        };
        let positions = records.iter().map(position).collect();
        if self.keeps_records.load(Ordering::SeqCst) {
            self.records.lock().extend(records.into_iter().map(|record| (topic, record)));
        }
        Ok(positions)
    }

    async fn subscribe(&self, _: &str, _: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Invalid, "a simulator does not read"))
    }

    async fn read(&self, _: Topic, _: u32, _: u64, _: usize) -> Result<Vec<Record>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Invalid, "a simulator does not read"))
    }

    async fn offsets(&self, _: Topic, _: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Invalid, "a simulator does not read"))
    }
}

#[derive(Default)]
pub(crate) struct MemoryShop {
    pub(crate) changes: Mutex<Vec<Change>>,
    /// Products that it does not have.
    pub(crate) lacks: Mutex<HashSet<ProductId>>,
    pub(crate) is_away: AtomicBool,
}

#[async_trait]
impl Shop for MemoryShop {
    async fn change(
        &self,
        product: &ProductId,
        price: Option<Money>,
        stock: Option<u32>,
    ) -> Result<(), StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "closed"));
        }
        self.changes.lock().push(Change { product_id: product.clone(), price, stock });
        Ok(())
    }

    async fn has(&self, products: &[ProductId]) -> Result<Vec<bool>, StoreError> {
        let lacks = self.lacks.lock();
        Ok(products.iter().map(|product| !lacks.contains(product)).collect())
    }
}

/// Begins at [`NOW_MS`] and goes as tokio's time goes, which a test may have paused.
pub(crate) struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW_MS).plus(self.0.elapsed())
    }
}

pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) shop: Arc<MemoryShop>,
}

/// A simulator of a small shop. Call it within a runtime.
pub(crate) fn bench(config: RunnerConfig) -> Bench {
    let (log, shop) = (Arc::new(MemoryLog::default()), Arc::new(MemoryShop::default()));
    log.keeps_records.store(true, Ordering::SeqCst);
    let parts = Parts {
        catalogue: Arc::new(Catalogue::new(42, 1_000)),
        log: log.clone(),
        codec: Codec::with_sequential_ids(),
        clock: Arc::new(TokioClock(Instant::now())),
        shop: shop.clone(),
    };
    Bench { simulator: Simulator::new(parts, config), log, shop }
}
