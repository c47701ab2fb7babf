//! The rate of the last seconds.

use std::time::Duration;

/// Length of a bucket.
const BUCKET: Duration = Duration::from_millis(100);
/// How many buckets make the window: 3 s.
const BUCKETS: usize = 30;

/// Counts per bucket, on a time line that begins at zero.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// One more than the window: the last one is still filling.
    counts: [u64; BUCKETS + 1],
    /// The number of the bucket that is filling.
    current: u64,
}

impl Meter {
    /// Counts `events` at `at`; times must not go back.
    pub(super) fn record(&mut self, at: Duration, events: u64) {
        self.turn(at);
        self.counts[slot(self.current)] += events;
    }

    /// Events per second over the last 3 s, or over the time since zero while that is shorter. Full buckets
    /// only, so that it does not flicker.
    pub(super) fn per_second(&mut self, now: Duration) -> f64 {
        self.turn(now);
        let full = self.current.min(BUCKETS as u64);
        if full == 0 {
            return 0.0;
        }
        let events: u64 = (self.current - full..self.current).map(|bucket| self.counts[slot(bucket)]).sum();
        events as f64 / (BUCKET.as_secs_f64() * full as f64)
    }

    fn turn(&mut self, at: Duration) {
        let bucket = u64::try_from(at.as_millis() / BUCKET.as_millis()).unwrap_or(u64::MAX);
        let stale = bucket.saturating_sub(self.current).min(self.counts.len() as u64);
        for step in 0..stale {
            self.counts[slot(bucket - step)] = 0;
        }
        self.current = self.current.max(bucket);
    }
}

fn slot(bucket: u64) -> usize {
    (bucket % (BUCKETS as u64 + 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_rate_of_the_last_seconds() {
        let mut meter = Meter::default();
        let at = Duration::from_millis;
        assert!(meter.per_second(at(50)) == 0.0);
        for tick in 0..2_000 {
            meter.record(at(5 * tick), 5);
        }
        assert!((meter.per_second(at(10_000)) - 1_000.0).abs() < 1e-9);
        for tick in 0..300 {
            meter.record(at(10_000 + 5 * tick), 10);
        }
        assert!((meter.per_second(at(11_500)) - 1_500.0).abs() < 1e-9, "half and half");
        assert!(meter.per_second(at(60_000)) == 0.0);
        let mut young = Meter::default();
        (0..100).for_each(|tick| young.record(at(5 * tick), 5));
        assert!((young.per_second(at(500)) - 1_000.0).abs() < 1e-9);
    }
}
