//! The index of vectors: who is nearest, of those that pass a filter.

use parking_lot::RwLock;
use rep_core::{Product, ProductFilter, ProductId, UnitVector};

use super::exact::{self, SCAN_SLOTS, Search};
use super::kernel::Kernel;
use super::quantise::Quantised;
use super::rows::Rows;

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

/// Vectors in memory, found by cosine.
///
/// A write is seen by every search that begins after it. Searches run beside each other; a write waits for
/// those under way, at most about half a millisecond, and takes microseconds itself.
pub struct VectorIndex {
    dimensions: usize,
    rows: RwLock<Rows>,
}

impl VectorIndex {
    /// An empty index of vectors of `dimensions`.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, rows: RwLock::new(Rows::new(dimensions, Kernel::detected())) }
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
        self.rows.read().live()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.rows.read().memory_bytes()
    }

    /// Sets the vector of `product`.
    pub fn upsert(&self, product: &Product, vector: UnitVector) -> Result<(), WidthError> {
        self.check(&vector)?;
        let codes = Quantised::of(vector.as_slice());
        let mut rows = self.rows.write();
        if let Some(old) = rows.remove(&product.product_id) {
            rows.release(old);
        }
        let fields = rows.categories().fields(product);
        rows.insert(product.product_id.clone(), vector, &codes, fields);
        Ok(())
    }

    /// Tells the index that price, stock or category may have changed; without a vector nothing happens.
    pub fn refresh(&self, product: &Product) {
        let mut rows = self.rows.write();
        if let Some(slot) = rows.slot_of(&product.product_id) {
            let fields = rows.categories().fields(product);
            rows.set_fields(slot, fields);
        }
    }

    /// Removes a vector; whether there was one.
    pub fn remove(&self, id: &ProductId) -> bool {
        let mut rows = self.rows.write();
        let removed = rows.remove(id);
        if let Some(slot) = removed {
            rows.release(slot);
        }
        removed.is_some()
    }

    /// The vector of a product, as it was set.
    pub fn vector(&self, id: &ProductId) -> Option<UnitVector> {
        let rows = self.rows.read();
        rows.vector(rows.slot_of(id)?).cloned()
    }

    /// Whether [`Self::nearest`] takes about half a millisecond or less: then it may run where others wait.
    pub fn is_quick(&self, filter: &ProductFilter) -> bool {
        let rows = self.rows.read();
        match rows.criteria(filter) {
            None => true,
            Some(criteria) => {
                criteria.category.map_or(rows.slots(), |category| rows.of_category(category).len())
                    <= SCAN_SLOTS
            }
        }
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
        Ok(exact::in_parts(&self.rows, &search).unwrap_or_else(|| exact::at_once(&self.rows.read(), &search)))
    }
}
