//! The best few of many, ties in order of ids.

use std::cmp::Ordering;

use super::rows::Slot;

/// Keeps the `want` best of what is offered.
///
/// Candidates are gathered up to twice the number wanted, then cut by selection: cheaper than a heap where
/// most candidates are refused by the floor, and ties are compared only at the cut.
pub(crate) struct Top {
    want: usize,
    found: Vec<(f32, Slot)>,
    floor: f32,
}

impl Top {
    /// Keeps `want`, at least one.
    pub(crate) fn new(want: usize) -> Self {
        let want = want.max(1);
        Self {
            want,
            found: Vec::with_capacity(want.saturating_mul(2).min(1 << 16)),
            floor: f32::NEG_INFINITY,
        }
    }

    /// What a score must reach to be kept.
    #[inline]
    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    /// Takes a candidate whose score reaches the floor; `by_id` orders slots of equal scores.
    pub(crate) fn offer(&mut self, score: f32, slot: Slot, by_id: impl Fn(Slot, Slot) -> Ordering) {
        if score >= self.floor {
            self.found.push((score, slot));
            if self.found.len() >= self.want.saturating_mul(2) {
                self.cut(by_id);
            }
        }
    }

    /// The best, in no order.
    pub(crate) fn finish(mut self, by_id: impl Fn(Slot, Slot) -> Ordering) -> Vec<(f32, Slot)> {
        self.cut(by_id);
        self.found
    }

    fn cut(&mut self, by_id: impl Fn(Slot, Slot) -> Ordering) {
        if self.found.len() > self.want {
            let best_first =
                |a: &(f32, Slot), b: &(f32, Slot)| b.0.total_cmp(&a.0).then_with(|| by_id(a.1, b.1));
            self.found.select_nth_unstable_by(self.want - 1, best_first);
            self.found.truncate(self.want);
            self.floor = self.found[self.want - 1].0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keeps_what_a_sort_would(
            scores in proptest::collection::vec(0_u8..6, 0..200),
            want in 1_usize..20,
        ) {
            // Slots count down, so that order of ids and order of arrival differ.
            let scored: Vec<(f32, Slot)> =
                scores.iter().enumerate().map(|(i, s)| (f32::from(*s), 1000 - i as Slot)).collect();
            let mut top = Top::new(want);
            for (score, slot) in &scored {
                top.offer(*score, *slot, |a, b| a.cmp(&b));
            }
            let mut found = top.finish(|a, b| a.cmp(&b));
            let order = |a: &(f32, Slot), b: &(f32, Slot)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            found.sort_by(order);
            let mut expected = scored;
            expected.sort_by(order);
            expected.truncate(want);
            prop_assert_eq!(found, expected);
        }
    }
}
