//! Vectors in slots: int8 codes side by side for scans, f32 for the last word, fields for filters.

use std::cmp::Ordering;
use std::collections::HashMap;

use rep_core::{ProductFilter, ProductId, UnitVector};

use super::fields::{Categories, Criteria, Fields};
use super::kernel::{DOTS_MAX, Kernel, Line, dots, lines_for, prefetch, prefetch_one};
use super::quantise::{Probe, Quantised};
use super::top::Top;

/// Number of a vector's place; given anew once its vector has gone and nothing points to it.
pub(crate) type Slot = u32;

/// Slots that are allocated together: growing never moves codes. 3 MiB at 768 dimensions.
pub(crate) const SEGMENT_SLOTS: usize = 16384;

/// All vectors of an index.
pub(crate) struct Rows {
    kernel: Kernel,
    lines: usize,
    codes: Vec<Box<[Line]>>,
    scales: Vec<f32>,
    fields: Vec<Fields>,
    vectors: Vec<Option<UnitVector>>,
    ids: Vec<Option<ProductId>>,
    /// When the slot was last filled, as a number of [`Self::version`].
    filled: Vec<u64>,
    /// A bit for each slot that may be found: what a walk through the graph asks most.
    live: Vec<u64>,
    /// Where the slot stands in its category's list.
    places: Vec<u32>,
    by_category: Vec<Vec<Slot>>,
    categories: Categories,
    slot_of: HashMap<ProductId, Slot, ahash::RandomState>,
    free: Vec<Slot>,
    version: u64,
}

impl Rows {
    /// No rows, for vectors of `dimensions`.
    pub(crate) fn new(dimensions: usize, kernel: Kernel) -> Self {
        Self {
            kernel,
            lines: lines_for(dimensions),
            codes: Vec::new(),
            scales: Vec::new(),
            fields: Vec::new(),
            vectors: Vec::new(),
            ids: Vec::new(),
            filled: Vec::new(),
            live: Vec::new(),
            places: Vec::new(),
            by_category: Vec::new(),
            categories: Categories::default(),
            slot_of: HashMap::default(),
            free: Vec::new(),
            version: 0,
        }
    }

    /// Vectors that may be found.
    pub(crate) fn live(&self) -> usize {
        self.slot_of.len()
    }

    /// Slots in use or once used: `0..slots()` are valid.
    pub(crate) fn slots(&self) -> usize {
        self.ids.len()
    }

    /// Grows with each vector that is put in.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Slots filled after `version`.
    pub(crate) fn filled_since(&self, version: u64) -> Vec<Slot> {
        let filled = self.filled.iter().enumerate();
        filled.filter(|(_, at)| **at > version).map(|(slot, _)| slot as Slot).collect()
    }

    pub(crate) fn categories(&mut self) -> &mut Categories {
        &mut self.categories
    }

    pub(crate) fn criteria(&self, filter: &ProductFilter) -> Option<Criteria> {
        self.categories.criteria(filter)
    }

    /// Slots of a category, in no order.
    pub(crate) fn of_category(&self, category: u32) -> &[Slot] {
        self.by_category.get(category as usize).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn slot_of(&self, id: &ProductId) -> Option<Slot> {
        self.slot_of.get(id).copied()
    }

    pub(crate) fn id(&self, slot: Slot) -> Option<&ProductId> {
        self.ids[slot as usize].as_ref()
    }

    pub(crate) fn vector(&self, slot: Slot) -> Option<&UnitVector> {
        self.vectors[slot as usize].as_ref()
    }

    pub(crate) fn fields(&self, slot: Slot) -> &Fields {
        &self.fields[slot as usize]
    }

    pub(crate) fn scale(&self, slot: Slot) -> f32 {
        self.scales[slot as usize]
    }

    /// The codes of a slot, also of one whose vector was removed.
    #[inline]
    pub(crate) fn codes(&self, slot: Slot) -> &[Line] {
        let slot = slot as usize;
        let at = slot % SEGMENT_SLOTS * self.lines;
        &self.codes[slot / SEGMENT_SLOTS][at..at + self.lines]
    }

    /// The same, with its scale.
    pub(crate) fn probe(&self, slot: Slot) -> Probe<'_> {
        Probe { codes: self.codes(slot), scale: self.scale(slot) }
    }

    /// Puts a vector that is not there yet into a slot.
    pub(crate) fn insert(
        &mut self,
        id: ProductId,
        vector: UnitVector,
        codes: &Quantised,
        fields: Fields,
    ) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let at = slot as usize % SEGMENT_SLOTS * self.lines;
        self.codes[slot as usize / SEGMENT_SLOTS][at..at + self.lines].copy_from_slice(&codes.codes);
        self.version += 1;
        let at = slot as usize;
        self.scales[at] = codes.scale;
        self.vectors[at] = Some(vector);
        self.filled[at] = self.version;
        self.slot_of.insert(id.clone(), slot);
        self.ids[at] = Some(id);
        self.live[at / 64] |= 1 << (at % 64);
        self.enter(slot, fields);
        slot
    }

    /// Takes a vector out of every search; its codes stay until the slot is [`Self::release`]d.
    pub(crate) fn remove(&mut self, id: &ProductId) -> Option<Slot> {
        let slot = self.slot_of.remove(id)?;
        self.leave(slot);
        self.live[slot as usize / 64] &= !(1 << (slot % 64));
        self.ids[slot as usize] = None;
        self.vectors[slot as usize] = None;
        Some(slot)
    }

    /// Lets a removed slot be used anew.
    pub(crate) fn release(&mut self, slot: Slot) {
        debug_assert!(self.ids[slot as usize].is_none(), "a slot in use was released");
        self.free.push(slot);
    }

    /// Changes what filters see of a slot in use.
    pub(crate) fn set_fields(&mut self, slot: Slot, fields: Fields) {
        if self.fields[slot as usize].category == fields.category {
            self.fields[slot as usize] = fields;
        } else {
            self.leave(slot);
            self.enter(slot, fields);
        }
    }

    fn grow(&mut self) -> Slot {
        let slot = self.ids.len();
        if slot == self.codes.len() * SEGMENT_SLOTS {
            self.codes.push(vec![Line::ZERO; SEGMENT_SLOTS * self.lines].into_boxed_slice());
        }
        self.scales.push(0.0);
        self.fields.push(Fields::NOTHING);
        self.vectors.push(None);
        self.ids.push(None);
        self.filled.push(0);
        self.live.resize(slot / 64 + 1, 0);
        self.places.push(0);
        slot as Slot
    }

    fn enter(&mut self, slot: Slot, fields: Fields) {
        let category = fields.category as usize;
        if self.by_category.len() <= category {
            self.by_category.resize_with(category + 1, Vec::new);
        }
        self.places[slot as usize] = self.by_category[category].len() as u32;
        self.by_category[category].push(slot);
        self.fields[slot as usize] = fields;
    }

    fn leave(&mut self, slot: Slot) {
        let list = &mut self.by_category[self.fields[slot as usize].category as usize];
        let place = self.places[slot as usize];
        list.swap_remove(place as usize);
        if let Some(moved) = list.get(place as usize) {
            self.places[*moved as usize] = place;
        }
        self.fields[slot as usize] = Fields::NOTHING;
    }

    /// Whether the slot holds a vector that may be found.
    pub(crate) fn is_live(&self, slot: Slot) -> bool {
        self.live[slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    /// Slots that may be found.
    pub(crate) fn live_slots(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.slots() as Slot).filter(|slot| self.is_live(*slot))
    }

    /// Fills `similarities` with those of `slots`, in their order.
    pub(crate) fn similarities(&self, probe: Probe<'_>, slots: &[Slot], similarities: &mut Vec<f32>) {
        similarities.clear();
        for slots in slots.chunks(DOTS_MAX) {
            let mut batch: [&[Line]; DOTS_MAX] = [&[]; DOTS_MAX];
            let mut dotted = [0; DOTS_MAX];
            for (row, slot) in batch.iter_mut().zip(slots) {
                *row = self.codes(*slot);
            }
            dots(self.kernel, probe.codes, &batch[..slots.len()], &mut dotted);
            let scaled =
                slots.iter().zip(dotted).map(|(slot, dot)| dot as f32 * probe.scale * self.scale(*slot));
            similarities.extend(scaled);
        }
    }

    /// Order of the ids of two slots; slots without an id come last.
    pub(crate) fn by_id(&self, a: Slot, b: Slot) -> Ordering {
        match (self.id(a), self.id(b)) {
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    /// Whether the slot holds a vector that passes the whole filter.
    pub(crate) fn admits(&self, slot: Slot, criteria: &Criteria, filter: &ProductFilter) -> bool {
        criteria.admit(self.fields(slot))
            && self.id(slot).is_some_and(|id| filter.exclude.is_empty() || !filter.exclude.contains(id))
    }

    /// Offers to `top` each of `slots` that passes, by its approximate cosine to `query`.
    pub(crate) fn scan(
        &self,
        slots: impl Iterator<Item = Slot>,
        query: &Quantised,
        (criteria, filter): (&Criteria, &ProductFilter),
        top: &mut Top,
    ) {
        self.scan_passing(slots.filter(|slot| criteria.admit(self.fields(*slot))), query, filter, top);
    }

    /// The same for slots whose fields are known to pass. While one batch is compared the memory of the next is on
    /// its way.
    pub(crate) fn scan_passing(
        &self,
        slots: impl Iterator<Item = Slot>,
        query: &Quantised,
        filter: &ProductFilter,
        top: &mut Top,
    ) {
        let [mut coming, mut here] = [Batch::EMPTY; 2];
        for slot in slots {
            let row = self.codes(slot);
            prefetch(row);
            prefetch_one(&self.scales[slot as usize]);
            coming.push(slot, row);
            if coming.len == DOTS_MAX {
                self.offer(&here, query, filter, top);
                here = std::mem::replace(&mut coming, Batch::EMPTY);
            }
        }
        self.offer(&here, query, filter, top);
        self.offer(&coming, query, filter, top);
    }

    fn offer(&self, batch: &Batch<'_>, query: &Quantised, filter: &ProductFilter, top: &mut Top) {
        let mut dotted = [0; DOTS_MAX];
        dots(self.kernel, &query.codes, &batch.rows[..batch.len], &mut dotted);
        for (slot, dot) in batch.slots[..batch.len].iter().zip(dotted) {
            let score = dot as f32 * self.scale(*slot) * query.scale;
            if score >= top.floor() {
                let excluded = !filter.exclude.is_empty()
                    && self.id(*slot).is_some_and(|id| filter.exclude.contains(id));
                if !excluded {
                    top.offer(score, *slot, |a, b| self.by_id(a, b));
                }
            }
        }
    }

    /// The cosine to `query` of each candidate that still passes, by f32; best first, equals in order of
    /// ids.
    pub(crate) fn rescore(
        &self,
        candidates: impl Iterator<Item = Slot>,
        query: &UnitVector,
        (criteria, filter): (&Criteria, &ProductFilter),
    ) -> Vec<(f32, Slot)> {
        let mut scored: Vec<(f32, Slot)> = candidates
            .filter(|slot| self.admits(*slot, criteria, filter))
            // Adding zero makes -0 and 0 equal.
            .filter_map(|slot| Some((self.vector(slot)?.cosine(query) + 0.0, slot)))
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| self.by_id(a.1, b.1)));
        scored
    }

    /// Bytes on the heap; hash maps and lists by their capacity.
    pub(crate) fn memory_bytes(&self) -> usize {
        let dimensions = self.vectors.iter().flatten().next().map_or(0, UnitVector::dimensions);
        // An `Arc<[f32]>` carries two counters before the numbers; a text of over 23 bytes is on the heap.
        let vectors = self.live() * (dimensions * 4 + 16);
        let texts = |id: &ProductId| if id.as_str().len() > 23 { id.as_str().len() + 16 } else { 0 };
        let per_slot = size_of::<f32>()
            + size_of::<Fields>()
            + size_of::<Option<UnitVector>>()
            + size_of::<Option<ProductId>>()
            + size_of::<u64>()
            + size_of::<u32>();
        self.codes.len() * SEGMENT_SLOTS * self.lines * size_of::<Line>()
            + vectors
            + self.ids.capacity() * per_slot
            + self.ids.iter().flatten().map(texts).sum::<usize>()
            + self.slot_of.capacity() * (size_of::<(ProductId, Slot)>() + 1)
            + self.by_category.iter().map(|list| list.capacity() * size_of::<Slot>()).sum::<usize>()
            + self.free.capacity() * size_of::<Slot>()
    }
}

#[derive(Clone, Copy)]
struct Batch<'a> {
    slots: [Slot; DOTS_MAX],
    rows: [&'a [Line]; DOTS_MAX],
    len: usize,
}

impl<'a> Batch<'a> {
    const EMPTY: Self = Self { slots: [0; DOTS_MAX], rows: [&[]; DOTS_MAX], len: 0 };

    fn push(&mut self, slot: Slot, row: &'a [Line]) {
        self.slots[self.len] = slot;
        self.rows[self.len] = row;
        self.len += 1;
    }
}
