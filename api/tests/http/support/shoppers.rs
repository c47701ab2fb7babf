//! What is kept of shoppers, in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rep_core::likeness::Probe;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, HistoryPage, IndexOutcome, Interest};
use rep_core::ports::popularity::{Popularity, PopularityEvent};
use rep_core::ports::preferences::{
    Fold, FoldRules, Folded, IncompletePage, PreferenceChange, PreferenceStore, PreferenceWrite,
    StoreOutcome, Waiting, WaitingPage,
};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Erasure, EventId, PendingAction, Position, Preference, ProductId, Timestamp, UserId};
use tokio::sync::broadcast;

use super::away;

#[derive(Default)]
pub(crate) struct MemoryBehaviour {
    documents: Mutex<Vec<BehaviourDocument>>,
}

#[async_trait]
impl BehaviourStore for MemoryBehaviour {
    async fn index(&self, new: Vec<BehaviourDocument>) -> Result<Vec<IndexOutcome>, StoreError> {
        let mut documents = self.documents.lock().unwrap();
        let outcomes = new.into_iter().map(|document| {
            if documents.iter().any(|known| known.action.event_id() == document.action.event_id()) {
                return IndexOutcome::Duplicate;
            }
            documents.push(document);
            IndexOutcome::Created
        });
        Ok(outcomes.collect())
    }

    async fn positions(&self, ids: &[EventId<'_>]) -> Result<Vec<Option<Position>>, StoreError> {
        let documents = self.documents.lock().unwrap();
        let position =
            |id: &EventId<'_>| documents.iter().find(|d| d.action.event_id() == *id).map(|d| d.position);
        Ok(ids.iter().map(position).collect())
    }

    async fn history(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let skip = cursor.map_or(Ok(0), str::parse::<usize>);
        let skip = skip.map_err(|error| StoreError::new(StoreErrorKind::Invalid, error))?;
        let documents = self.documents.lock().unwrap();
        let mut items: Vec<_> = documents.iter().filter(|d| d.action.user_id == *user).cloned().collect();
        items.sort_by_key(|d| std::cmp::Reverse(d.action.timestamp));
        let next = (items.len() > skip + limit).then(|| (skip + limit).to_string());
        Ok(HistoryPage { items: items.into_iter().skip(skip).take(limit).collect(), next })
    }

    async fn interested(&self, _: &ProductId, _: Timestamp, _: usize) -> Result<Vec<Interest>, StoreError> {
        Ok(Vec::new())
    }

    async fn settled(
        &self,
        _: &ProductId,
        _: &[UserId],
        _: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError> {
        Ok(HashSet::new())
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut documents = self.documents.lock().unwrap();
        let before = documents.len();
        documents.retain(|document| document.action.user_id != *user);
        Ok((before - documents.len()) as u64)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.documents.lock().unwrap().len() as u64)
    }
}

#[derive(Default)]
pub(crate) struct MemoryPreferences {
    known: Mutex<HashMap<UserId, Preference>>,
    pub(crate) erased: Mutex<HashMap<UserId, Erasure>>,
    hubs: Mutex<HashMap<UserId, broadcast::Sender<PreferenceChange>>>,
    pub(crate) is_away: AtomicBool,
}

impl MemoryPreferences {
    fn hub(&self, user: &UserId) -> broadcast::Sender<PreferenceChange> {
        let mut hubs = self.hubs.lock().unwrap();
        hubs.entry(user.clone()).or_insert_with(|| broadcast::Sender::new(16)).clone()
    }
}

#[async_trait]
impl PreferenceStore for MemoryPreferences {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(away());
        }
        let known = self.known.lock().unwrap();
        Ok(users.iter().map(|user| known.get(user).cloned()).collect())
    }

    async fn store(&self, writes: Vec<PreferenceWrite>) -> Result<Vec<StoreOutcome>, StoreError> {
        let mut outcomes = Vec::new();
        for write in writes {
            let user = write.preference.user_id.clone();
            self.known.lock().unwrap().insert(user.clone(), write.preference);
            for change in write.changes {
                // Nobody may be listening.
                let _ = self.hub(&user).send(change);
            }
            outcomes.push(StoreOutcome::Stored);
        }
        Ok(outcomes)
    }

    async fn fold(&self, _: &[Fold<'_>], _: &FoldRules<'_>) -> Result<Vec<Folded>, StoreError> {
        unreachable!("the API folds nothing")
    }

    async fn waiting(&self, _: Option<&str>, _: usize) -> Result<WaitingPage, StoreError> {
        let known = self.known.lock().unwrap();
        let waits = known.values().flat_map(|state| state.pending.iter().map(move |waits| (state, waits)));
        let pair = |(state, waits): (&Preference, &PendingAction)| Waiting {
            product_id: waits.product_id.clone(),
            user_id: state.user_id.clone(),
        };
        let items: Vec<Waiting> = waits.map(pair).collect();
        let total = items.len();
        Ok(WaitingPage { items, next: None, total })
    }

    async fn incomplete(&self, _: Option<&str>, _: usize) -> Result<IncompletePage, StoreError> {
        unreachable!("the API remembers nothing")
    }

    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn nearest(&self, _: &Probe, _: usize, _: Timestamp) -> Result<Vec<(UserId, f32)>, StoreError> {
        Ok(Vec::new())
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Preference>, StoreError> {
        let mut all: Vec<Preference> = self.known.lock().unwrap().values().cloned().collect();
        all.sort_by(|a, b| b.updated_at.cmp(&a.updated_at).then_with(|| a.user_id.cmp(&b.user_id)));
        all.truncate(limit);
        Ok(all)
    }

    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        self.erased.lock().unwrap().insert(user.clone(), erasure);
        Ok(self.known.lock().unwrap().remove(user).is_some())
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        let erased = self.erased.lock().unwrap();
        Ok(users.iter().map(|user| erased.get(user).copied()).collect())
    }

    fn changes(&self, user: &UserId) -> broadcast::Receiver<PreferenceChange> {
        self.hub(user).subscribe()
    }
}

#[derive(Default)]
pub(crate) struct MemoryPopularity {
    sums: Mutex<HashMap<ProductId, f64>>,
}

impl MemoryPopularity {
    pub(crate) fn add(&self, id: &ProductId, weight: f64) {
        *self.sums.lock().unwrap().entry(id.clone()).or_default() += weight;
    }
}

#[async_trait]
impl Popularity for MemoryPopularity {
    async fn record(&self, events: Vec<PopularityEvent>) -> Result<(), StoreError> {
        for event in events {
            self.add(&event.product_id, f64::from(event.weight));
        }
        Ok(())
    }

    async fn top(&self, k: usize, _: Timestamp) -> Result<Vec<(ProductId, f64)>, StoreError> {
        let mut top: Vec<_> =
            self.sums.lock().unwrap().clone().into_iter().filter(|(_, sum)| *sum > 0.0).collect();
        top.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(k);
        Ok(top)
    }

    async fn scores(&self, ids: &[ProductId], _: Timestamp) -> Result<Vec<f64>, StoreError> {
        let sums = self.sums.lock().unwrap();
        Ok(ids.iter().map(|id| sums.get(id).copied().unwrap_or(0.0)).collect())
    }
}
