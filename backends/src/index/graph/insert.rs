//! A new vector gets links to its neighbours, and they to it.

use std::sync::atomic::Ordering;

use super::{BUILD_WIDTH, Graph, LINKED, LINKS, Scratch, Sought};
use crate::index::rows::{Rows, Slot};

impl Graph {
    /// Takes in a slot in use that is not there. Others may be taken in and searched for at the same time.
    pub(crate) fn insert(&self, rows: &Rows, slot: Slot, scratch: &mut Scratch) {
        if !self.join_twin(rows, slot) {
            self.link(rows, slot, scratch);
        }
    }

    fn link(&self, rows: &Rows, slot: Slot, scratch: &mut Scratch) {
        let top = self.level(slot);
        let Some(entry) = self.entry_or(slot) else {
            self.states[slot as usize].store(LINKED, Ordering::Release);
            return;
        };
        let probe = rows.probe(slot);
        let sought = Sought { probe, width: BUILD_WIDTH, comparisons_max: usize::MAX };
        let top_shared = top.min(self.level(entry));
        let mut starts = self.descend(rows, probe, top_shared, scratch).unwrap_or_else(|| vec![entry]);
        let is_live = |other: Slot| other != slot && rows.is_live(other);
        for level in (0..=top_shared).rev() {
            let found =
                self.search_layer(rows, &sought, (level, &starts), is_live, scratch).unwrap_or_default();
            if !found.is_empty() {
                starts = found.iter().map(|(_, slot)| *slot).collect();
            }
            let chosen = spread(rows, &found, LINKS);
            {
                let _stripe = self.stripe(slot).lock();
                self.set_links(slot, level, &chosen);
            }
            // From here on links lead here, though it is not marked yet.
            for neighbour in chosen {
                self.link_back(rows, neighbour, slot, level);
            }
        }
        self.states[slot as usize].store(LINKED, Ordering::Release);
        self.raise_entry(slot);
    }

    /// The entry; `None` if there was none and `slot` is it from now on.
    fn entry_or(&self, slot: Slot) -> Option<Slot> {
        let mut entry = self.entry.lock();
        if entry.is_none() {
            *entry = Some(slot);
            return None;
        }
        *entry
    }

    fn raise_entry(&self, slot: Slot) {
        let mut entry = self.entry.lock();
        if entry.is_none_or(|entry| self.level(entry) < self.level(slot)) {
            *entry = Some(slot);
        }
    }

    /// Adds `slot` to the list of `neighbour`; a full list keeps those that lead furthest apart.
    fn link_back(&self, rows: &Rows, neighbour: Slot, slot: Slot, level: usize) {
        let _stripe = self.stripe(neighbour).lock();
        let room = self.links(neighbour, level).len();
        let mut list: Vec<Slot> = self.neighbours(neighbour, level).collect();
        if list.contains(&slot) {
            return;
        }
        list.push(slot);
        if list.len() > room {
            let probe = rows.probe(neighbour);
            let mut similarities = Vec::new();
            rows.similarities(probe, &list, &mut similarities);
            let mut found: Vec<(f32, Slot)> = similarities.into_iter().zip(list).collect();
            found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
            list = spread(rows, &found, room);
        }
        self.set_links(neighbour, level, &list);
    }
}

/// Up to `count` of `found` (nearest first), leaving out what is nearer to one already chosen than to the
/// centre: that one leads there. Source: Malkov and Yashunin, 2018, algorithm 4.
pub(super) fn spread(rows: &Rows, found: &[(f32, Slot)], count: usize) -> Vec<Slot> {
    let mut chosen: Vec<Slot> = Vec::with_capacity(count);
    let mut similarities = Vec::with_capacity(count);
    for (similarity, slot) in found {
        if chosen.len() == count {
            break;
        }
        rows.similarities(rows.probe(*slot), &chosen, &mut similarities);
        // Equal vectors are as near to each other as to the centre: one of them is enough.
        if similarities.iter().all(|other| other < similarity) {
            chosen.push(*slot);
        }
    }
    chosen
}
