//! Time-decayed sums by product: in memory, written behind with the offsets they follow from.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use parking_lot::{Mutex, RwLock};
use rep_core::ports::StoreError;
use rep_core::ports::popularity::{Popularity, PopularityEvent};
use rep_core::{DecayedSum, Position, ProductId, Timestamp};

use super::codec::{decode, encode};
use super::db::{Db, Held};
use super::error::{corrupt, store_error};

const VERSION: u8 = 1;
/// How long a ranking is given out before it is made anew.
const RANKING_AGE_MAX: Duration = Duration::from_secs(1);
/// Products in the ranking that is kept; asking for more makes one each time.
const RANKED_MAX: usize = 1000;
/// Sums under this say nothing any more and are not ranked.
const SUM_MIN: f64 = 1e-3;

/// Popularity in a data directory.
pub struct EmbeddedPopularity {
    shared: Arc<Shared>,
}

struct Shared {
    sums: Keyspace,
    fences: Keyspace,
    half_life: Duration,
    state: RwLock<State>,
    ranking: Mutex<Ranking>,
    staged: Mutex<Staged>,
}

#[derive(Default)]
struct State {
    sums: HashMap<ProductId, DecayedSum, ahash::RandomState>,
    /// The last record taken of each partition.
    fences: HashMap<u32, Position>,
    dirty: HashSet<ProductId, ahash::RandomState>,
    dirty_fences: HashSet<u32>,
}

#[derive(Default)]
struct Ranking {
    made_at: Timestamp,
    items: Vec<(ProductId, f64)>,
}

#[derive(Default)]
struct Staged {
    products: Vec<ProductId>,
    partitions: Vec<u32>,
}

impl EmbeddedPopularity {
    pub(crate) fn open(db: &Db, half_life: Duration) -> Result<Self, StoreError> {
        let (sums, fences) = (db.keyspace("popularity")?, db.keyspace("popularity_fences")?);
        let mut state = State::default();
        for entry in sums.iter() {
            let (key, value) = entry.into_inner().map_err(store_error)?;
            let id = std::str::from_utf8(&key).ok().and_then(|text| ProductId::new(text).ok());
            let id = id.ok_or_else(|| corrupt("a popularity key is no product id"))?;
            state.sums.insert(id, decode(VERSION, &value, "a popularity sum")?);
        }
        for entry in fences.iter() {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            let fence: Position = decode(VERSION, &value, "a popularity fence")?;
            state.fences.insert(fence.partition, fence);
        }
        let shared = Arc::new(Shared {
            sums,
            fences,
            half_life,
            state: RwLock::new(state),
            ranking: Mutex::default(),
            staged: Mutex::default(),
        });
        db.hold(Arc::clone(&shared) as Arc<dyn Held>);
        Ok(Self { shared })
    }
}

impl Shared {
    fn ranked(&self, k: usize, now: Timestamp) -> Vec<(ProductId, f64)> {
        let state = self.state.read();
        let mut items: Vec<(&ProductId, f64)> = state
            .sums
            .iter()
            .map(|(id, sum)| (id, sum.value_at(now, self.half_life)))
            .filter(|(_, value)| *value >= SUM_MIN)
            .collect();
        let order =
            |a: &(&ProductId, f64), b: &(&ProductId, f64)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0));
        if k < items.len() {
            items.select_nth_unstable_by(k, order);
            items.truncate(k);
        }
        items.sort_unstable_by(order);
        items.into_iter().map(|(id, value)| (id.clone(), value)).collect()
    }
}

impl Held for Shared {
    fn stage(&self, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let mut staged = self.staged.lock();
        for id in std::mem::take(&mut state.dirty) {
            if let Some(sum) = state.sums.get(&id) {
                batch.insert(&self.sums, id.as_str(), encode(VERSION, sum)?);
            }
            staged.products.push(id);
        }
        for partition in std::mem::take(&mut state.dirty_fences) {
            if let Some(fence) = state.fences.get(&partition) {
                batch.insert(&self.fences, partition.to_be_bytes(), encode(VERSION, fence)?);
            }
            staged.partitions.push(partition);
        }
        Ok(())
    }

    fn settle(&self, written: bool) {
        let staged = std::mem::take(&mut *self.staged.lock());
        if !written {
            let mut state = self.state.write();
            state.dirty.extend(staged.products);
            state.dirty_fences.extend(staged.partitions);
        }
    }
}

#[async_trait]
impl Popularity for EmbeddedPopularity {
    async fn record(&self, events: Vec<PopularityEvent>) -> Result<(), StoreError> {
        let mut state = self.shared.state.write();
        for event in events {
            let partition = event.position.partition;
            if state.fences.get(&partition).is_some_and(|fence| event.position.is_covered_by(*fence)) {
                continue;
            }
            state.fences.insert(partition, event.position);
            state.dirty_fences.insert(partition);
            if event.weight > 0.0 && event.weight.is_finite() {
                let sum = state.sums.entry(event.product_id.clone()).or_default();
                sum.add(event.weight, event.at, self.shared.half_life);
                state.dirty.insert(event.product_id);
            }
        }
        Ok(())
    }

    async fn top(&self, k: usize, now: Timestamp) -> Result<Vec<(ProductId, f64)>, StoreError> {
        if k > RANKED_MAX {
            return Ok(self.shared.ranked(k, now));
        }
        let mut ranking = self.shared.ranking.lock();
        if ranking.items.is_empty() || now.since(ranking.made_at) >= RANKING_AGE_MAX || now < ranking.made_at
        {
            *ranking = Ranking { made_at: now, items: self.shared.ranked(RANKED_MAX, now) };
        }
        Ok(ranking.items.iter().take(k).cloned().collect())
    }

    async fn scores(&self, ids: &[ProductId], now: Timestamp) -> Result<Vec<f64>, StoreError> {
        let state = self.shared.state.read();
        let score = |id| state.sums.get(id).map_or(0.0, |sum| sum.value_at(now, self.shared.half_life));
        Ok(ids.iter().map(score).collect())
    }
}
