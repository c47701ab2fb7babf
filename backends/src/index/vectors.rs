//! The index of vectors: who is nearest, of those that pass a filter.

use std::sync::Arc;

use parking_lot::Mutex;
use rep_core::{Product, ProductFilter, ProductId, UnitVector};

use super::exact::{self, Search};
use super::graph::{Scratch, Sought};
use super::kernel::{Kernel, lines_for};
use super::plan::{Plan, Route, plan};
use super::quantise::Quantised;
use super::rows::Rows;
use super::store::Store;
use super::top::Top;
use super::upkeep::{Shared, Upkeep};

/// Vectors from which on there is a graph: looking at fewer takes a millisecond at most.
pub const GRAPH_VECTORS_MIN: usize = 20_000;
/// What a search may take where others wait for it, in ns.
const QUICK_NS: f64 = 5e5;

/// A product, and its cosine in [-1, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Which.
    pub id: ProductId,
    /// How near.
    pub cosine: f32,
}

/// A vector that does not belong into an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("vector has {found} dimensions, expected {expected}")]
pub struct WidthError {
    /// Of the vector.
    pub found: usize,
    /// Of the index.
    pub expected: usize,
}

/// How an index keeps its graph.
#[derive(Clone, Copy, Debug)]
pub struct GraphConfig {
    /// Vectors from which on there is one; every search is exact before.
    pub vectors_min: usize,
    /// Threads that build it; searches are exact, and slower, until it is there.
    pub threads: usize,
}

impl Default for GraphConfig {
    /// From [`GRAPH_VECTORS_MIN`] on; half of the cores, at least one.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { vectors_min: GRAPH_VECTORS_MIN, threads: cores.div_ceil(2) }
    }
}

/// Vectors in memory, found by cosine.
///
/// - A write is seen by every search that begins after it: what the graph does not have yet is looked at one
///   by one.
/// - A search looks at all that passes the filter if that is estimated to be cheaper than walking the graph,
///   or if the graph gave too few; then it is exact. By the graph it finds nearly all of the nearest.
/// - Searches run beside each other and beside the building of the graph; a write waits for those under way,
///   mostly well under a millisecond, and takes microseconds itself.
pub struct VectorIndex {
    dimensions: usize,
    shared: Arc<Shared>,
    scratch: Mutex<Vec<Scratch>>,
    _upkeep: Upkeep,
}

impl VectorIndex {
    /// An empty index of vectors of `dimensions`.
    pub fn new(dimensions: usize, config: GraphConfig) -> Self {
        let rows = Rows::new(dimensions, Kernel::detected());
        let shared = Arc::new(Shared::new(Store::new(rows, config.vectors_min)));
        let upkeep = Upkeep::start(&shared, config.threads);
        Self { dimensions, shared, scratch: Mutex::default(), _upkeep: upkeep }
    }

    /// Refuses vectors of another width.
    pub fn check(&self, vector: &UnitVector) -> Result<(), WidthError> {
        match vector.dimensions() {
            found if found == self.dimensions => Ok(()),
            found => Err(WidthError { found, expected: self.dimensions }),
        }
    }

    /// Vectors in it.
    pub fn len(&self) -> usize {
        self.shared.store.read().rows.live()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Vectors that the graph does not have yet; `None` if there is no graph.
    pub fn graph_pending(&self) -> Option<usize> {
        let store = self.shared.store.read();
        let pending = store.pending.lock().members().len();
        store.graph.as_ref().map(|_| pending)
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.shared.store.read().memory_bytes()
    }

    /// Sets the vector of `product`.
    pub fn upsert(&self, product: &Product, vector: UnitVector) -> Result<(), WidthError> {
        self.check(&vector)?;
        let codes = Quantised::of(vector.as_slice());
        let has_graph = {
            let mut store = self.shared.store.write();
            store.put(product, vector, &codes);
            store.graph.is_some()
        };
        if has_graph {
            self.shared.call();
        }
        Ok(())
    }

    /// Tells the index that price, stock or category may have changed; without a vector nothing happens.
    pub fn refresh(&self, product: &Product) {
        let rows = &mut self.shared.store.write().rows;
        if let Some(slot) = rows.slot_of(&product.product_id) {
            let fields = rows.categories().fields(product);
            rows.set_fields(slot, fields);
        }
    }

    /// Removes a vector; whether there was one.
    pub fn remove(&self, id: &ProductId) -> bool {
        let (was_there, has_graph) = {
            let mut store = self.shared.store.write();
            (store.remove(id), store.graph.is_some())
        };
        if was_there && has_graph {
            self.shared.call();
        }
        was_there
    }

    /// The vectors of products, as they were set.
    pub fn vectors(&self, ids: &[ProductId]) -> Vec<Option<UnitVector>> {
        let rows = &self.shared.store.read().rows;
        ids.iter().map(|id| rows.vector(rows.slot_of(id)?).cloned()).collect()
    }

    /// Whether [`Self::nearest`] should take half a millisecond or less: then it may run where others wait.
    pub fn is_quick(&self, k: usize, filter: &ProductFilter) -> bool {
        let store = self.shared.store.read();
        let criteria = store.rows.criteria(filter);
        criteria.is_none_or(|c| plan(&store, k, &c, lines_for(self.dimensions)).cost_ns <= QUICK_NS)
    }

    /// The `k` nearest that pass, nearest first; equals in order of their ids.
    pub fn nearest(
        &self,
        query: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Neighbour>, WidthError> {
        self.check(query)?;
        if k == 0 {
            return Ok(Vec::new());
        }
        let search = Search::new(query, k, filter);
        if let Some(found) = self.by_graph(&search) {
            return Ok(found);
        }
        let found = exact::in_parts(&self.shared.store, &search);
        Ok(found.unwrap_or_else(|| exact::at_once(&self.shared.store.read().rows, &search)))
    }

    /// `None` if there is no graph, if looking at all should be cheaper, or if too few were found.
    fn by_graph(&self, search: &Search<'_>) -> Option<Vec<Neighbour>> {
        let store = self.shared.store.read();
        let (rows, graph) = (&store.rows, store.graph.as_ref()?);
        let criteria = rows.criteria(search.filter)?;
        let Plan { route, .. } = plan(&store, search.k, &criteria, lines_for(self.dimensions));
        let Route::Graph { width, comparisons_max, pending } = route else { return None };
        let sought = Sought { probe: (&search.codes).into(), width, comparisons_max };
        let is_open = criteria.is_open() && search.filter.exclude.is_empty();
        let admit = |slot| rows.is_live(slot) && (is_open || rows.admits(slot, &criteria, search.filter));
        let mut scratch = self.scratch.lock().pop().unwrap_or_default();
        let walked = graph.search(rows, &sought, admit, &mut scratch);
        self.scratch.lock().push(scratch);
        let mut top = Top::new(search.candidates());
        rows.scan(pending.into_iter(), &search.codes, (&criteria, search.filter), &mut top);
        for (similarity, slot) in walked? {
            top.offer(similarity, slot, |a, b| rows.by_id(a, b));
        }
        let candidates = top.finish(|a, b| rows.by_id(a, b)).into_iter().map(|(_, slot)| slot).collect();
        let found = search.finish(rows, &criteria, candidates);
        (found.len() == search.k).then_some(found)
    }
}

#[cfg(test)]
mod tests;
