//! Items on their way, bounded in number and bytes.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// Most bytes of a batch's body, and of the records it was made of.
pub(super) const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is sent of a record.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// As the API takes it, in one line.
    pub(super) json: Vec<u8>,
    /// Of an event that has no time: the hash of its shopper.
    pub(super) untimed: Option<u128>,
}

/// An item and the record it comes from.
#[derive(Debug)]
pub(super) struct Item {
    /// The record's number.
    pub(super) line: u64,
    /// The record's bytes, for the report if the API refuses it.
    pub(super) raw: Vec<u8>,
    untimed: Option<u128>,
    body: Range<usize>,
}

/// Items as NDJSON.
#[derive(Debug, Default)]
pub(super) struct Batch {
    items: Vec<Item>,
    body: Vec<u8>,
    raw_bytes: usize,
}

impl Batch {
    /// Whether an item can be added; an empty batch takes any.
    pub(super) fn fits(&self, raw: &[u8], json: &[u8], items_max: usize) -> bool {
        self.items.is_empty()
            || (self.items.len() < items_max
                && self.body.len() + json.len() < BATCH_BYTES_MAX
                && self.raw_bytes + raw.len() <= BATCH_BYTES_MAX)
    }

    /// Adds an item.
    pub(super) fn push(&mut self, line: u64, raw: Vec<u8>, json: &[u8], untimed: Option<u128>) {
        let start = self.body.len();
        self.body.extend_from_slice(json);
        self.body.push(b'\n');
        self.raw_bytes += raw.len();
        self.items.push(Item { line, raw, untimed, body: start..self.body.len() });
    }

    /// The NDJSON of all items.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// How far before the present the API puts the first of those that have no time: it gives those of a shopper a
    /// millisecond each. Zero if all have one.
    pub(super) fn reaches_back(&self) -> Duration {
        let mut of_shopper: HashMap<u128, u64> = HashMap::new();
        for shopper in self.items.iter().filter_map(|item| item.untimed) {
            *of_shopper.entry(shopper).or_default() += 1;
        }
        Duration::from_millis(of_shopper.into_values().max().unwrap_or(0))
    }

    /// The items in their order.
    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// The first and the last record's number.
    pub(super) fn lines(&self) -> Option<(u64, u64)> {
        Some((self.items.first()?.line, self.items.last()?.line))
    }

    /// Two batches of one half each.
    pub(super) fn halves(self) -> (Self, Self) {
        let half = self.items.len() / 2;
        self.partition(|index| index < half)
    }

    /// Those items whose index is `chosen`, and the others.
    pub(super) fn partition(self, chosen: impl Fn(usize) -> bool) -> (Self, Self) {
        let (mut first, mut second) = (Self::default(), Self::default());
        for (index, item) in self.items.into_iter().enumerate() {
            let target = if chosen(index) { &mut first } else { &mut second };
            let json = &self.body[item.body.start..item.body.end - 1];
            target.push(item.line, item.raw, json, item.untimed);
        }
        (first, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_reaches_back_as_far_as_its_shopper_with_most_events_without_a_time() {
        let mut batch = Batch::default();
        assert_eq!(batch.reaches_back(), Duration::ZERO);
        for untimed in [None, Some(1), Some(2), None, Some(1), None, Some(1)] {
            batch.push(1, Vec::new(), b"{}", untimed);
        }
        assert_eq!(batch.reaches_back(), Duration::from_millis(3));
        let (first, second) = batch.halves();
        assert_eq!((first.reaches_back().as_millis(), second.reaches_back().as_millis()), (1, 2));
    }

    #[test]
    fn bounds_hold_and_halves_are_whole() {
        let mut batch = Batch::default();
        for line in 1..=5 {
            assert!(batch.fits(b"raw", b"{}", 5));
            batch.push(line, b"raw".to_vec(), format!("{{\"n\":{line}}}").as_bytes(), None);
        }
        assert!(!batch.fits(b"raw", b"{}", 5));
        assert!(!batch.fits(b"raw", &vec![b'x'; BATCH_BYTES_MAX], 9));
        assert!(!batch.fits(&vec![b'x'; BATCH_BYTES_MAX], b"{}", 9));
        assert!(Batch::default().fits(b"", &vec![b'x'; BATCH_BYTES_MAX + 1], 1));
        let whole = batch.body().to_vec();
        let (first, second) = batch.halves();
        assert_eq!((first.lines(), second.lines()), (Some((1, 2)), Some((3, 5))));
        assert_eq!([first.body(), second.body()].concat(), whole);
    }
}
