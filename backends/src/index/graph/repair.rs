//! Leads links around removed vectors, so that their slots can be used anew.
//!
//! After Singh et al., 2021 (FreshDiskANN), section 5: who linked to a removed vector gets links to what that
//! one linked to. Links that stay are not chosen anew, which is what makes it cheap.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::Graph;
use crate::index::rows::{Rows, Slot};

/// Removed slots that no insertion may link to any more.
pub(crate) type Dead = HashSet<Slot, ahash::RandomState>;

impl Graph {
    /// Leads the links of `slots` around `dead`. No insertion may run meanwhile; searches may.
    pub(crate) fn lead_around(&self, rows: &Rows, slots: std::ops::Range<Slot>, dead: &Dead) {
        for slot in slots {
            if self.is_linked(slot) && !dead.contains(&slot) {
                for level in 0..=self.level(slot) {
                    if self.neighbours(slot, level).any(|link| dead.contains(&link)) {
                        self.relink(rows, slot, level, dead);
                    }
                }
            }
        }
    }

    fn relink(&self, rows: &Rows, slot: Slot, level: usize, dead: &Dead) {
        let (gone, mut list): (Vec<Slot>, Vec<Slot>) =
            self.neighbours(slot, level).partition(|link| dead.contains(link));
        let room = list.len() + gone.len();
        let mut beyond: Vec<Slot> = gone.iter().flat_map(|link| self.neighbours(*link, level)).collect();
        beyond.sort_unstable();
        beyond.dedup();
        beyond.retain(|next| *next != slot && !dead.contains(next) && !list.contains(next));
        let mut similarities = Vec::new();
        rows.similarities(rows.probe(slot), &beyond, &mut similarities);
        let mut found: Vec<(f32, Slot)> = similarities.drain(..).zip(beyond).collect();
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (similarity, next) in found {
            if list.len() == room {
                break;
            }
            // As in `insert::spread`; an empty list takes anything.
            rows.similarities(rows.probe(next), &list, &mut similarities);
            if similarities.iter().all(|other| *other < similarity) {
                list.push(next);
            }
        }
        let _stripe = self.stripe(slot).lock();
        self.set_links(slot, level, &list);
    }

    /// Chooses another entry if it is one of `dead`.
    pub(crate) fn leave_entry(&mut self, dead: &Dead) {
        if self.entry().is_some_and(|entry| dead.contains(&entry)) {
            let slots = 0..self.states.len() as Slot;
            let stays = slots.filter(|slot| self.is_linked(*slot) && !dead.contains(slot));
            let highest = stays.max_by_key(|slot| self.level(*slot));
            *self.entry.get_mut() = highest;
        }
    }

    /// Forgets a slot that nothing links to any more, and that is not the entry.
    pub(crate) fn forget(&mut self, slot: Slot) {
        for level in 0..=self.level(slot) {
            self.set_links(slot, level, &[]);
        }
        self.states[slot as usize].store(0, Ordering::Release);
    }
}
