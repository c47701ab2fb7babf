//! Whose taste is not whole under the connected model: an index in memory over all stored states.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rep_core::UserId;
use rep_core::ports::StoreError;
use rep_core::ports::preferences::{Incomplete, IncompletePage};

use super::Shared;
use super::stored::from_stored;
use crate::embedded::error::{invalid, store_error};

/// Most shoppers of the index, some tens of bytes each; others are found again once half of them are done.
const USERS_MAX: usize = 200_000;

/// A bounded set of shoppers. Who changes it holds the shopper's part of the states.
#[derive(Default)]
pub(super) struct IncompleteUsers {
    index: Mutex<Index>,
    /// How many there are: those who fold seldom need the lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct Index {
    users: BTreeSet<UserId>,
    /// Somebody did not fit.
    overflowed: bool,
}

impl IncompleteUsers {
    pub(super) fn note(&self, user: &UserId, is_incomplete: bool) {
        if !is_incomplete && self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut index = self.index.lock();
        if !is_incomplete {
            index.users.remove(user);
        } else if index.users.len() < USERS_MAX {
            index.users.insert(user.clone());
        } else {
            index.overflowed |= !index.users.contains(user);
        }
        self.count.store(index.users.len(), Ordering::Release);
    }

    /// Whether it is time to look for those who did not fit.
    pub(super) fn has_lost_some(&self) -> bool {
        let index = self.index.lock();
        index.overflowed && index.users.len() < USERS_MAX / 2
    }

    fn page(&self, cursor: Option<&UserId>, limit: usize) -> (Vec<UserId>, bool, usize) {
        let index = self.index.lock();
        let from = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = index.users.range::<UserId, _>((from, Bound::Unbounded));
        let users: Vec<UserId> = rest.by_ref().take(limit).cloned().collect();
        (users, rest.next().is_some(), index.users.len())
    }
}

impl Shared {
    /// Looks through all stored states for those that did not fit into the index. Blocks.
    pub(super) fn find_incomplete(&self) -> Result<(), StoreError> {
        self.incomplete.index.lock().overflowed = false;
        for entry in self.keyspace.iter() {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            let (stored, _) = from_stored(&value)?;
            // What is in memory is newer, and nobody changes it meanwhile.
            let shard = self.shard(&stored.user_id).write();
            match shard.entries.get(&stored.user_id) {
                Some(cached) => self.note_incomplete(&cached.preference),
                None => {
                    if let Some((state, _)) = self.on_disk(&stored.user_id)? {
                        self.note_incomplete(&state);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn incomplete_page(
        &self,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<IncompletePage, StoreError> {
        let cursor = cursor.map(UserId::new).transpose().map_err(invalid)?;
        let (users, has_more, total) = self.incomplete.page(cursor.as_ref(), limit);
        let next = users.last().filter(|_| has_more).map(ToString::to_string);
        let mut items = Vec::with_capacity(users.len());
        for user in &users {
            // A shopper who is not in the cache is not put there: nobody acted.
            let cached = self.shard(user).read().entries.get(user).map(|cached| cached.preference.clone());
            let item = match cached {
                Some(state) => Incomplete::of(&state, &self.model),
                None => self.on_disk(user)?.and_then(|(state, _)| Incomplete::of(&state, &self.model)),
            };
            items.extend(item);
        }
        Ok(IncompletePage { items, next, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: usize) -> UserId {
        UserId::new(format!("u{number:06}")).unwrap()
    }

    #[test]
    fn pages_go_on_where_they_ended_and_more_than_fit_are_said_to_be_lost() {
        let users = IncompleteUsers::default();
        (0..5).for_each(|number| users.note(&user(number), true));
        users.note(&user(1), false);
        let (first, more, total) = users.page(None, 3);
        assert_eq!((first, more, total), (vec![user(0), user(2), user(3)], true, 4));
        assert_eq!(users.page(Some(&user(3)), 3), (vec![user(4)], false, 4));
        assert!(!users.has_lost_some());

        (0..=USERS_MAX).for_each(|number| users.note(&user(number), true));
        assert_eq!(users.page(None, 0).2, USERS_MAX);
        assert!(!users.has_lost_some(), "there is no room yet");
        (0..=USERS_MAX / 2).for_each(|number| users.note(&user(number), false));
        assert!(users.has_lost_some());
    }
}
