//! States that may be newer than in the backup.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rep_core::UserId;

use super::State;

/// States kept until they are saved, some kilobytes each; of more shoppers only who they are is kept.
const KEPT_MAX: usize = 20_000;

/// Whose state is to be saved, with the last one that this process stored.
#[derive(Default)]
pub(super) struct Unsaved(Mutex<Held>);

#[derive(Default)]
struct Held {
    users: HashMap<UserId, Entry, ahash::RandomState>,
    /// How many of them have a state.
    kept: usize,
    /// Notes so far.
    notes: u64,
}

#[derive(Default)]
struct Entry {
    state: Option<State>,
    /// The last note of it: whoever saved an earlier one has not saved this.
    note: u64,
}

/// A shopper to be saved.
pub(super) struct ToSave {
    pub(super) user: UserId,
    /// The last state stored here; another process may have stored a later one.
    pub(super) state: Option<State>,
    note: u64,
}

impl Unsaved {
    /// Notes that the states of `users` may be about to change: whatever fails, what is there then will be saved.
    pub(super) fn expect<'a>(&self, users: impl Iterator<Item = &'a UserId>) {
        let mut held = self.0.lock();
        for user in users {
            held.note(user);
        }
    }

    /// Notes what this process stored.
    pub(super) fn keep(&self, state: &State) {
        let mut held = self.0.lock();
        let fits = held.kept < KEPT_MAX;
        let kept = held.note(&state.0.user_id);
        let is_new = kept.is_none();
        if fits || !is_new {
            *kept = Some(Arc::clone(state));
            held.kept += usize::from(is_new);
        }
    }

    /// The last state of `user` that was stored here and is not saved.
    pub(super) fn state(&self, user: &UserId) -> Option<State> {
        self.0.lock().users.get(user)?.state.clone()
    }

    pub(super) fn forget(&self, user: &UserId) {
        self.0.lock().remove(user);
    }

    /// All there is to save; it stays until it is [`Self::saved`].
    pub(super) fn all(&self) -> Vec<ToSave> {
        let held = self.0.lock();
        let to_save = |(user, entry): (&UserId, &Entry)| ToSave {
            user: user.clone(),
            state: entry.state.clone(),
            note: entry.note,
        };
        held.users.iter().map(to_save).collect()
    }

    /// `part` is safe; what was noted since then is still to be saved.
    pub(super) fn saved(&self, part: &[ToSave]) {
        let mut held = self.0.lock();
        for ToSave { user, note, .. } in part {
            if held.users.get(user).is_some_and(|entry| entry.note == *note) {
                held.remove(user);
            }
        }
    }
}

impl Held {
    fn note(&mut self, user: &UserId) -> &mut Option<State> {
        self.notes += 1;
        let entry = self.users.entry(user.clone()).or_default();
        entry.note = self.notes;
        &mut entry.state
    }

    fn remove(&mut self, user: &UserId) {
        let gone = self.users.remove(user);
        self.kept -= usize::from(gone.is_some_and(|entry| entry.state.is_some()));
    }
}

#[cfg(test)]
mod tests {
    use rep_core::{ModelId, Preference};

    use super::*;

    fn state(user: &str, version: u64) -> State {
        let user = UserId::new(user).unwrap();
        Arc::new((Preference::new(user, ModelId::new("m").unwrap()), version))
    }

    fn sizes(unsaved: &Unsaved) -> (usize, usize) {
        let held = unsaved.0.lock();
        (held.kept, held.users.len())
    }

    fn versions(unsaved: &Unsaved) -> Vec<(String, Option<u64>)> {
        let all = unsaved.all().into_iter();
        let mut all: Vec<_> = all.map(|one| (one.user.to_string(), one.state.map(|state| state.1))).collect();
        all.sort();
        all
    }

    #[test]
    fn what_is_noted_while_it_is_saved_is_to_be_saved_again() {
        let unsaved = Unsaved::default();
        for user in ["a", "b", "c"] {
            unsaved.keep(&state(user, 1));
        }
        let all = unsaved.all();
        unsaved.keep(&state("a", 2));
        unsaved.expect([UserId::new("b").unwrap()].iter());
        assert_eq!(unsaved.state(&UserId::new("c").unwrap()).unwrap().1, 1);
        unsaved.saved(&all);
        assert_eq!(versions(&unsaved), [("a".to_owned(), Some(2)), ("b".to_owned(), Some(1))]);
        unsaved.saved(&unsaved.all());
        assert!(unsaved.all().is_empty());
    }

    #[test]
    fn states_are_bounded_and_shoppers_are_not_lost() {
        let unsaved = Unsaved::default();
        for n in 0..KEPT_MAX + 10 {
            unsaved.keep(&state(&n.to_string(), 1));
            unsaved.keep(&state(&n.to_string(), 2));
        }
        assert_eq!(sizes(&unsaved), (KEPT_MAX, KEPT_MAX + 10));
        unsaved.forget(&UserId::new("0").unwrap());
        unsaved.expect([UserId::new("new").unwrap()].iter());
        assert_eq!(sizes(&unsaved), (KEPT_MAX - 1, KEPT_MAX + 10));
        unsaved.saved(&unsaved.all());
        assert_eq!(sizes(&unsaved), (0, 0));
    }
}
