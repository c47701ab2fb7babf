//! Preference vectors: in memory, written behind with the offsets they follow from.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use parking_lot::{Mutex, RwLock};
use rep_core::ports::StoreError;
use rep_core::ports::preferences::{PreferenceChange, PreferenceStore, PreferenceWrite, StoreOutcome};
use rep_core::vector::dot;
use rep_core::{ModelId, Position, Preference, ProductId, RecentAction, Timestamp, UnitVector, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::codec::{decode, encode};
use super::db::{Db, Held};
use super::error::{corrupt, interrupted, store_error};
use super::hub::Hub;

const VERSION: u8 = 1;
/// Parts of the map, so that readers and the writer seldom meet.
const SHARDS: usize = 64;

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
    shared: Arc<Shared>,
    hub: Hub<PreferenceChange>,
}

struct Shared {
    keyspace: Keyspace,
    db: Db,
    config: PreferenceConfig,
    shards: Vec<RwLock<Shard>>,
    staged: Mutex<Vec<UserId>>,
    hasher: ahash::RandomState,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<UserId, Cached, ahash::RandomState>,
    /// Changed since the last checkpoint; these never leave the cache.
    dirty: HashSet<UserId, ahash::RandomState>,
}

struct Cached {
    preference: Arc<Preference>,
    stored_at: Timestamp,
}

/// A preference as it is stored; the vector as it is in memory.
#[derive(Serialize, Deserialize)]
struct Stored {
    user_id: UserId,
    model: ModelId,
    vector: Option<Vec<f32>>,
    action_count: u64,
    updated_at: Timestamp,
    position: Option<Position>,
    recent: VecDeque<RecentAction>,
    purchased: VecDeque<ProductId>,
    stored_at: Timestamp,
}

impl EmbeddedPreferences {
    pub(crate) fn open(db: &Db, config: PreferenceConfig) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            keyspace: db.keyspace("preferences")?,
            db: db.clone(),
            config,
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            staged: Mutex::default(),
            hasher: ahash::RandomState::new(),
        });
        shared.warm()?;
        db.hold(Arc::clone(&shared) as Arc<dyn Held>);
        Ok(Self { shared, hub: Hub::new() })
    }

    /// Lets those leave the cache that nobody changed for the time to live, and the oldest over the bound.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.shared.sweep(now);
    }
}

impl Shared {
    fn shard(&self, user: &UserId) -> &RwLock<Shard> {
        let hash = self.hasher.hash_one(user);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    /// Loads what changed within the time to live.
    fn warm(&self) -> Result<(), StoreError> {
        let oldest = self.db.now().minus(self.config.ttl);
        let mut count = 0;
        for entry in self.keyspace.iter() {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            let (preference, stored_at) = from_stored(&value)?;
            if stored_at >= oldest && count < self.config.cached_max {
                count += 1;
                let user = preference.user_id.clone();
                let cached = Cached { preference: Arc::new(preference), stored_at };
                self.shard(&user).write().entries.insert(user, cached);
            }
        }
        Ok(())
    }

    fn read(&self, user: &UserId) -> Result<Option<Arc<Preference>>, StoreError> {
        if let Some(cached) = self.shard(user).read().entries.get(user) {
            return Ok(Some(Arc::clone(&cached.preference)));
        }
        let Some(bytes) = self.keyspace.get(user.as_str()).map_err(store_error)? else { return Ok(None) };
        let (preference, _) = from_stored(&bytes)?;
        // A state stored meanwhile is newer than what was read, so it stands.
        let cached = Cached { preference: Arc::new(preference), stored_at: self.db.now() };
        let mut shard = self.shard(user).write();
        let entry = shard.entries.entry(user.clone()).or_insert(cached);
        Ok(Some(Arc::clone(&entry.preference)))
    }

    fn write(&self, preference: Preference) -> Result<StoreOutcome, StoreError> {
        let user = preference.user_id.clone();
        let current = self.read(&user)?;
        let mut shard = self.shard(&user).write();
        let fence = shard.entries.get(&user).map_or(current, |cached| Some(Arc::clone(&cached.preference)));
        let fence = fence.and_then(|state| state.position);
        if let (Some(fence), Some(position)) = (fence, preference.position)
            && position.is_covered_by(fence)
        {
            return Ok(StoreOutcome::Stale);
        }
        let cached = Cached { preference: Arc::new(preference), stored_at: self.db.now() };
        shard.entries.insert(user.clone(), cached);
        shard.dirty.insert(user);
        Ok(StoreOutcome::Stored)
    }

    fn sweep(&self, now: Timestamp) {
        let oldest = now.minus(self.config.ttl);
        let per_shard = self.config.cached_max.div_ceil(SHARDS);
        for shard in &self.shards {
            let mut shard = shard.write();
            let Shard { entries, dirty } = &mut *shard;
            entries.retain(|user, cached| cached.stored_at >= oldest || dirty.contains(user));
            if entries.len() > per_shard {
                let mut ages: Vec<Timestamp> = entries.values().map(|c| c.stored_at).collect();
                let over = entries.len() - per_shard;
                let (_, cut, _) = ages.select_nth_unstable(over - 1);
                let cut = *cut;
                entries.retain(|user, cached| cached.stored_at > cut || dirty.contains(user));
            }
        }
    }

    fn each(&self, mut visit: impl FnMut(&Arc<Preference>)) {
        for shard in &self.shards {
            shard.read().entries.values().for_each(|cached| visit(&cached.preference));
        }
    }
}

impl Held for Shared {
    fn stage(&self, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let mut staged = self.staged.lock();
        for shard in &self.shards {
            let mut shard = shard.write();
            for user in std::mem::take(&mut shard.dirty) {
                if let Some(cached) = shard.entries.get(&user) {
                    batch.insert(&self.keyspace, user.as_str(), to_stored(cached)?);
                }
                staged.push(user);
            }
        }
        Ok(())
    }

    fn settle(&self, written: bool) {
        for user in self.staged.lock().drain(..) {
            if !written {
                self.shard(&user).write().dirty.insert(user);
            }
        }
    }
}

#[async_trait]
impl PreferenceStore for EmbeddedPreferences {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError> {
        users.iter().map(|user| Ok(self.shared.read(user)?.map(|state| (*state).clone()))).collect()
    }

    async fn store(&self, writes: Vec<PreferenceWrite>) -> Result<Vec<StoreOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let outcome = self.shared.write(write.preference)?;
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

    async fn nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        cosine_min: f32,
        since: Timestamp,
    ) -> Result<Vec<(UserId, f32)>, StoreError> {
        let (shared, vector) = (Arc::clone(&self.shared), vector.clone());
        let scan = move || {
            let mut found: Vec<(UserId, f32)> = Vec::new();
            shared.each(|state| {
                let Some(theirs) = &state.vector else { return };
                if state.updated_at < since || theirs.dimensions() != vector.dimensions() {
                    return;
                }
                let cosine = dot(theirs.as_slice(), vector.as_slice());
                if cosine >= cosine_min {
                    found.push((state.user_id.clone(), cosine));
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

    async fn erase(&self, user: &UserId) -> Result<bool, StoreError> {
        let there = self.shared.read(user)?.is_some();
        let mut shard = self.shared.shard(user).write();
        shard.entries.remove(user);
        shard.dirty.remove(user);
        let mut batch = self.shared.db.batch();
        batch.remove(&self.shared.keyspace, user.as_str());
        self.shared.db.write_synced(batch)?;
        Ok(there)
    }

    fn changes(&self, user: &UserId) -> broadcast::Receiver<PreferenceChange> {
        self.hub.subscribe(user)
    }
}

fn to_stored(cached: &Cached) -> Result<Vec<u8>, StoreError> {
    let state = &*cached.preference;
    let stored = Stored {
        user_id: state.user_id.clone(),
        model: state.model.clone(),
        vector: state.vector.as_ref().map(|vector| vector.as_slice().to_vec()),
        action_count: state.action_count,
        updated_at: state.updated_at,
        position: state.position,
        recent: state.recent.clone(),
        purchased: state.purchased.clone(),
        stored_at: cached.stored_at,
    };
    encode(VERSION, &stored)
}

fn from_stored(bytes: &[u8]) -> Result<(Preference, Timestamp), StoreError> {
    let stored: Stored = decode(VERSION, bytes, "a stored preference")?;
    let vector = stored.vector.map(UnitVector::checked).transpose();
    let preference = Preference {
        user_id: stored.user_id,
        model: stored.model,
        vector: vector.map_err(|error| corrupt(format!("a stored preference: {error}")))?,
        action_count: stored.action_count,
        updated_at: stored.updated_at,
        position: stored.position,
        recent: stored.recent,
        purchased: stored.purchased,
    };
    Ok((preference, stored.stored_at))
}
