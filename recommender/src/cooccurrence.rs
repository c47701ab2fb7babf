//! What goes with what: of each item the items that the same shoppers liked, kept one event at a time.
//!
//! Sources: Sarwar et al., "Item-based collaborative filtering recommendation algorithms", 2001 (the cosine); Bell and Koren,
//! "Scalable collaborative filtering with jointly derived neighborhood interpolation weights", 2007 (shrinkage); Cormode et
//! al., "Forward decay", 2009 (weights that grow with time instead of sums that shrink).

use std::collections::HashMap;

use ahash::RandomState;
use serde::{Deserialize, Serialize};

use crate::log::{Log, Past, latest_liked};

/// How co-occurrence is kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CooccurrenceRules {
    /// Most neighbours kept of an item; twice as many between two evictions. Evicted are those seen together least.
    pub neighbours_max: usize,
    /// Most items, the latest liked, that a new one is counted together with.
    pub window: usize,
    /// Likes between two items at which the later one counts half as what *comes next*.
    pub next_half_life: f32,
    /// Likes that every pair lacks: pairs seen once or twice say little.
    pub shrinkage: f32,
    /// Seconds in which an event loses half of its weight; none: it never does.
    pub half_life_seconds: Option<f64>,
}

impl Default for CooccurrenceRules {
    fn default() -> Self {
        Self {
            neighbours_max: 512,
            window: 100,
            next_half_life: 2.0,
            shrinkage: 5.0,
            half_life_seconds: None,
        }
    }
}

/// How often two items were liked by the same shopper.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair {
    /// In either order, decayed by time.
    pub together: f32,
    /// The neighbour after the item, decayed by time and by the likes in between.
    pub next: f32,
}

/// Powers of two by which weights may have grown before everything is scaled down.
const GROWN_MAX: f64 = 30.0;

/// Counts of pairs. Memory: at most `16 × 2 × neighbours_max` bytes an item, and hash tables' slack.
#[derive(Clone, Debug)]
pub struct Cooccurrence {
    rules: CooccurrenceRules,
    rows: Vec<HashMap<u32, Pair, RandomState>>,
    likes: Vec<f32>,
    landmark: Option<i64>,
    /// The greatest power of two that a weight had.
    grown: f64,
}

impl Cooccurrence {
    /// Counts of nothing, for `items` items.
    pub fn new(items: usize, rules: CooccurrenceRules) -> Self {
        let row = HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        Self { rules, rows: vec![row; items], likes: vec![0.0; items], landmark: None, grown: 0.0 }
    }

    /// Counts of a whole log.
    pub fn of(log: &Log, rules: CooccurrenceRules) -> Self {
        let mut counts = Self::new(log.items(), rules);
        let histories = log.histories();
        let mut done = vec![0usize; log.shoppers()];
        for event in log.events() {
            let done = &mut done[event.shopper as usize];
            let history = histories.of(event.shopper as usize);
            if event.past.is_liked() {
                counts.observe(&latest_liked(&history[..*done], rules.window), event.past);
            }
            *done += 1;
        }
        counts
    }

    /// Counts that a shopper liked `now.item` after `earlier`, newest first and without repeats, of which the window is
    /// looked at. Nothing is counted if it is among them, or is no like: a pair counts once for a shopper.
    pub fn observe(&mut self, earlier: &[Past], now: Past) {
        let earlier = &earlier[..earlier.len().min(self.rules.window)];
        if !now.is_liked() || earlier.iter().any(|past| past.item == now.item) {
            return;
        }
        let item = now.item as usize;
        if item >= self.rows.len() {
            self.rows.resize_with(item + 1, || HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)));
            self.likes.resize(item + 1, 0.0);
        }
        let weight = self.weight(now.at);
        self.likes[item] += weight;
        for (place, past) in earlier.iter().enumerate() {
            let other = past.item as usize;
            if other >= self.rows.len() {
                continue;
            }
            let next = weight * (-(place as f32) / self.rules.next_half_life).exp2();
            self.add(now.item, past.item, Pair { together: weight, next: 0.0 });
            self.add(past.item, now.item, Pair { together: weight, next });
        }
    }

    fn add(&mut self, of: u32, neighbour: u32, pair: Pair) {
        let row = &mut self.rows[of as usize];
        let known = row.entry(neighbour).or_default();
        known.together += pair.together;
        known.next += pair.next;
        if row.len() > 2 * self.rules.neighbours_max {
            let mut all: Vec<(u32, Pair)> = row.drain().collect();
            all.sort_unstable_by(|(a, x), (b, y)| y.together.total_cmp(&x.together).then(a.cmp(b)));
            row.extend(all.into_iter().take(self.rules.neighbours_max));
        }
    }

    /// The weight of an event at `at`, by which those before it have lost what they should.
    fn weight(&mut self, at: i64) -> f32 {
        let Some(half_life) = self.rules.half_life_seconds else { return 1.0 };
        let landmark = *self.landmark.get_or_insert(at);
        let power = (at - landmark) as f64 / half_life;
        if power <= GROWN_MAX {
            self.grown = self.grown.max(power);
            return power.exp2() as f32;
        }
        let scale = (-power).exp2() as f32;
        for pair in self.rows.iter_mut().flat_map(HashMap::values_mut) {
            pair.together *= scale;
            pair.next *= scale;
        }
        self.likes.iter_mut().for_each(|likes| *likes *= scale);
        self.landmark = Some(at);
        self.grown = 0.0;
        1.0
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.rows.len()
    }

    /// How often the two were seen, in units of an event now; nothing for what was never seen together.
    pub fn pair(&self, item: u32, neighbour: u32) -> Pair {
        let scale = self.scale();
        let pair =
            self.rows.get(item as usize).and_then(|row| row.get(&neighbour)).copied().unwrap_or_default();
        Pair { together: pair.together * scale, next: pair.next * scale }
    }

    fn scale(&self) -> f32 {
        (-self.grown).exp2() as f32
    }

    /// Adds to `scores` how well each item goes with `item`, times `share`: `together / (√(likes likes') + shrinkage)`.
    pub fn add_goes_with(&self, item: u32, share: f32, scores: &mut [f32]) {
        self.add_scores(item, share, scores, |pair| pair.together);
    }

    /// The same of how often each item came soon after `item`.
    pub fn add_comes_next(&self, item: u32, share: f32, scores: &mut [f32]) {
        self.add_scores(item, share, scores, |pair| pair.next);
    }

    fn add_scores(&self, item: u32, share: f32, scores: &mut [f32], counted: fn(&Pair) -> f32) {
        let Some(row) = self.rows.get(item as usize) else { return };
        let shrinkage = self.rules.shrinkage / self.scale();
        let likes = self.likes[item as usize];
        for (neighbour, pair) in row {
            if let Some(score) = scores.get_mut(*neighbour as usize) {
                let norm = (likes * self.likes[*neighbour as usize]).sqrt() + shrinkage;
                *score += share * counted(pair) / norm;
            }
        }
    }

    /// What goes with `item` best, best first, ties by item, at most `max`.
    pub fn goes_with(&self, item: u32, max: usize) -> Vec<(u32, f32)> {
        let mut scores = vec![0.0; self.items()];
        self.add_goes_with(item, 1.0, &mut scores);
        let mut best: Vec<(u32, f32)> =
            (0..).zip(scores).filter(|(other, score)| *score > 0.0 && *other != item).collect();
        best.sort_unstable_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        best.truncate(max);
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::testing::{event, two_tastes};

    fn naive(log: &Log, a: u32, b: u32, half_life: Option<f64>, now: i64) -> f32 {
        let histories = log.histories();
        let weight = |shopper| {
            let first =
                |item| histories.of(shopper).iter().find(|past| past.item == item).map(|past| past.at);
            let at = first(a)?.max(first(b)?);
            Some(half_life.map_or(1.0, |h| (-((now - at) as f64) / h).exp2() as f32))
        };
        (0..histories.shoppers()).filter_map(weight).sum()
    }

    #[test]
    fn pairs_are_what_a_naive_count_gives_decayed_or_not() {
        let log = two_tastes(30, 16, 5, 7);
        let now = log.events().last().unwrap().past.at;
        for half_life_seconds in [None, Some(500.0), Some(20.0)] {
            let rules = CooccurrenceRules { half_life_seconds, ..CooccurrenceRules::default() };
            let counts = Cooccurrence::of(&log, rules);
            for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))).filter(|(a, b)| a != b) {
                let (got, expected) = (counts.pair(a, b).together, naive(&log, a, b, half_life_seconds, now));
                assert!((got - expected).abs() <= 1e-4 * (1.0 + expected), "{a} {b}: {got} {expected}");
            }
        }
    }

    #[test]
    fn what_comes_next_is_counted_in_that_order_only() {
        let log = Log::new(vec![event(0, 0, 1.0, 1), event(0, 1, 1.0, 2), event(0, 2, 1.0, 3)]);
        let counts = Cooccurrence::of(&log, CooccurrenceRules { next_half_life: 1.0, ..Default::default() });
        assert_eq!((counts.pair(0, 1).next, counts.pair(1, 0).next, counts.pair(0, 2).next), (1.0, 0.0, 0.5));
    }

    #[test]
    fn what_goes_together_is_found_and_views_and_repeats_say_nothing() {
        let log = two_tastes(60, 12, 4, 3);
        let counts = Cooccurrence::of(&log, CooccurrenceRules::default());
        assert!(counts.goes_with(0, 20).iter().all(|(item, _)| *item < 6));
        let log = Log::new(vec![
            event(0, 0, 1.0, 1),
            event(0, 1, 1.0, 2),
            event(0, 1, 1.0, 3),
            event(0, 2, 0.1, 4),
        ]);
        let counts = Cooccurrence::of(&log, CooccurrenceRules::default());
        assert_eq!((counts.pair(0, 1).together, counts.pair(0, 2).together), (1.0, 0.0));
    }

    proptest! {
        #[test]
        fn rows_stay_bounded_and_scores_finite(
            items in prop::collection::vec((0u32..40, -1.0f32..2.0, -1_000_000i64..1_000_000), 0..300),
            neighbours_max in 1usize..5,
        ) {
            let rules = CooccurrenceRules { neighbours_max, half_life_seconds: Some(100.0), ..Default::default() };
            let events = items.iter().map(|(item, weight, at)| event(item % 3, *item, *weight, *at)).collect();
            let counts = Cooccurrence::of(&Log::new(events), rules);
            prop_assert!(counts.rows.iter().all(|row| row.len() <= 2 * neighbours_max));
            let mut scores = vec![0.0; 40];
            (0..40).for_each(|item| counts.add_goes_with(item, 1.0, &mut scores));
            prop_assert!(scores.iter().all(|score| score.is_finite() && *score >= 0.0));
        }
    }
}
