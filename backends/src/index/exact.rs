//! Exact search: every code that passes is looked at, and f32 decides among the best.

use parking_lot::RwLock;
use rep_core::{ProductFilter, UnitVector};

use super::fields::Criteria;
use super::quantise::Quantised;
use super::rows::{Rows, Slot};
use super::store::Store;
use super::top::Top;
use super::vectors::Neighbour;

/// Slots scanned under one lock, about 0.4 ms: longer scans let writers in between.
pub(crate) const SCAN_SLOTS: usize = 8192;

/// What is looked for.
pub(crate) struct Search<'a> {
    pub(crate) query: &'a UnitVector,
    pub(crate) codes: Quantised,
    /// Results wanted, at least one.
    pub(crate) k: usize,
    pub(crate) filter: &'a ProductFilter,
}

impl<'a> Search<'a> {
    pub(crate) fn new(query: &'a UnitVector, k: usize, filter: &'a ProductFilter) -> Self {
        Self { query, codes: Quantised::of(query.as_slice()), k, filter }
    }

    /// Candidates that f32 looks at: int8 puts the true tenth well within the first seventy.
    pub(crate) fn candidates(&self) -> usize {
        Self::candidates_for(self.k)
    }

    /// The same for any `k`.
    pub(crate) fn candidates_for(k: usize) -> usize {
        k.saturating_mul(4).saturating_add(32)
    }

    /// The final answer out of candidates, which may repeat.
    pub(crate) fn finish(
        &self,
        rows: &Rows,
        criteria: &Criteria,
        mut candidates: Vec<Slot>,
    ) -> Vec<Neighbour> {
        candidates.sort_unstable();
        candidates.dedup();
        let scored = rows.rescore(candidates.into_iter(), self.query, (criteria, self.filter));
        let named = |(cosine, slot)| Some(Neighbour { id: rows.id(slot)?.clone(), cosine });
        scored.into_iter().take(self.k).filter_map(named).collect()
    }
}

/// Scans under one lock.
pub(crate) fn at_once(rows: &Rows, search: &Search<'_>) -> Vec<Neighbour> {
    let Some(criteria) = rows.criteria(search.filter) else { return Vec::new() };
    let passing = (&criteria, search.filter);
    let mut top = Top::new(search.candidates().min(rows.live()));
    match criteria.category {
        Some(category) => {
            let listed = rows.of_category(category).iter().copied();
            if criteria.only_category() {
                rows.scan_passing(listed, &search.codes, search.filter, &mut top);
            } else {
                rows.scan(listed, &search.codes, passing, &mut top);
            }
        }
        None => rows.scan(0..rows.slots() as Slot, &search.codes, passing, &mut top),
    }
    let found = top.finish(|a, b| rows.by_id(a, b)).into_iter().map(|(_, slot)| slot).collect();
    search.finish(rows, &criteria, found)
}

/// Scans with the lock given back from time to time. `None` in the rare case that so many candidates changed
/// meanwhile that too few are left.
pub(crate) fn in_parts(store: &RwLock<Store>, search: &Search<'_>) -> Option<Vec<Neighbour>> {
    let guard = store.read();
    let locked = &guard.rows;
    let Some(criteria) = locked.criteria(search.filter) else { return Some(Vec::new()) };
    let listed = criteria.category.map(|category| locked.of_category(category));
    let end = listed.map_or(locked.slots(), <[Slot]>::len);
    if end <= SCAN_SLOTS {
        return Some(at_once(locked, search));
    }
    // Lists are reordered by removals, so this one is copied; slots stay where they are.
    let listed = listed.map(<[Slot]>::to_vec);
    let version = locked.version();
    drop(guard);

    let passing = (&criteria, search.filter);
    let mut top = Top::new(search.candidates().min(end));
    for start in (0..end).step_by(SCAN_SLOTS) {
        let part = start..end.min(start + SCAN_SLOTS);
        let rows = &store.read().rows;
        match &listed {
            Some(slots) => rows.scan(slots[part].iter().copied(), &search.codes, passing, &mut top),
            None => rows.scan(part.start as Slot..part.end as Slot, &search.codes, passing, &mut top),
        }
    }
    let guard = store.read();
    let rows = &guard.rows;
    if rows.version() != version {
        // A vector set meanwhile may stand in a slot that was passed already: look at those again.
        rows.scan(rows.filled_since(version).into_iter(), &search.codes, passing, &mut top);
    }
    let candidates: Vec<Slot> =
        top.finish(|a, b| rows.by_id(a, b)).into_iter().map(|(_, slot)| slot).collect();
    let seen = candidates.len();
    let found = search.finish(rows, &criteria, candidates);
    (found.len() == search.k.min(seen)).then_some(found)
}
