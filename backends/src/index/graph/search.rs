//! From the entry towards what is sought, ever nearer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Graph, Probe, ranked, slot_of, unranked};
use crate::index::kernel::prefetch;
use crate::index::rows::{Rows, Slot};

/// Slots followed through the upper layers.
const DESCENT_WIDTH: usize = 24;

/// What one search uses, kept for the next.
#[derive(Default)]
pub(crate) struct Scratch {
    /// A bit a slot.
    seen: Vec<u64>,
    /// Words of `seen` that are not zero.
    touched: Vec<u32>,
    /// To be looked around from, nearest first.
    open: BinaryHeap<u64>,
    /// The best found, farthest first.
    best: BinaryHeap<Reverse<u64>>,
    fresh: Vec<Slot>,
    similarities: Vec<f32>,
}

impl Scratch {
    fn begin(&mut self, slots: usize) {
        for word in self.touched.drain(..) {
            self.seen[word as usize] = 0;
        }
        if self.seen.len() * 64 < slots {
            self.seen.resize(slots.div_ceil(64), 0);
        }
        self.open.clear();
        self.best.clear();
    }

    /// Keeps those of `fresh` that are among the `width` best so far.
    fn take_fresh(&mut self, width: usize, admit: &impl Fn(Slot) -> bool) {
        for (slot, similarity) in self.fresh.iter().zip(&self.similarities) {
            let rank = ranked(*similarity, *slot);
            let is_full = self.best.len() >= width;
            if is_full && self.best.peek().is_some_and(|worst| rank < worst.0) {
                continue;
            }
            self.open.push(rank);
            if admit(*slot) {
                if is_full {
                    self.best.pop();
                }
                self.best.push(Reverse(rank));
            }
        }
    }

    /// Whether the slot is seen for the first time.
    fn see(&mut self, slot: Slot) -> bool {
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        let seen = &mut self.seen[word as usize];
        if *seen == 0 {
            self.touched.push(word);
        }
        let is_new = *seen & bit == 0;
        *seen |= bit;
        is_new
    }
}

/// How a layer is searched.
pub(crate) struct Sought<'a> {
    pub(crate) probe: Probe<'a>,
    /// Candidates kept: more find more and take longer.
    pub(crate) width: usize,
    /// Comparisons after which to give up.
    pub(crate) comparisons_max: usize,
}

impl Graph {
    /// Up to `width` slots near to the probe among those that `admit` lets through, and all that equal them,
    /// with their similarities, nearest first. `None` if it took too many comparisons, or nothing is linked yet.
    pub(crate) fn search(
        &self,
        rows: &Rows,
        sought: &Sought<'_>,
        admit: impl Fn(Slot) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<(f32, Slot)>> {
        let starts = self.descend(rows, sought.probe, 0, scratch)?;
        let found =
            self.search_layer(rows, sought, (0, &starts), |slot| self.admits(slot, &admit), scratch)?;
        Some(self.with_twins(found, &admit))
    }

    /// Slots near to the probe to begin with in layer `level`: the nearest of the layers above.
    ///
    /// A few are followed, not only the nearest: where goods come in kinds, the nearest may be the edge of
    /// another kind that nothing leads out of.
    pub(super) fn descend(
        &self,
        rows: &Rows,
        probe: Probe<'_>,
        level: usize,
        scratch: &mut Scratch,
    ) -> Option<Vec<Slot>> {
        let entry = self.entry()?;
        let sought = Sought { probe, width: DESCENT_WIDTH, comparisons_max: usize::MAX };
        let mut starts = vec![entry];
        for level in (level + 1..=self.level(entry)).rev() {
            let found = self.search_layer(rows, &sought, (level, &starts), |_| true, scratch)?;
            starts = found.into_iter().map(|(_, slot)| slot).collect();
        }
        Some(starts)
    }

    /// As [`Self::search`], in one layer from slots of it.
    pub(super) fn search_layer(
        &self,
        rows: &Rows,
        sought: &Sought<'_>,
        (level, starts): (usize, &[Slot]),
        admit: impl Fn(Slot) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<(f32, Slot)>> {
        scratch.begin(rows.slots());
        for start in starts {
            scratch.see(*start);
        }
        rows.similarities(sought.probe, starts, &mut scratch.similarities);
        scratch.fresh.clear();
        scratch.fresh.extend(starts);
        scratch.take_fresh(sought.width, &admit);
        let mut comparisons = starts.len();
        while let Some(nearest) = scratch.open.pop() {
            if scratch.best.len() >= sought.width
                && scratch.best.peek().is_some_and(|worst| nearest < worst.0)
            {
                break;
            }
            scratch.fresh.clear();
            for slot in self.neighbours(slot_of(nearest), level) {
                if scratch.see(slot) {
                    prefetch(rows.codes(slot));
                    scratch.fresh.push(slot);
                }
            }
            comparisons += scratch.fresh.len();
            if comparisons > sought.comparisons_max {
                return None;
            }
            rows.similarities(sought.probe, &scratch.fresh, &mut scratch.similarities);
            scratch.take_fresh(sought.width, &admit);
        }
        let mut found: Vec<u64> = scratch.best.drain().map(|rank| rank.0).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        Some(found.into_iter().map(unranked).collect())
    }
}
