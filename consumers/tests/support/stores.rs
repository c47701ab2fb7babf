//! What the doubles keep, and the stores of the behaviour role.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_core::likeness::Probe;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, HistoryPage, IndexOutcome, Interest};
use rep_core::ports::notifications::{Delivery, InboxItem};
use rep_core::ports::popularity::{Popularity, PopularityEvent};
use rep_core::ports::preferences::{
    Fold, FoldRules, Folded, Incomplete, IncompletePage, PreferenceChange, PreferenceStore, PreferenceWrite,
    StoreOutcome, Waiting, WaitingPage,
};
use rep_core::{
    Erasure, EventId, EventKey, ModelId, NotificationSettings, Position, Preference, Product, ProductId,
    Registers, Standing, Timestamp, TraceId, UnitVector, UserId,
};
use tokio::sync::broadcast;

use super::embedder::MODEL;
use super::faults::Faults;

/// Documents of one page of history.
const HISTORY_PAGE: usize = 40;

/// State that follows from the log: an embedded backend keeps it in one step with the offsets.
#[derive(Clone, Default)]
pub struct Derived {
    pub documents: BTreeMap<EventKey, BehaviourDocument>,
    pub preferences: HashMap<UserId, Preference>,
    pub popularity: HashMap<ProductId, f64>,
    popularity_fence: HashMap<u32, Position>,
}

/// A product, with the vector of its passage if somebody embedded it.
#[derive(Clone)]
pub struct KeptProduct {
    pub product: Arc<Product>,
    pub vector: Option<UnitVector>,
}

#[derive(Default)]
pub struct State {
    /// The connected one, if it is not [`MODEL`].
    pub model: Option<ModelId>,
    pub derived: Derived,
    pub committed: Derived,
    pub products: BTreeMap<ProductId, KeptProduct>,
    pub inboxes: HashMap<UserId, Vec<InboxItem>>,
    /// What went over other channels alone.
    pub unlisted: Vec<Delivery>,
    pub settings: HashMap<UserId, NotificationSettings>,
    /// Outcomes to give for a document instead of indexing it, in order.
    pub scripted: HashMap<TraceId, VecDeque<IndexOutcome>>,
    /// Products whose lookup panics.
    pub cursed: HashSet<ProductId>,
    /// Documents whose indexing panics.
    pub cursed_documents: HashSet<TraceId>,
    /// Stores of vectors to answer with `Stale`.
    pub stale: u32,
    /// Positions of the documents in the order in which `index` took them.
    pub taken: Vec<Position>,
    /// Largest call to `index`.
    pub bulk_max: usize,
    pub changes: Vec<PreferenceChange>,
}

#[derive(Clone)]
pub struct MemoryStores {
    pub state: Arc<Mutex<State>>,
    pub faults: Faults,
}

#[async_trait]
impl BehaviourStore for MemoryStores {
    async fn index(&self, documents: Vec<BehaviourDocument>) -> Result<Vec<IndexOutcome>, StoreError> {
        self.faults.enter("index").await?;
        let outcomes = {
            let mut state = self.state.lock();
            state.bulk_max = state.bulk_max.max(documents.len());
            for document in &documents {
                let id = &document.action.trace_id;
                assert!(!state.cursed_documents.contains(id), "document `{id}` is cursed");
            }
            state.taken.extend(documents.iter().map(|document| document.position));
            documents.into_iter().map(|document| state.index(document)).collect()
        };
        self.faults.leave().await;
        Ok(outcomes)
    }

    async fn positions(&self, events: &[EventId<'_>]) -> Result<Vec<Option<Position>>, StoreError> {
        self.faults.enter("positions").await?;
        let state = self.state.lock();
        Ok(events.iter().map(|event| state.derived.documents.get(&event.key()).map(|d| d.position)).collect())
    }

    async fn history(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        self.faults.enter("history").await?;
        let key = |document: &BehaviourDocument| {
            (std::cmp::Reverse(document.action.timestamp), document.action.trace_id.clone())
        };
        let state = self.state.lock();
        let documents = &state.derived.documents;
        let of_user = documents.values().filter(|document| document.action.user_id == *user);
        let mut items: Vec<BehaviourDocument> = of_user.cloned().collect();
        let is_last = |document: &&BehaviourDocument| Some(document.action.trace_id.as_str()) == cursor;
        let after = items.iter().find(is_last).map(key);
        items.retain(|document| after.as_ref().is_none_or(|after| key(document) > *after));
        items.sort_by_key(key);
        // Pages are as long as the store likes.
        let limit = limit.min(HISTORY_PAGE);
        let next = (items.len() > limit).then(|| items[limit - 1].action.trace_id.to_string());
        items.truncate(limit);
        Ok(HistoryPage { items, next })
    }

    async fn interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        self.faults.enter("interested").await?;
        let interest = |(user_id, registers): (UserId, Registers)| match registers.standing(since) {
            Standing::Interested { reason, at } => Some(Interest { user_id, reason, at }),
            Standing::Settled | Standing::Unconcerned => None,
        };
        let registers = self.state.lock().registers(product);
        let mut all: Vec<Interest> = registers.into_iter().filter_map(interest).collect();
        all.sort_by_key(|interest| interest.reason);
        all.truncate(limit);
        Ok(all)
    }

    async fn settled(
        &self,
        product: &ProductId,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError> {
        self.faults.enter("settled").await?;
        let mut registers = self.state.lock().registers(product);
        registers.retain(|user, r| users.contains(user) && r.standing(since) == Standing::Settled);
        Ok(registers.into_keys().collect())
    }

    async fn erase(&self, _: &UserId) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.state.lock().derived.documents.len() as u64)
    }
}

impl State {
    fn registers(&self, product: &ProductId) -> BTreeMap<UserId, Registers> {
        let mut registers: BTreeMap<UserId, Registers> = BTreeMap::new();
        for document in self.derived.documents.values() {
            let action = &document.action;
            if action.product_id.as_ref() == Some(product) {
                let of_user = registers.entry(action.user_id.clone()).or_default();
                of_user.note(action.action_type, action.timestamp);
            }
        }
        registers
    }

    fn index(&mut self, document: BehaviourDocument) -> IndexOutcome {
        if let Some(outcome) = self.scripted.get_mut(&document.action.trace_id).and_then(VecDeque::pop_front)
        {
            return outcome;
        }
        let event = document.action.event_id().key();
        match self.derived.documents.get(&event) {
            Some(known) if known.position == document.position => IndexOutcome::Redelivered,
            Some(_) => IndexOutcome::Duplicate,
            None => {
                self.derived.documents.insert(event, document);
                IndexOutcome::Created
            }
        }
    }
}

#[async_trait]
impl PreferenceStore for MemoryStores {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError> {
        self.faults.enter("load").await?;
        let state = self.state.lock();
        Ok(users.iter().map(|user| state.derived.preferences.get(user).cloned()).collect())
    }

    async fn store(&self, writes: Vec<PreferenceWrite>) -> Result<Vec<StoreOutcome>, StoreError> {
        self.faults.enter("store").await?;
        let outcomes = {
            let mut state = self.state.lock();
            writes.into_iter().map(|write| state.store(write)).collect()
        };
        self.faults.leave().await;
        Ok(outcomes)
    }

    async fn fold(&self, folds: &[Fold<'_>], rules: &FoldRules<'_>) -> Result<Vec<Folded>, StoreError> {
        self.faults.enter("load").await?;
        self.faults.enter("store").await?;
        let outcomes = {
            let mut state = self.state.lock();
            folds.iter().map(|fold| state.fold(fold, rules)).collect()
        };
        self.faults.leave().await;
        Ok(outcomes)
    }

    async fn waiting(&self, _: Option<&str>, _: usize) -> Result<WaitingPage, StoreError> {
        let state = self.state.lock();
        let mut items = Vec::new();
        for preference in state.derived.preferences.values() {
            for waits in &preference.pending {
                let (product_id, user_id) = (waits.product_id.clone(), preference.user_id.clone());
                items.push(Waiting { product_id, user_id });
            }
        }
        let total = items.len();
        Ok(WaitingPage { items, next: None, total })
    }

    async fn incomplete(&self, cursor: Option<&str>, limit: usize) -> Result<IncompletePage, StoreError> {
        let state = self.state.lock();
        let model = state.model.clone().unwrap_or_else(|| ModelId::new(MODEL).unwrap());
        let states = state.derived.preferences.values();
        let mut items: Vec<Incomplete> =
            states.filter_map(|preference| Incomplete::of(preference, &model)).collect();
        items.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        let total = items.len();
        items.retain(|one| cursor.is_none_or(|cursor| one.user_id.as_str() > cursor));
        items.truncate(limit);
        let next = items.last().filter(|_| items.len() == limit).map(|last| last.user_id.to_string());
        Ok(IncompletePage { items, next, total })
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.committed.preferences = state.derived.preferences.clone();
        Ok(())
    }

    async fn nearest(
        &self,
        probe: &Probe,
        k: usize,
        since: Timestamp,
    ) -> Result<Vec<(UserId, f32)>, StoreError> {
        self.faults.enter("nearest").await?;
        let state = self.state.lock();
        let mut near: Vec<(UserId, f32)> = state
            .derived
            .preferences
            .values()
            .filter(|preference| preference.updated_at >= since)
            .filter_map(|p| Some((p.user_id.clone(), probe.score(p.vector.as_ref()?)?)))
            .collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1));
        near.truncate(k);
        Ok(near)
    }

    async fn recent(&self, _: usize) -> Result<Vec<Preference>, StoreError> {
        Ok(Vec::new())
    }

    async fn erase(&self, _: &UserId, _: Erasure) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        Ok(vec![None; users.len()])
    }

    fn changes(&self, _: &UserId) -> broadcast::Receiver<PreferenceChange> {
        broadcast::channel(1).1
    }
}

impl State {
    fn fold(&mut self, fold: &Fold<'_>, rules: &FoldRules<'_>) -> Folded {
        // Two attempts, each of which may meet a state that another process changed.
        let missed = self.stale.min(2);
        self.stale -= missed;
        if missed == 2 {
            return Folded { stale: true, ..Folded::default() };
        }
        let known = self.derived.preferences.get(fold.user_id).cloned();
        let mut preference =
            known.unwrap_or_else(|| Preference::new(fold.user_id.clone(), rules.model.clone()));
        let mut changes = Vec::new();
        let applied = fold.apply(&mut preference, rules, true, |counted, count| {
            changes.push(counted.change(fold.user_id, rules.applied_at, count));
        });
        if applied.changed {
            self.changes.extend(changes);
            self.derived.preferences.insert(fold.user_id.clone(), preference);
        }
        applied.folded
    }

    fn store(&mut self, write: PreferenceWrite) -> StoreOutcome {
        if self.stale > 0 {
            self.stale -= 1;
            return StoreOutcome::Stale;
        }
        let fence = self.derived.preferences.get(&write.preference.user_id).and_then(|known| known.position);
        let position = write.preference.position.expect("a folded state has a position");
        if fence.is_some_and(|fence| position.is_covered_by(fence)) {
            return StoreOutcome::Stale;
        }
        self.changes.extend(write.changes);
        self.derived.preferences.insert(write.preference.user_id.clone(), write.preference);
        StoreOutcome::Stored
    }
}

#[async_trait]
impl Popularity for MemoryStores {
    async fn record(&self, events: Vec<PopularityEvent>) -> Result<(), StoreError> {
        self.faults.enter("popularity").await?;
        {
            let mut state = self.state.lock();
            for event in events {
                let fence = state.derived.popularity_fence.get(&event.position.partition);
                if fence.is_some_and(|fence| event.position.is_covered_by(*fence)) {
                    continue;
                }
                state.derived.popularity_fence.insert(event.position.partition, event.position);
                *state.derived.popularity.entry(event.product_id).or_default() += f64::from(event.weight);
            }
        }
        self.faults.leave().await;
        Ok(())
    }

    async fn top(&self, k: usize, _: Timestamp) -> Result<Vec<(ProductId, f64)>, StoreError> {
        let state = self.state.lock();
        let mut top: Vec<(ProductId, f64)> =
            state.derived.popularity.iter().map(|(id, sum)| (id.clone(), *sum)).collect();
        top.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(k);
        Ok(top)
    }

    async fn scores(&self, ids: &[ProductId], _: Timestamp) -> Result<Vec<f64>, StoreError> {
        let state = self.state.lock();
        Ok(ids.iter().map(|id| state.derived.popularity.get(id).copied().unwrap_or(0.0)).collect())
    }
}
