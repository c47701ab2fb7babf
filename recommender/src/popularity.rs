//! How often each item was liked, each like worth less as it ages.

use crate::log::Log;

/// Decayed counts of likes, one an item.
#[derive(Clone, Debug)]
pub struct Popularity {
    half_life_seconds: Option<f64>,
    /// Value and the time that it is of.
    sums: Vec<(f64, i64)>,
}

impl Popularity {
    /// Counts of nothing, for `items` items. A like loses half of its worth in `half_life_seconds`; without, none.
    pub fn new(items: usize, half_life_seconds: Option<f64>) -> Self {
        Self { half_life_seconds, sums: vec![(0.0, i64::MIN); items] }
    }

    /// Counts of the likes of a log, each worth 1.
    pub fn of(log: &Log, half_life_seconds: Option<f64>) -> Self {
        let mut counts = Self::new(log.items(), half_life_seconds);
        for past in log.events().iter().map(|event| event.past).filter(|past| past.is_liked()) {
            counts.add(past.item, 1.0, past.at);
        }
        counts
    }

    /// Adds a like of `worth` at `at`, in seconds since 1970, older or newer than those before. One that is not finite and above 0 is left out.
    pub fn add(&mut self, item: u32, worth: f64, at: i64) {
        let item = item as usize;
        if !worth.is_finite() || worth <= 0.0 {
            return;
        }
        if item >= self.sums.len() {
            self.sums.resize(item + 1, (0.0, i64::MIN));
        }
        let (value, of) = self.sums[item];
        let latest = at.max(of);
        self.sums[item] = (self.aged(value, of, latest) + self.aged(worth, at, latest), latest);
    }

    /// The count of an item at `now`; 0 for what nobody liked.
    pub fn value(&self, item: u32, now: i64) -> f64 {
        self.sums.get(item as usize).map_or(0.0, |(value, of)| self.aged(*value, *of, now))
    }

    /// When an item was last liked, if it was.
    pub fn last(&self, item: u32) -> Option<i64> {
        self.sums.get(item as usize).filter(|(value, _)| *value > 0.0).map(|(_, of)| *of)
    }

    fn aged(&self, value: f64, of: i64, now: i64) -> f64 {
        match self.half_life_seconds {
            Some(half_life) if value > 0.0 => value * remains(now.saturating_sub(of), half_life),
            _ => value,
        }
    }
}

/// Counts that can be asked for any moment of the past: what was popular *then*, with nothing of what came later.
#[derive(Clone, Debug)]
pub struct PopularityOverTime {
    half_life_seconds: f64,
    /// Of each item its likes, oldest first: when, and the count at that moment.
    counts: Vec<Vec<(i64, f64)>>,
}

impl PopularityOverTime {
    /// Counts of the likes of a log, each worth 1 and losing half of it in `half_life_seconds`.
    pub fn of(log: &Log, half_life_seconds: f64) -> Self {
        let mut counts: Vec<Vec<(i64, f64)>> = vec![Vec::new(); log.items()];
        for past in log.events().iter().map(|event| event.past).filter(|past| past.is_liked()) {
            let own = &mut counts[past.item as usize];
            let before =
                own.last().map_or(0.0, |(at, count)| count * remains(past.at - at, half_life_seconds));
            own.push((past.at, before + 1.0));
        }
        Self { half_life_seconds, counts }
    }

    /// The count of an item just before `now`.
    pub fn value(&self, item: u32, now: i64) -> f64 {
        let own = self.counts.get(item as usize).map(Vec::as_slice).unwrap_or_default();
        match own[..own.partition_point(|(at, _)| *at < now)].last() {
            Some((at, count)) => count * remains(now - at, self.half_life_seconds),
            None => 0.0,
        }
    }
}

fn remains(seconds: i64, half_life_seconds: f64) -> f64 {
    (-(seconds.max(0) as f64) / half_life_seconds).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the order, a count is the sum of what remains of each like.
        #[test]
        fn a_count_is_the_naive_sum(times in prop::collection::vec(0i64..10_000, 1..50), half_life in 10.0f64..1e5) {
            let mut counts = Popularity::new(1, Some(half_life));
            times.iter().for_each(|at| counts.add(0, 1.0, *at));
            let naive: f64 = times.iter().map(|at| (-((10_000 - at) as f64) / half_life).exp2()).sum();
            prop_assert!((counts.value(0, 10_000) - naive).abs() <= 1e-9 * (1.0 + naive));
            prop_assert_eq!(counts.last(0), times.iter().max().copied());
        }
    }

    #[test]
    fn the_past_does_not_know_what_came_later() {
        use crate::log::testing::event;
        let log = Log::new(vec![
            event(0, 0, 1.0, 0),
            event(1, 0, 1.0, 10),
            event(2, 0, 0.1, 10),
            event(3, 0, 1.0, 30),
        ]);
        let counts = PopularityOverTime::of(&log, 10.0);
        let values = [-1, 0, 10, 20, 30].map(|now| counts.value(0, now));
        assert_eq!(values, [0.0, 0.0, 0.5, 0.75, 0.375]);
    }

    #[test]
    fn what_nobody_liked_counts_nothing_and_nan_adds_nothing() {
        let mut counts = Popularity::new(1, None);
        counts.add(0, f64::NAN, 3);
        assert_eq!((counts.value(0, 9), counts.value(5, 9), counts.last(0)), (0.0, 0.0, None));
        counts.add(2, 1.0, 3);
        assert_eq!((counts.value(2, 9), counts.last(2)), (1.0, Some(3)));
    }
}
