//! How long to wait before another attempt, and when to give up.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The attempts at one request. The importer is one client with one request at a time, so the waits need no
/// jitter.
#[derive(Debug)]
pub(super) struct Retry {
    budget: Duration,
    failures: u32,
}

impl Retry {
    /// Attempts until `budget` is used up.
    pub(super) fn new(budget: Duration) -> Self {
        Self { budget, failures: 0 }
    }

    /// The wait after a failure that came `elapsed` after the first one began; `None` is giving up. `asked`
    /// is what the server wants, and is never cut short: sooner than that it would refuse again.
    pub(super) fn next_wait(&mut self, elapsed: Duration, asked: Option<Duration>) -> Option<Duration> {
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        self.failures += 1;
        let wait = asked.map_or(doubled, |asked| asked.max(FIRST_WAIT));
        (elapsed.saturating_add(wait) <= self.budget).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end_with_the_budget() {
        let mut retry = Retry::new(Duration::from_secs(60));
        let (mut elapsed, mut waits) = (Duration::ZERO, Vec::new());
        while let Some(wait) = retry.next_wait(elapsed, None) {
            elapsed += wait;
            waits.push(wait.as_millis());
        }
        assert_eq!(waits[..8], [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert!(elapsed <= Duration::from_secs(60) && elapsed > Duration::from_secs(54));
    }

    #[test]
    fn the_servers_wish_is_kept_or_too_much() {
        let mut retry = Retry::new(Duration::from_secs(10));
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(retry.next_wait(Duration::ZERO, seconds(7)), seconds(7));
        assert_eq!(retry.next_wait(Duration::from_secs(7), seconds(7)), None);
        assert_eq!(retry.next_wait(Duration::ZERO, seconds(0)), Some(FIRST_WAIT));
        assert_eq!(retry.next_wait(Duration::MAX, seconds(u64::MAX)), None);
        assert_eq!(Retry::new(Duration::ZERO).next_wait(Duration::ZERO, None), None);
    }
}
