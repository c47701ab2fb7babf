//! Who did what with which product, and when last: the registers of [`rep_core::Registers`], an entry each.
//!
//! Keyspace `interest`: product (8 bytes), user (8), action (1) → who, what, when. An entry holds the latest time of its
//! action, so that any order of writes must lead to the same entry. Reading each before it is written would cost more
//! than the write. Instead it is known in memory up to which time entries may have been written, for each of some
//! 65,000 groups of keys: what is not earlier than that is written blind, which in live traffic is nearly all. Only
//! what comes late is compared with what is there.
//!
//! The latest time of all entries is kept beside them (`interest_newest`), so that this holds after a restart too.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fjall::{Keyspace, OwnedWriteBatch as WriteBatch, Slice};
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::Interest;
use rep_core::{ActionType, ProductId, Registers, Standing, Timestamp, UserAction, UserId};
use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::embedded::codec::{decode, encode};
use crate::embedded::db::Db;
use crate::embedded::error::{corrupt, store_error};
use crate::embedded::id_hash::IdHash;

/// The keyspace of entries.
pub(crate) const ENTRIES: &str = "interest";
/// Groups of keys; 8 bytes of memory each.
const GROUPS: usize = 1 << 16;
/// Key of the one entry of `interest_newest`.
const NEWEST_KEY: &str = "newest";
/// How far ahead of the clock the release before this one took events, with room for clocks that were set back. It kept
/// no latest time.
const AHEAD_MAX: Duration = Duration::from_secs(600);

/// The last byte of keys. The release before this one had the first three, with 3 for views and clicks.
const CODES: [(ActionType, u8); Registers::ACTIONS.len()] = [
    (ActionType::AddToCart, 1),
    (ActionType::Wishlist, 2),
    (ActionType::View, 3),
    (ActionType::Click, 4),
    (ActionType::RemoveFromWishlist, 5),
    (ActionType::RemoveFromCart, 6),
    (ActionType::Purchase, 7),
    (ActionType::Dislike, 8),
];

type Key = [u8; 17];

/// Who did what when; what stands in the key.
#[derive(Serialize, Deserialize)]
struct StoredInterest {
    product_id: ProductId,
    user_id: UserId,
    at: Timestamp,
}

/// The interests of a data directory; cheap to clone.
#[derive(Clone)]
pub(super) struct Interests {
    db: Db,
    ids: IdHash,
    entries: Keyspace,
    newest: Keyspace,
    written: Arc<Mutex<Written>>,
}

/// Up to which time entries may have been written.
struct Written {
    groups: Vec<Timestamp>,
    /// As it is stored.
    newest: Timestamp,
}

impl Interests {
    pub(super) fn open(db: &Db, ids: IdHash) -> Result<Self, StoreError> {
        let (entries, newest) = (db.keyspace(ENTRIES)?, db.keyspace("interest_newest")?);
        let until = match newest.get(NEWEST_KEY).map_err(store_error)? {
            Some(bytes) => decode(VERSION, &bytes, "the latest time of interests")?,
            None if entries.is_empty().map_err(store_error)? => Timestamp::from_ms(i64::MIN),
            None => db.now().plus(AHEAD_MAX),
        };
        let written = Written { groups: vec![until; GROUPS], newest: until };
        Ok(Self { db: db.clone(), ids, entries, newest, written: Arc::new(Mutex::new(written)) })
    }

    /// Notes `actions`, in whatever order they come.
    pub(super) fn note<'a>(&self, actions: impl Iterator<Item = &'a UserAction>) -> Result<(), StoreError> {
        let mut latest: HashMap<Key, StoredInterest, ahash::RandomState> = HashMap::default();
        for action in actions {
            let (Some(product), Some(code)) = (&action.product_id, code_of(action.action_type)) else {
                continue;
            };
            let entry = || {
                let (product_id, user_id) = (product.clone(), action.user_id.clone());
                StoredInterest { product_id, user_id, at: action.timestamp }
            };
            match latest.entry(self.key(product, &action.user_id, code)) {
                Entry::Occupied(known) if known.get().at >= action.timestamp => {}
                Entry::Occupied(mut known) => *known.get_mut() = entry(),
                Entry::Vacant(none) => drop(none.insert(entry())),
            }
        }
        let mut entries = Vec::with_capacity(latest.len());
        for (key, entry) in latest {
            entries.push((key, entry.at, encode(VERSION, &entry)?));
        }
        // Held until the batch is written: else an earlier time that was compared first could be written last.
        let mut written = self.written.lock();
        let mut batch = self.db.batch();
        let mut newest = written.newest;
        for (key, at, value) in entries {
            let until = written.groups[group_of(&key)];
            if at < until && self.time_of(&key)?.is_some_and(|known| known >= at) {
                continue;
            }
            written.groups[group_of(&key)] = until.max(at);
            newest = newest.max(at);
            batch.insert(&self.entries, key, value);
        }
        if batch.is_empty() {
            return Ok(());
        }
        if newest > written.newest {
            batch.insert(&self.newest, NEWEST_KEY, encode(VERSION, &newest)?);
        }
        self.db.write(batch)?;
        written.newest = newest;
        Ok(())
    }

    fn key(&self, product: &ProductId, user: &UserId, code: u8) -> Key {
        let mut key = [code; 17];
        key[..8].copy_from_slice(&self.ids.short(product.as_str()));
        key[8..16].copy_from_slice(&self.ids.short(user.as_str()));
        key
    }

    fn time_of(&self, key: &Key) -> Result<Option<Timestamp>, StoreError> {
        let found = self.entries.get(key).map_err(store_error)?;
        found.map(|value| Ok(read(&value)?.at)).transpose()
    }

    /// See [`rep_core::ports::behaviour::BehaviourStore::interested`].
    pub(super) fn interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        let strongest_first = |a: &Interest, b: &Interest| {
            a.reason.cmp(&b.reason).then(b.at.cmp(&a.at)).then_with(|| a.user_id.cmp(&b.user_id))
        };
        let room = limit.saturating_mul(2).saturating_add(1024);
        let mut found: Vec<Interest> = Vec::new();
        self.each(product, self.ids.short(product.as_str()), |user_id, registers| {
            if let Standing::Interested { reason, at } = registers.standing(since) {
                if found.len() >= room {
                    // Those who cannot be among the first may go.
                    found.select_nth_unstable_by(limit, strongest_first);
                    found.truncate(limit);
                }
                found.push(Interest { user_id, reason, at });
            }
        })?;
        found.sort_unstable_by(strongest_first);
        found.truncate(limit);
        Ok(found)
    }

    /// See [`rep_core::ports::behaviour::BehaviourStore::settled`].
    pub(super) fn settled(
        &self,
        product: &ProductId,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError> {
        let mut settled = HashSet::new();
        for user in users {
            let prefix = [self.ids.short(product.as_str()), self.ids.short(user.as_str())].concat();
            self.each(product, prefix, |found, registers| {
                if found == *user && registers.standing(since) == Standing::Settled {
                    settled.insert(found);
                }
            })?;
        }
        Ok(settled)
    }

    /// Gives `take` each shopper whose keys begin with `prefix`, and what they did with `product`.
    fn each(
        &self,
        product: &ProductId,
        prefix: impl AsRef<[u8]>,
        mut take: impl FnMut(UserId, Registers),
    ) -> Result<(), StoreError> {
        // Keys of one shopper stand together.
        let mut current: Option<(UserId, Registers)> = None;
        for entry in self.entries.prefix(prefix) {
            let (key, value) = entry.into_inner().map_err(store_error)?;
            let stored = read(&value)?;
            if stored.product_id != *product {
                continue;
            }
            let action = action_of(&key)?;
            match &mut current {
                Some((user, registers)) if *user == stored.user_id => registers.note(action, stored.at),
                _ => {
                    let mut registers = Registers::default();
                    registers.note(action, stored.at);
                    if let Some((user, registers)) = current.replace((stored.user_id, registers)) {
                        take(user, registers);
                    }
                }
            }
        }
        if let Some((user, registers)) = current {
            take(user, registers);
        }
        Ok(())
    }

    /// A batch for [`Self::forget`].
    pub(super) fn batch(&self) -> WriteBatch {
        self.db.batch()
    }

    /// Puts the removal of all that `user` did with `product` into `batch`.
    pub(super) fn forget(&self, batch: &mut WriteBatch, product: &ProductId, user: &UserId) {
        for (_, code) in CODES {
            batch.remove(&self.entries, self.key(product, user, code));
        }
    }

    /// Writes removals, synced.
    pub(super) fn write_removals(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.db.write_removals(batch)
    }
}

fn read(value: &Slice) -> Result<StoredInterest, StoreError> {
    decode(VERSION, value, "an interest")
}

fn code_of(action: ActionType) -> Option<u8> {
    CODES.into_iter().find(|(known, _)| *known == action).map(|(_, code)| code)
}

fn action_of(key: &[u8]) -> Result<ActionType, StoreError> {
    let known = CODES.into_iter().find(|(_, code)| key.last() == Some(code));
    Ok(known.ok_or_else(|| corrupt("an interest key cannot be read"))?.0)
}

/// The group of a key: all its parts take part, whose bits are mixed already.
fn group_of(key: &Key) -> usize {
    let part = |at: usize| u16::from_be_bytes([key[at], key[at + 1]]);
    let code = u16::from(key[16]).wrapping_mul(0x9e37);
    usize::from(part(0) ^ part(8).rotate_left(5) ^ code) % GROUPS
}

#[cfg(test)]
mod tests;
