//! States that may be newer than in the backup.

use std::collections::HashMap;

use parking_lot::Mutex;
use rep_core::UserId;

use super::State;

/// States kept until they are saved, some kilobytes each; of more shoppers only who they are is kept.
const KEPT_MAX: usize = 20_000;

/// Whose state is to be saved; with it, where it is known for sure.
#[derive(Default)]
pub(super) struct Unsaved(Mutex<Held>);

#[derive(Default)]
struct Held {
    users: HashMap<UserId, Option<State>, ahash::RandomState>,
    /// How many of them have their state.
    kept: usize,
}

impl Held {
    fn put(&mut self, user: &UserId, state: Option<&State>) {
        let state = state.filter(|_| self.kept < KEPT_MAX).cloned();
        self.kept += usize::from(state.is_some());
        match self.users.get_mut(user) {
            Some(known) => self.kept -= usize::from(std::mem::replace(known, state).is_some()),
            None => drop(self.users.insert(user.clone(), state)),
        }
    }
}

impl Unsaved {
    /// Notes that the states of `users` may be about to change: whatever fails, what is there then will be saved.
    pub(super) fn expect<'a>(&self, users: impl Iterator<Item = &'a UserId>) {
        let mut held = self.0.lock();
        users.for_each(|user| held.put(user, None));
    }

    /// Notes what stands now.
    pub(super) fn keep(&self, state: &State) {
        self.0.lock().put(&state.0.user_id, Some(state));
    }

    pub(super) fn forget(&self, user: &UserId) {
        let mut held = self.0.lock();
        if let Some(Some(_)) = held.users.remove(user) {
            held.kept -= 1;
        }
    }

    /// All there is to save. What is not [`Taken::saved`] in the end comes back.
    pub(super) fn take(&self) -> Taken<'_> {
        let held = std::mem::take(&mut *self.0.lock());
        Taken { unsaved: self, left: held.users.into_iter().collect() }
    }
}

/// What is being saved.
pub(super) struct Taken<'a> {
    unsaved: &'a Unsaved,
    left: Vec<(UserId, Option<State>)>,
}

impl Taken<'_> {
    /// Up to `count` to be saved next; none at the end.
    pub(super) fn next(&self, count: usize) -> &[(UserId, Option<State>)] {
        &self.left[self.left.len().saturating_sub(count)..]
    }

    /// The last `count` are safe.
    pub(super) fn saved(&mut self, count: usize) {
        self.left.truncate(self.left.len().saturating_sub(count));
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut held = self.unsaved.0.lock();
        for (user, state) in self.left.drain(..) {
            // What was noted meanwhile is newer.
            if !held.users.contains_key(&user) {
                held.put(&user, state.as_ref());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rep_core::{ModelId, Preference};

    use super::*;

    fn state(user: &str, version: u64) -> State {
        let user = UserId::new(user).unwrap();
        Arc::new((Preference::new(user, ModelId::new("m").unwrap()), version))
    }

    fn versions(taken: &Taken<'_>) -> Vec<Option<u64>> {
        let mut left: Vec<_> = taken.left.iter().map(|(user, state)| (user, state.as_ref())).collect();
        left.sort_by_key(|(user, _)| user.as_str());
        left.into_iter().map(|(_, state)| state.map(|state| state.1)).collect()
    }

    #[test]
    fn what_is_not_saved_comes_back_unless_there_is_something_newer() {
        let unsaved = Unsaved::default();
        for user in ["a", "b", "c"] {
            unsaved.keep(&state(user, 1));
        }
        let mut taken = unsaved.take();
        assert_eq!(versions(&taken), [Some(1); 3]);
        let safe = taken.next(1)[0].0.clone();
        taken.saved(1);
        let other = taken.next(1)[0].0.clone();
        unsaved.keep(&state(other.as_str(), 2));
        drop(taken);
        unsaved.forget(&safe);

        let mut taken = unsaved.take();
        let mut left = versions(&taken);
        left.sort_unstable();
        assert_eq!(left, [Some(1), Some(2)]);
        taken.saved(2);
        assert!(taken.next(5).is_empty());
        drop(taken);
        assert!(unsaved.take().left.is_empty());
    }

    #[test]
    fn a_state_about_to_change_is_not_known_any_more() {
        let unsaved = Unsaved::default();
        unsaved.keep(&state("a", 1));
        unsaved.expect([UserId::new("a").unwrap()].iter());
        assert_eq!(versions(&unsaved.take()), [None]);
    }

    #[test]
    fn states_are_bounded_and_shoppers_are_not_lost() {
        let unsaved = Unsaved::default();
        for n in 0..KEPT_MAX + 10 {
            unsaved.keep(&state(&n.to_string(), 1));
        }
        assert_eq!(unsaved.0.lock().kept, KEPT_MAX);
        unsaved.forget(&UserId::new("0").unwrap());
        unsaved.expect([UserId::new("1").unwrap()].iter());
        assert_eq!(unsaved.0.lock().kept, KEPT_MAX - 2);
        assert_eq!(unsaved.0.lock().users.len(), KEPT_MAX + 9);
    }
}
