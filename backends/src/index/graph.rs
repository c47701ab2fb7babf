//! A navigable small world in layers over the int8 codes: near vectors without looking at all.
//!
//! Source: Malkov and Yashunin, 2018 (HNSW). Links are atomics, so that searches and insertions run beside
//! each other under one shared lock of the rows: a list that is read while it changes is a mix of two valid
//! ones. A removed vector stays as a waypoint until [`repair`] has led all links around it.

mod insert;
mod repair;
mod search;
mod twins;

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use parking_lot::Mutex;

pub(crate) use super::quantise::Probe;
use super::random::SplitMix;
use super::rows::{SEGMENT_SLOTS, Slot};

pub(crate) use self::repair::Dead;
pub(crate) use self::search::{Scratch, Sought};
use self::twins::Twins;

/// Links of a vector in the upper layers; the bottom layer has twice as many.
const LINKS: usize = 16;
/// Links in the bottom layer.
const LINKS_BASE: usize = 2 * LINKS;
/// Candidates looked at for the links of a new vector.
const BUILD_WIDTH: usize = 96;
/// Layers above the bottom; enough for 16^8 vectors.
const LEVEL_MAX: usize = 7;
/// Locks on lists of links: a list is changed by one thread at a time.
const STRIPES: usize = 1024;
/// No link.
const NONE: Slot = Slot::MAX;

/// Links lead to the slot, or may.
const LINKED: u8 = 1;
/// As a linked one it stands for others.
const HAS_TWINS: u8 = 2;
/// A linked one stands for it.
const TWIN: u8 = 4;

/// Links between slots.
pub(crate) struct Graph {
    base: Vec<Box<[AtomicU32]>>,
    /// By slot, for the few that stand in upper layers: the lists of layers 1, 2, …
    upper: Vec<Box<[AtomicU32]>>,
    /// By slot: [`LINKED`], [`HAS_TWINS`], [`TWIN`], or none of them.
    states: Vec<AtomicU8>,
    twins: Mutex<Twins>,
    hasher: ahash::RandomState,
    entry: Mutex<Option<Slot>>,
    stripes: Box<[Mutex<()>]>,
}

impl Graph {
    pub(crate) fn new() -> Self {
        Self {
            base: Vec::new(),
            upper: Vec::new(),
            states: Vec::new(),
            twins: Mutex::default(),
            hasher: ahash::RandomState::new(),
            entry: Mutex::new(None),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Makes room for links of all `slots`.
    pub(crate) fn cover(&mut self, slots: usize) {
        while self.states.len() < slots {
            if self.states.len() == self.base.len() * SEGMENT_SLOTS {
                self.base.push(no_links(SEGMENT_SLOTS * LINKS_BASE));
            }
            let level = drawn_level(self.states.len() as Slot);
            self.upper.push(no_links(level * LINKS));
            self.states.push(AtomicU8::new(0));
        }
    }

    /// Whether links lead to the slot, or may.
    pub(crate) fn is_linked(&self, slot: Slot) -> bool {
        self.state(slot) & LINKED != 0
    }

    /// Whether searches through the graph find the slot.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.state(slot) & (LINKED | TWIN) != 0
    }

    fn state(&self, slot: Slot) -> u8 {
        self.states.get(slot as usize).map_or(0, |state| state.load(Ordering::Acquire))
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        let upper: usize = self.upper.iter().map(|lists| lists.len() * size_of::<AtomicU32>()).sum();
        let per_slot = size_of::<Box<[AtomicU32]>>() + size_of::<AtomicU8>();
        self.base.len() * SEGMENT_SLOTS * LINKS_BASE * size_of::<AtomicU32>()
            + upper
            + self.twins_memory_bytes()
            + self.states.capacity() * per_slot
    }

    fn links(&self, slot: Slot, level: usize) -> &[AtomicU32] {
        let slot = slot as usize;
        if level == 0 {
            let at = slot % SEGMENT_SLOTS * LINKS_BASE;
            &self.base[slot / SEGMENT_SLOTS][at..at + LINKS_BASE]
        } else {
            // A slot linked in a layer stands in it; anything else is an empty list.
            self.upper[slot].get((level - 1) * LINKS..level * LINKS).unwrap_or(&[])
        }
    }

    fn neighbours(&self, slot: Slot, level: usize) -> impl Iterator<Item = Slot> + '_ {
        self.links(slot, level)
            .iter()
            .map(|link| link.load(Ordering::Relaxed))
            .take_while(|link| *link != NONE)
    }

    /// Replaces a list; the caller holds its stripe.
    fn set_links(&self, slot: Slot, level: usize, to: &[Slot]) {
        for (at, link) in self.links(slot, level).iter().enumerate() {
            link.store(to.get(at).copied().unwrap_or(NONE), Ordering::Relaxed);
        }
    }

    fn stripe(&self, slot: Slot) -> &Mutex<()> {
        &self.stripes[slot as usize % STRIPES]
    }

    fn entry(&self) -> Option<Slot> {
        *self.entry.lock()
    }

    /// The topmost layer that the slot stands in.
    fn level(&self, slot: Slot) -> usize {
        self.upper[slot as usize].len() / LINKS
    }
}

fn no_links(count: usize) -> Box<[AtomicU32]> {
    (0..count).map(|_| AtomicU32::new(NONE)).collect()
}

/// The topmost layer for a slot: each holds one in [`LINKS`] of the one below.
fn drawn_level(slot: Slot) -> usize {
    let uniform = SplitMix::new(u64::from(slot)).unit();
    ((-uniform.ln() / (LINKS as f32).ln()) as usize).min(LEVEL_MAX)
}

/// A similarity and a slot in one number that orders by the former.
fn ranked(similarity: f32, slot: Slot) -> u64 {
    let bits = similarity.to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(slot)
}

fn slot_of(ranked: u64) -> Slot {
    ranked as u32
}

/// What [`ranked`] was made of.
fn unranked(ranked: u64) -> (f32, Slot) {
    let ordered = (ranked >> 32) as u32;
    let bits = if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered };
    (f32::from_bits(bits), slot_of(ranked))
}

#[cfg(test)]
mod tests;
