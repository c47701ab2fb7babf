//! The schedule: how many events are due, whatever the log does. Open loop: a slow log changes nothing in
//! what is due.

use std::time::Duration;

/// Counts what is due; time is told to it.
#[derive(Debug)]
pub(super) struct Pacer {
    /// Per second.
    rate: f64,
    /// Due and not taken; the part behind the point waits to become whole.
    backlog: f64,
    backlog_max: Duration,
}

impl Pacer {
    /// A schedule of `rate` events per second that keeps at most `backlog_max` of it waiting.
    pub(super) fn new(rate: f64, backlog_max: Duration) -> Self {
        Self { rate, backlog: 0.0, backlog_max }
    }

    pub(super) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Lets `time` pass. Gives how many events were given up, because more than the longest backlog waits.
    pub(super) fn advance(&mut self, time: Duration) -> u64 {
        self.backlog += self.rate * time.as_secs_f64();
        // A slow schedule still may have one event waiting.
        let most = (self.rate * self.backlog_max.as_secs_f64()).max(1.0);
        let missed = (self.backlog - most).max(0.0).floor();
        self.backlog -= missed;
        missed as u64
    }

    /// Whole events that are due.
    pub(super) fn due(&self) -> usize {
        self.backlog.max(0.0) as usize
    }

    /// Takes `count` of them off the schedule.
    pub(super) fn take(&mut self, count: usize) {
        debug_assert!(count <= self.due());
        self.backlog -= count as f64;
    }

    /// How long the oldest event that is due has been waiting.
    pub(super) fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.backlog.max(0.0) / self.rate).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_slow_rate_is_kept_too() {
        let mut pacer = Pacer::new(0.2, SECOND);
        let mut taken = 0;
        for _ in 0..(100 * 200) {
            assert_eq!(pacer.advance(Duration::from_millis(5)), 0);
            taken += pacer.due();
            pacer.take(pacer.due());
        }
        assert!((19..=20).contains(&taken), "{taken} in 100 s");
    }

    #[test]
    fn what_waits_too_long_is_given_up_and_counted() {
        let mut pacer = Pacer::new(1_000.0, SECOND);
        assert_eq!(pacer.advance(Duration::from_secs(10)), 9_000);
        assert_eq!((pacer.due(), pacer.delay()), (1_000, SECOND));
        pacer.take(400);
        assert_eq!((pacer.advance(Duration::from_millis(100)), pacer.due()), (0, 700));
    }

    proptest! {
        /// Over ten seconds of uneven ticks the count is off by at most one, and by far less than 2 %.
        #[test]
        fn the_rate_is_met(rate in 1.0..200_000.0_f64, ticks in prop::collection::vec(1_u64..40, 50..200)) {
            let mut pacer = Pacer::new(rate, SECOND);
            let (mut taken, mut passed, mut missed) = (0, Duration::ZERO, 0);
            for ms in ticks.iter().cycle() {
                let tick = Duration::from_millis(*ms);
                passed += tick;
                missed += pacer.advance(tick);
                taken += pacer.due();
                pacer.take(pacer.due());
                if passed > 10 * SECOND {
                    break;
                }
            }
            let wanted = rate * passed.as_secs_f64();
            prop_assert!(missed == 0 && (taken as f64 - wanted).abs() <= 1.001, "{taken} of {wanted}");
        }
    }
}
