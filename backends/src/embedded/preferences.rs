//! Preference vectors: in memory, written behind with the offsets they follow from.

mod erased;
mod incomplete;
mod stored;
mod waits;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use parking_lot::RwLock;
use rep_core::likeness::Probe;
use rep_core::ports::StoreError;
use rep_core::ports::preferences::{
    Counted, Fold, FoldRules, Folded, Incomplete, IncompletePage, PreferenceChange, PreferenceStore,
    PreferenceWrite, StoreOutcome, WaitingPage,
};
use rep_core::{Clock, Erasure, ModelId, Position, Preference, Timestamp, UserId};
use tokio::sync::broadcast;

use self::erased::Erased;
use self::incomplete::IncompleteUsers;
use self::stored::{from_stored, to_stored};
use self::waits::Waits;
use super::db::{Db, Held};
use super::error::{interrupted, store_error};
use super::scrub;
use crate::hub::Hub;

/// Parts of the map, so that readers and the writer seldom meet.
const SHARDS: usize = 64;
/// Shoppers folded between two chances for other tasks to run.
const FOLDS_AT_ONCE: usize = 64;

/// Bounds of the cache.
#[derive(Clone, Copy, Debug)]
pub struct PreferenceConfig {
    /// Shoppers kept in memory; those changed longest ago leave first.
    pub cached_max: usize,
    /// How long a shopper nobody changed stays in memory.
    pub ttl: Duration,
}

impl Default for PreferenceConfig {
    /// 200,000 shoppers (0.3 GB at 384 dimensions), 24 h.
    fn default() -> Self {
        Self { cached_max: 200_000, ttl: Duration::from_secs(24 * 3600) }
    }
}

/// The preference store of a data directory.
pub struct EmbeddedPreferences {
    db: Db,
    shared: Arc<Shared>,
    hub: Hub<PreferenceChange>,
}

struct Shared {
    keyspace: Keyspace,
    erased: Erased,
    clock: Arc<dyn Clock>,
    /// The model that vectors are compared in.
    model: ModelId,
    config: PreferenceConfig,
    shards: Vec<RwLock<Shard>>,
    hasher: ahash::RandomState,
    /// Derived from the states, also of those that are not in memory.
    waits: Waits,
    /// Likewise.
    incomplete: IncompleteUsers,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<UserId, Cached, ahash::RandomState>,
    /// Changed since the last checkpoint.
    dirty: Vec<UserId>,
    /// Part of the checkpoint that is being written.
    writing: Vec<UserId>,
}

struct Cached {
    preference: Arc<Preference>,
    stored_at: Timestamp,
    dirty: bool,
    writing: bool,
}

impl EmbeddedPreferences {
    pub(crate) fn open(db: &Db, model: ModelId, config: PreferenceConfig) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            keyspace: db.keyspace("preferences")?,
            erased: Erased::open(db)?,
            clock: db.clock(),
            model,
            config,
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: ahash::RandomState::new(),
            waits: Waits::default(),
            incomplete: IncompleteUsers::default(),
        });
        shared.warm()?;
        db.hold(Arc::clone(&shared) as Arc<dyn Held>);
        Ok(Self { db: db.clone(), shared, hub: Hub::new() })
    }

    /// Lets those leave the cache that nobody changed for the time to live, and the oldest over the bound.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let oldest = now.minus(self.shared.config.ttl);
        for shard in &self.shared.shards {
            let mut shard = shard.write();
            shard.entries.retain(|_, cached| cached.stored_at >= oldest || cached.is_unsaved());
            shard.trim(self.shared.shard_max());
        }
    }
}

impl Cached {
    /// Whether the disk does not have it yet: then it must not leave the cache.
    fn is_unsaved(&self) -> bool {
        self.dirty || self.writing
    }
}

impl Shard {
    fn store(&mut self, user: UserId, preference: Preference, stored_at: Timestamp) {
        let (preference, writing) = (Arc::new(preference), false);
        match self.entries.entry(user) {
            Entry::Occupied(mut entry) => {
                let cached = entry.get_mut();
                cached.preference = preference;
                cached.stored_at = stored_at;
                if !std::mem::replace(&mut cached.dirty, true) {
                    self.dirty.push(entry.key().clone());
                }
            }
            Entry::Vacant(entry) => {
                self.dirty.push(entry.key().clone());
                entry.insert(Cached { preference, stored_at, dirty: true, writing });
            }
        }
    }

    /// Lets the oldest leave that are over `max`, once they are an eighth over.
    fn trim(&mut self, max: usize) {
        if self.entries.len() <= max + max / 8 {
            return;
        }
        let mut over = self.entries.len() - max;
        let mut ages: Vec<Timestamp> = self.entries.values().map(|cached| cached.stored_at).collect();
        let (_, cut, _) = ages.select_nth_unstable(over - 1);
        let cut = *cut;
        self.entries.retain(|_, cached| {
            let leaves = over > 0 && cached.stored_at <= cut && !cached.is_unsaved();
            over -= usize::from(leaves);
            !leaves
        });
    }
}

impl Shared {
    fn shard(&self, user: &UserId) -> &RwLock<Shard> {
        let hash = self.hasher.hash_one(user);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    fn shard_max(&self) -> usize {
        self.config.cached_max.div_ceil(SHARDS)
    }

    /// Loads what changed within the time to live, and what waits of all.
    fn warm(&self) -> Result<(), StoreError> {
        let oldest = self.clock.now().minus(self.config.ttl);
        for entry in self.keyspace.iter() {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            let (preference, stored_at) = from_stored(&value)?;
            self.waits.add(&preference.user_id, preference.pending.iter().map(|waits| &waits.product_id));
            self.note_incomplete(&preference);
            if stored_at >= oldest {
                self.keep(&mut self.shard(&preference.user_id).write(), Arc::new(preference), stored_at);
            }
        }
        Ok(())
    }

    /// Puts what was read from disk into the cache, if there is room.
    fn keep(&self, shard: &mut Shard, preference: Arc<Preference>, stored_at: Timestamp) {
        if shard.entries.len() < self.shard_max() {
            let user = preference.user_id.clone();
            shard.entries.insert(user, Cached { preference, stored_at, dirty: false, writing: false });
        }
    }

    /// The state of `user` and when it was stored.
    fn on_disk(&self, user: &UserId) -> Result<Option<(Preference, Timestamp)>, StoreError> {
        let bytes = self.keyspace.get(user.as_str()).map_err(store_error)?;
        bytes.map(|bytes| from_stored(&bytes)).transpose()
    }

    /// The fence of the state of `user`, in memory or on disk; `None` if there is no state.
    fn known_fence(&self, shard: &Shard, user: &UserId) -> Result<Option<Option<Position>>, StoreError> {
        match shard.entries.get(user) {
            Some(cached) => Ok(Some(cached.preference.position)),
            None => Ok(self.on_disk(user)?.map(|(state, _)| state.position)),
        }
    }

    /// The fence of a shopper of whom nothing is known: their last erasure's.
    fn fence_of_erased(&self, user: &UserId) -> Result<Option<Position>, StoreError> {
        Ok(self.erased.find(user)?.and_then(|erasure| erasure.until))
    }

    fn note_incomplete(&self, preference: &Preference) {
        let is_incomplete = Incomplete::of(preference, &self.model).is_some();
        self.incomplete.note(&preference.user_id, is_incomplete);
    }

    fn read(&self, user: &UserId) -> Result<Option<Arc<Preference>>, StoreError> {
        if let Some(cached) = self.shard(user).read().entries.get(user) {
            return Ok(Some(Arc::clone(&cached.preference)));
        }
        // The lock is held while the disk is read, some microseconds: what is read cannot be overtaken by a
        // write, an eviction or an erasure before it is in the cache.
        let mut shard = self.shard(user).write();
        if let Some(cached) = shard.entries.get(user) {
            return Ok(Some(Arc::clone(&cached.preference)));
        }
        let Some((preference, _)) = self.on_disk(user)? else { return Ok(None) };
        let preference = Arc::new(preference);
        self.keep(&mut shard, Arc::clone(&preference), self.clock.now());
        Ok(Some(preference))
    }

    fn write(&self, preference: Preference, now: Timestamp) -> Result<StoreOutcome, StoreError> {
        let user = preference.user_id.clone();
        let mut shard = self.shard(&user).write();
        let fence = match self.known_fence(&shard, &user)? {
            Some(fence) => fence,
            None => self.fence_of_erased(&user)?,
        };
        if let (Some(fence), Some(position)) = (fence, preference.position)
            && position.is_covered_by(fence)
        {
            return Ok(StoreOutcome::Stale);
        }
        self.waits.add(&user, preference.pending.iter().map(|waits| &waits.product_id));
        self.note_incomplete(&preference);
        shard.store(user, preference, now);
        Ok(StoreOutcome::Stored)
    }

    /// Remembers, settles and folds in place; each action that counts is reported to `changed`.
    fn fold(
        &self,
        fold: &Fold<'_>,
        rules: &FoldRules<'_>,
        changed: impl FnMut(Counted<'_>, u64),
    ) -> Result<Folded, StoreError> {
        let user = fold.user_id;
        let mut shard = self.shard(user).write();
        let Shard { entries, dirty, .. } = &mut *shard;
        let mut is_new = false;
        let cached = match entries.entry(user.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let stored = self.on_disk(user)?;
                is_new = stored.is_none();
                let (preference, stored_at) = match stored {
                    Some(stored) => stored,
                    None => {
                        let new = Preference::new(user.clone(), rules.model.clone());
                        let position = self.fence_of_erased(user)?;
                        (Preference { position, ..new }, rules.applied_at)
                    }
                };
                let preference = Arc::new(preference);
                entry.insert(Cached { preference, stored_at, dirty: false, writing: false })
            }
        };
        // A reader of the state at this moment keeps the old one.
        let preference = Arc::make_mut(&mut cached.preference);
        let applied = fold.apply(preference, rules, self.waits.has_room(), changed);
        if applied.changed {
            self.note_incomplete(preference);
            // What happens in the background makes nobody more recent: the cache is for those who act.
            if !fold.is_background() {
                cached.stored_at = rules.applied_at;
            }
            if !std::mem::replace(&mut cached.dirty, true) {
                dirty.push(user.clone());
            }
        } else if is_new {
            entries.remove(user);
        }
        self.waits.add(user, applied.awaits.iter());
        let gone =
            fold.settled.iter().map(|(product, _)| *product).filter(|product| !applied.awaits_still(product));
        self.waits.remove(user, gone);
        Ok(applied.folded)
    }

    fn each(&self, mut visit: impl FnMut(&Arc<Preference>)) {
        for shard in &self.shards {
            shard.read().entries.values().for_each(|cached| visit(&cached.preference));
        }
    }
}

impl Held for Shared {
    fn stage(&self, batch: &mut WriteBatch) -> Result<(), StoreError> {
        for shard in &self.shards {
            let mut shard = shard.write();
            let Shard { entries, dirty, writing } = &mut *shard;
            for user in dirty.drain(..) {
                // One that was erased and stored again stands twice in the list.
                if let Some(cached) = entries.get_mut(&user)
                    && std::mem::replace(&mut cached.dirty, false)
                {
                    cached.writing = true;
                    writing.push(user);
                }
            }
            for user in writing {
                if let Some(cached) = entries.get(user) {
                    batch.insert(&self.keyspace, user.as_str(), to_stored(cached)?);
                }
            }
        }
        Ok(())
    }

    fn settle(&self, written: bool) {
        for shard in &self.shards {
            let mut shard = shard.write();
            let Shard { entries, dirty, writing } = &mut *shard;
            for user in writing.drain(..) {
                if let Some(cached) = entries.get_mut(&user) {
                    cached.writing = false;
                    if !written && !std::mem::replace(&mut cached.dirty, true) {
                        dirty.push(user);
                    }
                }
            }
            shard.trim(self.shard_max());
        }
    }
}

#[async_trait]
impl PreferenceStore for EmbeddedPreferences {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError> {
        users.iter().map(|user| Ok(self.shared.read(user)?.map(|state| (*state).clone()))).collect()
    }

    async fn store(&self, writes: Vec<PreferenceWrite>) -> Result<Vec<StoreOutcome>, StoreError> {
        let now = self.shared.clock.now();
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let outcome = self.shared.write(write.preference, now)?;
            if outcome == StoreOutcome::Stored {
                for change in write.changes {
                    let user = change.user_id.clone();
                    self.hub.publish(&user, change);
                }
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn fold(&self, folds: &[Fold<'_>], rules: &FoldRules<'_>) -> Result<Vec<Folded>, StoreError> {
        let mut outcomes = Vec::with_capacity(folds.len());
        for fold in folds {
            let changed = |counted: Counted<'_>, count: u64| {
                self.hub.publish_with(fold.user_id, || counted.change(fold.user_id, rules.applied_at, count));
            };
            outcomes.push(self.shared.fold(fold, rules, changed)?);
            if outcomes.len() % FOLDS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(outcomes)
    }

    async fn waiting(&self, cursor: Option<&str>, limit: usize) -> Result<WaitingPage, StoreError> {
        self.shared.waits.page(cursor, limit)
    }

    async fn incomplete(&self, cursor: Option<&str>, limit: usize) -> Result<IncompletePage, StoreError> {
        if cursor.is_none() && self.shared.incomplete.has_lost_some() {
            let shared = Arc::clone(&self.shared);
            tokio::task::spawn_blocking(move || shared.find_incomplete()).await.map_err(interrupted)??;
        }
        self.shared.incomplete_page(cursor, limit)
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let (db, shared) = (self.db.clone(), Arc::clone(&self.shared));
        let write = move || {
            db.between_checkpoints(|| {
                let mut batch = db.batch();
                let written = shared.stage(&mut batch).and_then(|()| db.write_synced(batch));
                shared.settle(written.is_ok());
                written
            })
        };
        tokio::task::spawn_blocking(write).await.map_err(interrupted)?
    }

    async fn nearest(
        &self,
        probe: &Probe,
        k: usize,
        since: Timestamp,
    ) -> Result<Vec<(UserId, f32)>, StoreError> {
        let (shared, probe) = (Arc::clone(&self.shared), probe.clone());
        let scan = move || {
            let mut found: Vec<(UserId, f32)> = Vec::new();
            shared.each(|state| {
                let Some(theirs) = state.vector.as_ref().filter(|_| state.model == shared.model) else {
                    return;
                };
                if state.updated_at < since {
                    return;
                }
                if let Some(score) = probe.score(theirs) {
                    found.push((state.user_id.clone(), score));
                }
            });
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            found.truncate(k);
            found
        };
        tokio::task::spawn_blocking(scan).await.map_err(interrupted)
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Preference>, StoreError> {
        let mut states = Vec::new();
        self.shared.each(|state| states.push(Arc::clone(state)));
        states.sort_by(|a, b| b.updated_at.cmp(&a.updated_at).then_with(|| a.user_id.cmp(&b.user_id)));
        Ok(states.iter().take(limit).map(|state| (**state).clone()).collect())
    }

    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        let (db, shared, user) = (self.db.clone(), Arc::clone(&self.shared), user.clone());
        let erase = move || {
            // A checkpoint under way may hold the state, and would write it behind the erasure.
            db.between_checkpoints(|| {
                let mut shard = shared.shard(&user).write();
                let fence = shared.known_fence(&shard, &user)?;
                let mut batch = db.batch();
                batch.remove(&shared.keyspace, user.as_str());
                shared.erased.insert(&mut batch, &user, erasure.including(fence.flatten()))?;
                db.write_removals(batch)?;
                scrub::note(db.path())?;
                shard.entries.remove(&user);
                shared.waits.forget(&user);
                shared.incomplete.note(&user, false);
                Ok(fence.is_some())
            })
        };
        tokio::task::spawn_blocking(erase).await.map_err(interrupted)?
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        users.iter().map(|user| self.shared.erased.find(user)).collect()
    }

    fn changes(&self, user: &UserId) -> broadcast::Receiver<PreferenceChange> {
        self.hub.subscribe(user)
    }
}
