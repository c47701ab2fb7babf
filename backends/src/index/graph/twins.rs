//! Equal vectors stand in the graph once.
//!
//! Variants of a product often have one text and so one vector. Hundreds of equals would link to nothing but
//! each other, and hide what lies behind them; so the first is linked, and leads to the others, its twins.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::{Graph, HAS_TWINS, LINKED, TWIN};
use crate::index::rows::{Rows, Slot};

/// Who stands for whom.
#[derive(Default)]
pub(super) struct Twins {
    /// Linked slots by a hash of their codes.
    linked: HashMap<u64, Slot, ahash::RandomState>,
    of: HashMap<Slot, Vec<Slot>, ahash::RandomState>,
}

impl Graph {
    /// Makes `slot` a twin if its equal is linked already; otherwise remembers it as the one to be linked.
    pub(super) fn join_twin(&self, rows: &Rows, slot: Slot) -> bool {
        let hash = self.hash(rows, slot);
        let mut twins = self.twins.lock();
        let Some(first) = twins.linked.get(&hash).copied() else {
            twins.linked.insert(hash, slot);
            return false;
        };
        let is_equal = rows.codes(first) == rows.codes(slot) && rows.scale(first) == rows.scale(slot);
        // One that is only being linked cannot be found through yet: then both are linked.
        if first == slot || !is_equal || !self.is_linked(first) {
            return false;
        }
        twins.of.entry(first).or_default().push(slot);
        self.states[slot as usize].store(TWIN, Ordering::Release);
        self.states[first as usize].store(LINKED | HAS_TWINS, Ordering::Release);
        true
    }

    /// Takes a removed twin off; whether it was one. Nothing links to it, so its slot is free.
    pub(crate) fn part_twin(&self, rows: &Rows, slot: Slot) -> bool {
        if self.state(slot) != TWIN {
            return false;
        }
        let hash = self.hash(rows, slot);
        let mut twins = self.twins.lock();
        if let Some(first) = twins.linked.get(&hash).copied()
            && let Some(list) = twins.of.get_mut(&first)
        {
            list.retain(|twin| *twin != slot);
            if list.is_empty() {
                twins.of.remove(&first);
                self.states[first as usize].store(LINKED, Ordering::Release);
            }
        }
        self.states[slot as usize].store(0, Ordering::Release);
        true
    }

    /// Lets nobody join a removed slot any more; gives those that did, to be linked themselves.
    pub(crate) fn leave_twins(&self, rows: &Rows, slot: Slot) -> Vec<Slot> {
        let hash = self.hash(rows, slot);
        let mut twins = self.twins.lock();
        if twins.linked.get(&hash) == Some(&slot) {
            twins.linked.remove(&hash);
        }
        let left = twins.of.remove(&slot).unwrap_or_default();
        if self.is_linked(slot) {
            self.states[slot as usize].store(LINKED, Ordering::Release);
        }
        for twin in &left {
            self.states[*twin as usize].store(0, Ordering::Release);
        }
        left
    }

    /// Whether `admit` lets the slot or one of its twins through.
    pub(super) fn admits(&self, slot: Slot, admit: &impl Fn(Slot) -> bool) -> bool {
        admit(slot)
            || self.state(slot) & HAS_TWINS != 0
                && self.twins.lock().of.get(&slot).is_some_and(|twins| twins.iter().any(|twin| admit(*twin)))
    }

    /// `found`, and the twins of what was found.
    pub(super) fn with_twins(
        &self,
        found: Vec<(f32, Slot)>,
        admit: &impl Fn(Slot) -> bool,
    ) -> Vec<(f32, Slot)> {
        if found.iter().all(|(_, slot)| self.state(*slot) & HAS_TWINS == 0) {
            return found;
        }
        let twins = self.twins.lock();
        let mut all = Vec::with_capacity(2 * found.len());
        for (similarity, slot) in found {
            let equals = twins.of.get(&slot).into_iter().flatten().copied();
            let admitted = equals.chain([slot]).filter(|slot| admit(*slot));
            all.extend(admitted.map(|slot| (similarity, slot)));
        }
        all
    }

    pub(super) fn twins_memory_bytes(&self) -> usize {
        let twins = self.twins.lock();
        let lists: usize = twins.of.values().map(|list| list.capacity() * size_of::<Slot>()).sum();
        twins.linked.capacity() * (size_of::<(u64, Slot)>() + 1)
            + twins.of.capacity() * (size_of::<(Slot, Vec<Slot>)>() + 1)
            + lists
    }

    fn hash(&self, rows: &Rows, slot: Slot) -> u64 {
        self.hasher.hash_one((rows.codes(slot), rows.scale(slot).to_bits()))
    }
}
