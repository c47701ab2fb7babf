//! Actions that wait for the vector of a search, or of a product that has none yet, and whatever their shoppers did
//! after it; all others go on.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};
use rep_core::ports::log::Record;
use rep_core::{UserAction, UserId};

use super::hydrate::Asked;
use super::triage::Admitted;

/// Batches that wait; with one more, the stream waits for the oldest.
const BATCHES_MAX: usize = 32;
/// Actions that wait, likewise.
const ACTIONS_MAX: usize = 10_000;

/// What was held of one micro-batch, in its order.
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// One for each record.
    pub(super) actions: Vec<UserAction>,
    /// The vectors that it waits for.
    pub(super) asked: Asked,
}

/// In order, so that each shopper's actions stay in theirs.
#[derive(Default)]
pub(super) struct Held {
    batches: VecDeque<Batch>,
    /// Shoppers of whom something is held, and how many actions.
    users: AHashMap<UserId, usize>,
    actions: usize,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Tells what can go on from what must wait: a shopper waits behind what is asked for until it is answered.
    pub(super) fn split<'a>(
        &self,
        admitted: Vec<Admitted<'a>>,
        asked: &Asked,
    ) -> (Vec<Admitted<'a>>, Vec<Admitted<'a>>) {
        if self.is_empty() && asked.is_answered() {
            return (admitted, Vec::new());
        }
        let mut waiting_users: AHashSet<UserId> = AHashSet::new();
        if !asked.is_answered() {
            let asking = admitted.iter().filter(|a| asked.is_for(&a.action));
            waiting_users.extend(asking.map(|a| a.action.user_id.clone()));
        }
        let waits = |user: &UserId| self.users.contains_key(user) || waiting_users.contains(user);
        admitted.into_iter().partition(|admitted| !waits(&admitted.action.user_id))
    }

    /// Holds what waits for `asked`.
    pub(super) fn push(&mut self, waiting: Vec<Admitted<'_>>, asked: Asked) {
        if waiting.is_empty() {
            return;
        }
        self.actions += waiting.len();
        let mut batch = Batch { records: Vec::new(), actions: Vec::new(), asked };
        for Admitted { record, action } in waiting {
            *self.users.entry(action.user_id.clone()).or_default() += 1;
            batch.records.push(record.clone());
            batch.actions.push(action);
        }
        self.batches.push_back(batch);
    }

    /// Whether the oldest batch can go on, or must be waited for.
    pub(super) fn is_due(&self) -> bool {
        let is_full = self.batches.len() > BATCHES_MAX || self.actions > ACTIONS_MAX;
        self.batches.front().is_some_and(|batch| is_full || batch.asked.is_answered())
    }

    pub(super) fn front(&mut self) -> Option<&mut Batch> {
        self.batches.front_mut()
    }

    pub(super) fn peek(&self) -> Option<&Batch> {
        self.batches.front()
    }

    pub(super) fn pop(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        batch.actions.iter().for_each(|action| self.let_go(&action.user_id));
        Some(batch)
    }

    /// Drops what is held of these partitions.
    pub(super) fn revoked(&mut self, partitions: &[u32]) {
        let mut batches = std::mem::take(&mut self.batches);
        for batch in &mut batches {
            let (records, actions) = (std::mem::take(&mut batch.records), std::mem::take(&mut batch.actions));
            for (record, action) in records.into_iter().zip(actions) {
                if partitions.contains(&record.position.partition) {
                    self.let_go(&action.user_id);
                } else {
                    batch.records.push(record);
                    batch.actions.push(action);
                }
            }
        }
        batches.retain(|batch| !batch.records.is_empty());
        self.batches = batches;
    }

    fn let_go(&mut self, user: &UserId) {
        self.actions -= 1;
        if let Some(count) = self.users.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(user);
            }
        }
    }
}
