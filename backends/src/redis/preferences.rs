//! Preference vectors: `user:preference:{userId}`, for the time to live, behind them the backup.
//!
//! A write is one script: it compares the fence and changes the value in one step. A state goes to the backup before
//! the offsets it follows from are committed ([`Saves`]), and comes back from there when the cache
//! does not have it: after its time to live, or when Redis lost it.

mod fold;
mod lost;
mod unsaved;
mod waits;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use lru::LruCache;
use parking_lot::Mutex;
use redis::Value;
use rep_core::likeness::Probe;
use rep_core::ports::preferences::{
    Fold, FoldRules, Folded, Incomplete, IncompletePage, PreferenceChange, PreferenceStore, PreferenceWrite,
    StoreOutcome, WaitingPage,
};
use rep_core::ports::{StoreError, one_each};
use rep_core::{Clock, Erasure, ModelId, Position, Preference, ProductId, UserId};
use tokio::sync::broadcast;

use self::unsaved::{ToSave, Unsaved};
use self::waits::Waits;
use super::feed::Feed;
use super::link::{RedisConfig, RedisLink};
use super::near::{self, Near};
use super::stored;
use crate::erased::erased_name;
use crate::error::{corrupt, invalid, unavailable};
use crate::saving::Saves;

/// How long a state that nobody changes stays.
const TTL: Duration = Duration::from_secs(24 * 3600);
/// How long a state stays that came into the cache in the background: until it is saved, and some time more.
const BACKGROUND_TTL: Duration = Duration::from_secs(600);
/// Shoppers that [`PreferenceStore::recent`] can look back to.
const RECENT_MAX: usize = 10_000;
/// States asked for, or stored, at once.
const PART: usize = 256;
/// States taken to the backup at once.
const SAVED_PART: usize = 500;
/// Such parts on their way at once.
const SAVED_PARTS: usize = 2;
/// States that a process which folds remembers, some kilobytes each.
const KNOWN_MAX: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();
/// Most new attempts for states that leave the cache while they are stored.
const ATTEMPTS_MAX: usize = 3;

/// Takes a state if its fence is not covered. KEYS: the value. ARGV: epoch, partition, offset, the body, the time to
/// live in seconds, `1` if it may be created, the channel, and the messages to announce. Answers 1 if it stands, 0 if
/// it is covered, -1 if there is none and none may be created.
const STORE: &str = r#"
local head = redis.call('GETRANGE', KEYS[1], 0, 79)
local version = 0
if #head > 0 then
  local epoch, partition, offset, count = string.match(head, '^{"fence":"(%d+) (%d+) (%d+) (%d+)"')
  if not epoch then return redis.error_reply('CORRUPT no fence') end
  if ARGV[1] < epoch or (ARGV[1] == epoch and ARGV[2] == partition and ARGV[3] <= offset) then return 0 end
  version = tonumber(count)
elseif ARGV[6] ~= '1' then
  return -1
end
local fence = ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. string.format('%020.0f', version + 1)
redis.call('SET', KEYS[1], '{"fence":"' .. fence .. '"' .. ARGV[4], 'EX', ARGV[5])
for i = 8, #ARGV do redis.call('PUBLISH', ARGV[7], ARGV[i]) end
return 1
"#;

/// A state and its version.
pub type State = Arc<(Preference, u64)>;

/// Where states are kept beyond their time to live.
#[async_trait]
pub trait PreferenceBackup: Send + Sync {
    /// The states of `users` with their versions, in their order.
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<(Preference, u64)>>, StoreError>;

    /// Keeps states; one of a later version stands.
    async fn save(&self, states: &[State]) -> Result<(), StoreError>;

    /// Forgets a shopper, and keeps `erasure` under a hash of their id; whether there was something.
    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError>;

    /// The last erasure of each of `users`, in their order.
    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError>;

    /// Up to `limit` shoppers after `after`, in order of their ids, whose saved state has actions that wait. What was
    /// saved since the first page was asked for may be missing.
    async fn waiting(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<SavedWaits>, StoreError>;

    /// Up to `limit` shoppers after `after`, in order of their ids, whose saved state is not whole under `model`. What
    /// was saved a moment ago may be missing.
    async fn incomplete(
        &self,
        model: &ModelId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<SavedIncomplete, StoreError>;
}

/// Shoppers whose saved state is not whole under a model.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedIncomplete {
    /// The shoppers.
    pub items: Vec<Incomplete>,
    /// How many there are in all, before and after them.
    pub total: usize,
}

/// What a saved state waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedWaits {
    /// The shopper.
    pub user_id: UserId,
    /// Of the state.
    pub version: u64,
    /// Products without a vector.
    pub products: Vec<ProductId>,
}

/// The preference store of a cluster.
pub struct RedisPreferences {
    link: RedisLink,
    backup: Arc<dyn PreferenceBackup>,
    clock: Arc<dyn Clock>,
    model: ModelId,
    changes: Feed<PreferenceChange>,
    channel: String,
    near: Near,
    /// What was folded or stored here since it was last saved.
    unsaved: Unsaved,
    /// What was folded here lately.
    known: Mutex<LruCache<UserId, State, ahash::RandomState>>,
    waits: Waits,
    saving: tokio::sync::Mutex<()>,
    /// Changes noted so far.
    noted: AtomicU64,
}

impl RedisPreferences {
    /// Connects; `model` is the one that vectors are compared in.
    pub async fn connect(
        config: &RedisConfig,
        backup: Arc<dyn PreferenceBackup>,
        clock: Arc<dyn Clock>,
        model: ModelId,
    ) -> Result<Self, StoreError> {
        let link = RedisLink::connect(config).await?;
        let channel = link.key("preferences:changes");
        let changes = Feed::connect(config, &channel, |change: &PreferenceChange| &change.user_id).await?;
        let near = Near::new(model.clone());
        Ok(Self {
            link,
            backup,
            clock,
            model,
            changes,
            channel,
            near,
            unsaved: Unsaved::default(),
            known: Mutex::new(LruCache::with_hasher(KNOWN_MAX, ahash::RandomState::new())),
            waits: Waits::default(),
            saving: tokio::sync::Mutex::default(),
            noted: AtomicU64::new(0),
        })
    }

    /// Takes what stands of `part` to the backup, after what Redis lost of it is back there.
    async fn save_part(&self, part: &[ToSave]) -> Result<(), StoreError> {
        let mut unknown: Vec<UserId> =
            part.iter().filter(|one| one.state.is_none()).map(|one| one.user.clone()).collect();
        let known: Vec<State> = part.iter().filter_map(|one| one.state.clone()).collect();
        let stand = self.restored(&known).await?;
        let mut states = Vec::with_capacity(part.len());
        for (ours, stands) in known.into_iter().zip(stand) {
            // What does not stand and cannot be put back was changed by others, or erased.
            match stands {
                Some(stands) => states.push(stands),
                None => unknown.push(ours.0.user_id.clone()),
            }
        }
        for users in unknown.chunks(PART) {
            states.extend(self.cached(users).await?.into_iter().flatten().map(Arc::new));
        }
        self.backup.save(&states).await
    }

    fn key(&self, user: &UserId) -> String {
        self.link.key(format_args!("user:preference:{user}"))
    }

    async fn cached(&self, users: &[UserId]) -> Result<Vec<Option<(Preference, u64)>>, StoreError> {
        let gets = users.iter().map(|user| redis::cmd("GET").arg(self.key(user)).to_owned()).collect();
        let answers = one_each(users.len(), self.link.run_all(gets).await?)?;
        let state = |answer| match answer? {
            Value::BulkString(json) => stored::read(&json).map(Some),
            Value::Nil => Ok(None),
            other => Err(corrupt(format!("a preference is {other:?}"))),
        };
        answers.into_iter().map(state).collect()
    }

    /// What the backup has of `users` goes into the cache, unless there is something by now.
    async fn warm(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError> {
        let known = one_each(users.len(), self.backup.load(users).await?)?;
        let mut sets = Vec::new();
        for (user, state) in users.iter().zip(&known) {
            if let Some((preference, version)) = state {
                let json = stored::whole(preference, *version)?;
                let set = redis::cmd("SET")
                    .arg(self.key(user))
                    .arg(json)
                    .arg("NX")
                    .arg("EX")
                    .arg(TTL.as_secs())
                    .to_owned();
                sets.push(set);
            }
        }
        metrics::counter!("rep_preferences_warmed_total").increment(sets.len() as u64);
        self.link.run_all(sets).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(known.into_iter().map(|state| state.map(|(preference, _)| preference)).collect())
    }

    /// The fence of the last erasure of each of `users`, of whom nothing is known, in their order.
    async fn fences_of_erased(&self, users: &[UserId]) -> Result<Vec<Option<Position>>, StoreError> {
        let erased = one_each(users.len(), self.backup.erased(users).await?)?;
        Ok(erased.into_iter().map(|erasure| erasure?.until).collect())
    }

    async fn store_part(&self, writes: &[PreferenceWrite]) -> Result<Vec<StoreOutcome>, StoreError> {
        let mut outcomes = vec![StoreOutcome::Stale; writes.len()];
        let mut open: Vec<usize> = (0..writes.len()).collect();
        let mut may_create: HashSet<&UserId> = HashSet::new();
        for _ in 0..ATTEMPTS_MAX {
            let scripts = open.iter().map(|at| {
                let write = &writes[*at];
                self.script(write, may_create.contains(&write.preference.user_id))
            });
            let answers = self.link.run_all(scripts.collect::<Result<_, _>>()?).await?;
            let answers = one_each(open.len(), answers)?;
            let mut absent = Vec::new();
            for (at, answer) in open.into_iter().zip(answers) {
                match redis::from_redis_value::<i64>(answer?) {
                    Ok(1) => outcomes[at] = StoreOutcome::Stored,
                    Ok(0) => {}
                    Ok(-1) => absent.push(at),
                    other => {
                        return Err(corrupt(format!("a store answered {other:?}")));
                    }
                }
            }
            if absent.is_empty() {
                return Ok(outcomes);
            }
            // Not in the cache: what the backup has comes first, and decides.
            let mut users: Vec<UserId> =
                absent.iter().map(|at| writes[*at].preference.user_id.clone()).collect();
            users.sort_unstable();
            users.dedup();
            let known = self.warm(&users).await?;
            let unknown: Vec<UserId> = users
                .into_iter()
                .zip(known)
                .filter(|(_, state)| state.is_none())
                .map(|(user, _)| user)
                .collect();
            let fences = self.fences_of_erased(&unknown).await?;
            let fences: HashMap<UserId, Option<Position>> = unknown.into_iter().zip(fences).collect();
            open = absent;
            // What an erasure covers is stale.
            open.retain(|at| {
                let Preference { user_id, position, .. } = &writes[*at].preference;
                let fence = fences.get(user_id).copied().flatten();
                !fence.zip(*position).is_some_and(|(fence, position)| position.is_covered_by(fence))
            });
            may_create.extend(
                open.iter()
                    .map(|at| &writes[*at].preference.user_id)
                    .filter(|user| fences.contains_key(*user)),
            );
        }
        Err(unavailable("preferences leave the cache while they are stored"))
    }

    fn script(&self, write: &PreferenceWrite, may_create: bool) -> Result<redis::Cmd, StoreError> {
        let preference = &write.preference;
        let mut script = redis::cmd("EVAL");
        script.arg(STORE).arg(1).arg(self.key(&preference.user_id));
        for number in stored::fence(preference.position).split(' ') {
            script.arg(number);
        }
        script.arg(stored::body(preference)?).arg(TTL.as_secs()).arg(if may_create { "1" } else { "0" });
        script.arg(&self.channel);
        for change in &write.changes {
            let message = serde_json::to_vec(change).map_err(invalid)?;
            script.arg(message);
        }
        Ok(script)
    }

    /// The present moment in milliseconds, another each time: who reads changes tells two within one millisecond apart.
    fn moment(&self) -> f64 {
        let noted = self.noted.fetch_add(1, Ordering::Relaxed) % 1000;
        self.clock.now().as_ms() as f64 + noted as f64 / 1000.0
    }

    /// Notes who was changed, for those who ask for the last changed and for the nearest.
    async fn note(&self, stored: impl ExactSizeIterator<Item = &Preference>) -> Result<(), StoreError> {
        if stored.len() == 0 {
            return Ok(());
        }
        let now = self.moment();
        let mut changed = redis::cmd("ZADD");
        changed.arg(self.link.key(near::CHANGED));
        for preference in stored {
            changed.arg(now).arg(preference.user_id.as_str());
        }
        let mut forget = redis::cmd("ZREMRANGEBYSCORE");
        forget.arg(self.link.key(near::CHANGED)).arg("-inf").arg(now - TTL.as_millis() as f64);
        let noted = self.link.run_all(vec![changed, forget]).await?;
        noted.into_iter().try_for_each(|answer| answer.map(drop))
    }
}

#[async_trait]
impl Saves for RedisPreferences {
    /// Takes the states stored here since the last time to the backup. Cancelled, what is not there yet stays to be
    /// saved.
    async fn save(&self) -> Result<(), StoreError> {
        // One after the other: who finds nothing left must know that what was there is safe.
        let _one = self.saving.lock().await;
        let all = self.unsaved.all();
        for parts in all.chunks(SAVED_PART * SAVED_PARTS) {
            try_join_all(parts.chunks(SAVED_PART).map(|part| self.save_part(part))).await?;
            self.unsaved.saved(parts);
        }
        Ok(())
    }
}

#[async_trait]
impl PreferenceStore for RedisPreferences {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<Preference>>, StoreError> {
        let mut found = Vec::with_capacity(users.len());
        for part in users.chunks(PART) {
            found.extend(
                self.cached(part).await?.into_iter().map(|state| state.map(|(preference, _)| preference)),
            );
        }
        let absent: Vec<usize> = (0..users.len()).filter(|at| found[*at].is_none()).collect();
        if absent.is_empty() {
            return Ok(found);
        }
        let missed: Vec<UserId> = absent.iter().map(|at| users[*at].clone()).collect();
        for (at, state) in absent.into_iter().zip(self.warm(&missed).await?) {
            found[at] = state;
        }
        Ok(found)
    }

    async fn fold(&self, folds: &[Fold<'_>], rules: &FoldRules<'_>) -> Result<Vec<Folded>, StoreError> {
        self.fold_all(folds, rules).await
    }

    async fn waiting(&self, cursor: Option<&str>, limit: usize) -> Result<WaitingPage, StoreError> {
        self.waiting_page(cursor, limit).await
    }

    async fn incomplete(&self, cursor: Option<&str>, limit: usize) -> Result<IncompletePage, StoreError> {
        let after = cursor.map(UserId::new).transpose().map_err(invalid)?;
        let SavedIncomplete { items, total } =
            self.backup.incomplete(&self.model, after.as_ref(), limit).await?;
        let last = items.last().filter(|_| items.len() >= limit);
        let next = last.map(|last| last.user_id.to_string());
        Ok(IncompletePage { items, next, total })
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.save().await
    }

    async fn store(&self, writes: Vec<PreferenceWrite>) -> Result<Vec<StoreOutcome>, StoreError> {
        // Before anything is stored: whatever fails in between, what is there will be saved.
        self.unsaved.expect(writes.iter().map(|write| &write.preference.user_id));
        let mut outcomes = Vec::with_capacity(writes.len());
        for part in writes.chunks(PART) {
            let stored = self.store_part(part).await?;
            let stands = part.iter().zip(&stored).filter(|(_, outcome)| **outcome == StoreOutcome::Stored);
            let stands: Vec<&Preference> = stands.map(|(write, _)| &write.preference).collect();
            self.note(stands.into_iter()).await?;
            outcomes.extend(stored);
        }
        Ok(outcomes)
    }

    async fn nearest(
        &self,
        probe: &Probe,
        k: usize,
        since: rep_core::Timestamp,
    ) -> Result<Vec<(UserId, f32)>, StoreError> {
        {
            let _one = self.near.reading().await;
            for part in self.near.changed(&self.link).await?.chunks(PART) {
                let users: Vec<UserId> = part.iter().map(|(user, _)| user.clone()).collect();
                self.near.take(part, self.cached(&users).await?);
            }
        }
        self.near.nearest(probe, k, since).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Preference>, StoreError> {
        let limit = limit.min(RECENT_MAX);
        let mut found = Vec::with_capacity(limit);
        let mut from = 0;
        while found.len() < limit && from < RECENT_MAX {
            let mut range = redis::cmd("ZREVRANGE");
            range.arg(self.link.key(near::CHANGED)).arg(from).arg(from + limit - 1);
            let users: Vec<String> = self.link.run(range).await?;
            if users.is_empty() {
                break;
            }
            from += users.len();
            let users: Vec<UserId> = users.into_iter().filter_map(|user| UserId::new(user).ok()).collect();
            found.extend(self.load(&users).await?.into_iter().flatten());
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        self.unsaved.forget(user);
        self.known.lock().pop(user);
        // First of all: from here on no process puts back what it remembers.
        let mut erased = redis::cmd("SET");
        erased.arg(self.erased_key(user)).arg("1").arg("EX").arg(TTL.as_secs());
        let _: () = self.link.run(erased).await?;
        let state = self.load(std::slice::from_ref(user)).await?.pop().flatten();
        let products = state.iter().flat_map(|state| state.pending.iter().map(|waits| &waits.product_id));
        self.run_for_effect(self.forget_waits(user, fold::VERSION_MAX, products).into_iter().collect())
            .await?;
        let fence = state.and_then(|state| state.position);
        let in_backup = self.backup.erase(user, erasure.including(fence)).await?;
        let mut delete = redis::cmd("DEL");
        delete.arg(self.key(user));
        let changed = self.link.key(near::CHANGED);
        let mut unlist = redis::cmd("ZREM");
        unlist.arg(&changed).arg(user.as_str());
        let mut list = redis::cmd("ZADD");
        list.arg(&changed).arg(self.moment()).arg(erased_name(user));
        let gone = self.link.run_all(vec![delete, unlist, list]).await?;
        let gone = gone.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.near.forget(user);
        Ok(in_backup || gone.first() == Some(&Value::Int(1)))
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        self.backup.erased(users).await
    }

    fn changes(&self, user: &UserId) -> broadcast::Receiver<PreferenceChange> {
        self.changes.subscribe(user)
    }
}
