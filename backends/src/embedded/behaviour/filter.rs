//! Which events are certainly new: a Bloom filter over all that are stored.
//!
//! Nearly every event is new, and asking the engine so costs a search in each of its layers; the filter costs a
//! cache line. Source: Putze, Sanders and Singler, 2007 (blocked Bloom filters).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use fjall::Keyspace;
use parking_lot::RwLock;

/// Ids of the first part; each further part holds twice as many.
const FIRST_IDS: usize = 1 << 19;
/// Bits for an id: about one in a hundred that is new is asked about all the same.
const BITS_PER_ID: usize = 12;
/// Bits set for an id, all in one block.
const BITS_SET: u32 = 6;
/// Words of a block: one cache line.
const BLOCK_WORDS: usize = 8;

/// Says of a trace id whether it may be stored.
pub(super) struct TraceFilter {
    parts: Arc<Parts>,
    loader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Parts {
    /// The last one is being filled.
    all: RwLock<Vec<Part>>,
    /// Whether all that was stored before is in.
    is_complete: AtomicBool,
    is_closing: AtomicBool,
}

struct Part {
    blocks: Box<[[AtomicU64; BLOCK_WORDS]]>,
    room: AtomicU64,
}

impl TraceFilter {
    /// A filter that reads what `traces` holds on a thread of its own; until it has, every id may be stored.
    pub(super) fn over(traces: Keyspace) -> std::io::Result<Self> {
        let parts = Arc::new(Parts::default());
        let shared = Arc::clone(&parts);
        let loader = std::thread::Builder::new()
            .name("rep-trace-filter".into())
            .spawn(move || shared.load(&traces))?;
        Ok(Self { parts, loader: Some(loader) })
    }

    /// Whether the id may be stored; `false` is certain.
    pub(super) fn may_hold(&self, trace: &[u8; 16]) -> bool {
        !self.parts.is_complete.load(Ordering::Acquire)
            || self.parts.all.read().iter().any(|part| part.may_hold(trace))
    }

    /// To be told before the id is stored.
    pub(super) fn insert(&self, trace: &[u8; 16]) {
        self.parts.insert(trace);
    }
}

impl Drop for TraceFilter {
    /// Waits for the thread, which holds the database.
    fn drop(&mut self) {
        self.parts.is_closing.store(true, Ordering::Relaxed);
        if let Some(loader) = self.loader.take()
            && loader.join().is_err()
        {
            tracing::error!("the loader of the trace filter panicked");
        }
    }
}

impl Parts {
    fn load(&self, traces: &Keyspace) {
        for entry in traces.iter() {
            if self.is_closing.load(Ordering::Relaxed) {
                return;
            }
            // Without the filter all is as right, and slower.
            let Ok(key) = entry.key() else {
                tracing::error!("stored trace ids cannot be read; each will be asked for");
                return;
            };
            if let Ok(trace) = <[u8; 16]>::try_from(&key[..]) {
                self.insert(&trace);
            }
        }
        self.is_complete.store(true, Ordering::Release);
    }

    fn insert(&self, trace: &[u8; 16]) {
        loop {
            let parts = self.all.read();
            if parts.last().is_some_and(|part| part.insert(trace)) {
                return;
            }
            let full = parts.len();
            drop(parts);
            let mut parts = self.all.write();
            if parts.len() == full {
                parts.push(Part::for_ids(FIRST_IDS << full));
            }
        }
    }
}

impl Part {
    fn for_ids(ids: usize) -> Self {
        let blocks = ids * BITS_PER_ID / (64 * BLOCK_WORDS);
        Self { blocks: (0..blocks).map(|_| Default::default()).collect(), room: AtomicU64::new(ids as u64) }
    }

    /// Whether there was room.
    fn insert(&self, trace: &[u8; 16]) -> bool {
        let took = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        if took.is_ok() {
            let (block, bits) = self.place(trace);
            bits.for_each(|(word, bit)| {
                block[word].fetch_or(bit, Ordering::Relaxed);
            });
        }
        took.is_ok()
    }

    fn may_hold(&self, trace: &[u8; 16]) -> bool {
        let (block, mut bits) = self.place(trace);
        bits.all(|(word, bit)| block[word].load(Ordering::Relaxed) & bit != 0)
    }

    /// The id's block, and which bits of which words are its own. The id is a hash already: its first half
    /// chooses the block, nine bits each of its second half, well mixed, choose a bit.
    fn place(&self, trace: &[u8; 16]) -> (&[AtomicU64; BLOCK_WORDS], impl Iterator<Item = (usize, u64)>) {
        let (first, second) = trace.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let at = (u128::from(number(first)) * self.blocks.len() as u128) >> 64;
        let mut seed = (number(second) ^ number(first).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        seed ^= seed >> 29;
        let bits = (0..BITS_SET).map(move |i| {
            let bit = seed >> (9 * i) & 511;
            ((bit >> 6) as usize, 1 << (bit & 63))
        });
        (&self.blocks[at as usize], bits)
    }
}

#[cfg(test)]
mod tests {
    use rep_core::{EventId, TraceId, UserId};

    use super::*;

    fn trace(number: usize) -> [u8; 16] {
        let trace_id = &TraceId::new(format!("trace-{number}")).unwrap();
        EventId { user_id: &UserId::new("u").unwrap(), trace_id }.key().0
    }

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let parts = Parts { is_complete: AtomicBool::new(true), ..Parts::default() };
        let count = FIRST_IDS + FIRST_IDS / 2;
        (0..count).for_each(|number| parts.insert(&trace(number)));
        let filter = TraceFilter { parts: Arc::new(parts), loader: None };
        assert!((0..count).all(|number| filter.may_hold(&trace(number))));
        let wrong = (count..count + 100_000).filter(|number| filter.may_hold(&trace(*number))).count();
        assert!(wrong < 3_000, "{wrong} of 100,000 new ones are taken for known");
    }

    #[test]
    fn until_it_is_loaded_everything_may_be_known() {
        let filter = TraceFilter { parts: Arc::default(), loader: None };
        assert!(filter.may_hold(&trace(1)));
    }
}
