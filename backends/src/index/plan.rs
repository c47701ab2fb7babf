//! Exact or by the graph: whichever is estimated to cost less.

use super::exact::Search;
use super::fields::Criteria;
use super::rows::Slot;
use super::store::Store;

/// Least candidates the graph keeps: recall of ten is 0.99 and more up to [`VECTORS_NARROW`] vectors.
const WIDTH_MIN: usize = 64;
/// From here on the width grows by the square root of the vectors: at 10^6, 64 found 0.965 of the ten nearest.
const VECTORS_NARROW: usize = 200_000;
/// Vectors compared on the way down, and then for each candidate kept; measured at 30,000 × 768 with filters
/// from 0.3 to 1.
const DESCENT_COMPARISONS: f64 = 400.0;
const COMPARISONS_PER_WIDTH: f64 = 13.0;
/// Slots looked at to estimate what share passes a filter.
const SAMPLE: usize = 128;
/// Time to look at a slot's fields, in ns.
const FIELDS_NS: f64 = 1.5;
/// Time for a line of 64 codes in a scan, and in a walk through the graph, which waits for memory, in ns.
const SCAN_LINE_NS: f64 = 4.0;
const WALK_LINE_NS: f64 = 12.0;
/// Time for one candidate that f32 decides on, in ns.
const RESCORE_NS: f64 = 400.0;

/// How a search goes about it.
#[derive(Debug, PartialEq)]
pub(crate) enum Route {
    /// Looks at all that passes.
    Exact,
    /// Through the graph.
    Graph {
        /// Candidates kept.
        width: usize,
        /// Comparisons after which looking at all would have been cheaper.
        comparisons_max: usize,
        /// Looked at one by one: not in the graph yet.
        pending: Vec<Slot>,
    },
}

/// A route and what it should cost, in ns.
pub(crate) struct Plan {
    pub(crate) route: Route,
    pub(crate) cost_ns: f64,
}

/// Candidates to keep where `share` of `vectors` passes: the fewer pass, the more are looked at anyway.
fn width_for(vectors: usize, share: f64) -> usize {
    let growth = (vectors as f64 / VECTORS_NARROW as f64).sqrt().max(1.0) - 1.0;
    (WIDTH_MIN as f64 * (1.0 + growth * share)) as usize
}

/// The cheaper way for `search` with `criteria`.
pub(crate) fn plan(store: &Store, k: usize, criteria: &Criteria, lines: usize) -> Plan {
    let rows = &store.rows;
    let listed = criteria.category.map(|category| rows.of_category(category));
    let looked_at = listed.map_or(rows.slots(), <[Slot]>::len);
    let slot_at = |at: usize| listed.map_or(at as Slot, |slots| slots[at]);
    let passing = if criteria.only_category() {
        listed.map_or(rows.live(), <[Slot]>::len) as f64
    } else {
        let step = looked_at.div_ceil(SAMPLE).max(1);
        let sampled = (0..looked_at).step_by(step);
        let count = sampled.len().max(1);
        let passed = sampled.filter(|at| criteria.admit(rows.fields(slot_at(*at)))).count();
        // One that passed unseen: an estimate of none would promise a scan for nothing.
        looked_at as f64 * (passed.max(1) as f64 / count as f64)
    };
    let scan_ns = SCAN_LINE_NS * lines as f64;
    let rescore_ns = Search::candidates_for(k) as f64 * RESCORE_NS;
    let exact_ns = looked_at as f64 * FIELDS_NS + passing * scan_ns + rescore_ns;
    let exact = Plan { route: Route::Exact, cost_ns: exact_ns };
    if store.graph.is_none() {
        return exact;
    }
    let share = (passing / rows.live().max(1) as f64).clamp(1e-6, 1.0);
    let width = width_for(rows.live(), share).max(k.saturating_mul(2));
    let walk_ns = WALK_LINE_NS * lines as f64;
    let comparisons = DESCENT_COMPARISONS + COMPARISONS_PER_WIDTH * width as f64 / share;
    let graph_ns = comparisons * walk_ns + rescore_ns;
    if graph_ns >= exact_ns {
        return exact;
    }
    let pending = store.pending.lock();
    let cost_ns = graph_ns + pending.members().len() as f64 * scan_ns;
    if cost_ns >= exact_ns {
        return exact;
    }
    // Where what passes lies far from the query, the walk is given up at twice its estimate or at the cost of
    // a scan, whichever is more.
    let comparisons_max = (2.0 * comparisons).max(exact_ns / walk_ns) as usize;
    Plan { route: Route::Graph { width, comparisons_max, pending: pending.members().to_vec() }, cost_ns }
}
