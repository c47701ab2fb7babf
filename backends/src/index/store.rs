//! Rows, the graph over them, and which rows are not linked yet.

use std::collections::VecDeque;

use parking_lot::Mutex;
use rep_core::{Product, ProductId, UnitVector};

use super::graph::{Dead, Graph};
use super::quantise::Quantised;
use super::rows::{Rows, Slot};

/// Everything that one lock of the index guards.
pub(crate) struct Store {
    pub(crate) rows: Rows,
    /// There from [`Self::graph_vectors_min`] on.
    pub(crate) graph: Option<Graph>,
    /// Rows not linked yet; each search scans them. Under a lock of its own, since linking takes rows off
    /// beside searches.
    pub(crate) pending: Mutex<Pending>,
    /// Removed rows that links still lead to.
    dead: Vec<Slot>,
    graph_vectors_min: usize,
}

impl Store {
    pub(crate) fn new(rows: Rows, graph_vectors_min: usize) -> Self {
        Self { rows, graph: None, pending: Mutex::default(), dead: Vec::new(), graph_vectors_min }
    }

    /// Sets the vector of `product`.
    pub(crate) fn put(&mut self, product: &Product, vector: UnitVector, codes: &Quantised) {
        self.remove(&product.product_id);
        let fields = self.rows.categories().fields(product);
        let slot = self.rows.insert(product.product_id.clone(), vector, codes, fields);
        match &mut self.graph {
            Some(graph) => {
                graph.cover(self.rows.slots());
                self.pending.get_mut().add(slot);
            }
            None if self.rows.live() >= self.graph_vectors_min => self.begin_graph(),
            None => {}
        }
    }

    /// Removes a vector; whether there was one.
    pub(crate) fn remove(&mut self, id: &ProductId) -> bool {
        let Some(slot) = self.rows.remove(id) else { return false };
        let pending = self.pending.get_mut();
        match &self.graph {
            Some(graph) if graph.is_linked(slot) => {
                graph.leave_twins(&self.rows, slot).into_iter().for_each(|twin| pending.add(twin));
                self.dead.push(slot);
            }
            Some(graph) if graph.part_twin(&self.rows, slot) => self.rows.release(slot),
            _ => {
                pending.remove(slot);
                self.rows.release(slot);
            }
        }
        // Half of what begins a graph ends it, so that it does not come and go.
        if self.graph.is_some() && self.rows.live() < self.graph_vectors_min / 2 {
            self.graph = None;
            *self.pending.get_mut() = Pending::default();
            self.dead.drain(..).for_each(|slot| self.rows.release(slot));
        }
        true
    }

    fn begin_graph(&mut self) {
        let mut graph = Graph::new();
        graph.cover(self.rows.slots());
        self.graph = Some(graph);
        let pending = self.pending.get_mut();
        self.rows.live_slots().for_each(|slot| pending.add(slot));
    }

    /// Removed rows that wait for [`Graph::lead_around`].
    pub(crate) fn dead(&self) -> usize {
        self.dead.len()
    }

    /// Takes all of them out: the caller hands each to [`Self::bury`] in the end.
    pub(crate) fn take_dead(&mut self) -> Dead {
        self.dead.drain(..).collect()
    }

    /// Lets slots be used anew that nothing links to any more.
    pub(crate) fn bury(&mut self, slots: &[Slot]) {
        for slot in slots {
            if let Some(graph) = &mut self.graph {
                graph.forget(*slot);
            }
            self.rows.release(*slot);
        }
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
            + self.graph.as_ref().map_or(0, Graph::memory_bytes)
            + self.pending.lock().memory_bytes()
            + self.dead.capacity() * size_of::<Slot>()
    }
}

/// Rows that are to be linked, in the order they came.
#[derive(Default)]
pub(crate) struct Pending {
    queue: VecDeque<Slot>,
    members: Vec<Slot>,
    /// By slot: where it stands in `members`, plus one; 0 if it does not.
    places: Vec<u32>,
}

impl Pending {
    fn add(&mut self, slot: Slot) {
        let at = slot as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, 0);
        }
        if self.places[at] == 0 {
            self.members.push(slot);
            self.places[at] = self.members.len() as u32;
            self.queue.push_back(slot);
        }
    }

    /// Takes a row off, because it is linked or gone.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(place) = self.places.get_mut(slot as usize) else { return };
        let place = std::mem::take(place) as usize;
        if place > 0 {
            self.members.swap_remove(place - 1);
            if let Some(moved) = self.members.get(place - 1) {
                self.places[*moved as usize] = place as u32;
            }
        }
    }

    /// The next row to be linked, for this caller alone; it stays one of [`Self::members`] until it is
    /// [`Self::remove`]d.
    pub(crate) fn next(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queue.pop_front() {
            if self.places[slot as usize] > 0 {
                return Some(slot);
            }
        }
        None
    }

    /// Rows not linked yet, in no order.
    pub(crate) fn members(&self) -> &[Slot] {
        &self.members
    }

    fn memory_bytes(&self) -> usize {
        (self.queue.capacity() + self.members.capacity() + self.places.capacity()) * size_of::<Slot>()
    }
}
