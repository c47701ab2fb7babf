//! Whose turn it is among lanes that wait: the first of them, but nobody is passed over for ever.

use crate::queue::Lane;

/// A lane that was passed over so many times goes next.
const PASSED_OVER_MAX: usize = 8;

/// How often each lane was passed over since its last turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    passed_over: [usize; Lane::ALL.len()],
}

impl Turns {
    /// The lane to serve now out of those for which `waits` holds; `None` if there is none.
    pub(crate) fn next(&mut self, lanes: &[Lane], waits: impl Fn(Lane) -> bool) -> Option<Lane> {
        let waiting: Vec<Lane> = lanes.iter().copied().filter(|lane| waits(*lane)).collect();
        let starved = |lane: &&Lane| self.passed_over[**lane as usize] >= PASSED_OVER_MAX;
        let chosen = *waiting.iter().find(starved).or(waiting.first())?;
        for lane in waiting {
            let passed_over = &mut self.passed_over[lane as usize];
            *passed_over = if lane == chosen { 0 } else { *passed_over + 1 };
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_first_and_none_is_starved() {
        let mut turns = Turns::default();
        assert_eq!(turns.next(&Lane::ALL, |_| false), None);
        assert_eq!(turns.next(&Lane::ALL, |lane| lane == Lane::Backlog), Some(Lane::Backlog));
        let served: Vec<Lane> = (0..30).filter_map(|_| turns.next(&Lane::ALL, |_| true)).collect();
        assert_eq!(served[..PASSED_OVER_MAX], [Lane::Query; PASSED_OVER_MAX]);
        for lane in [Lane::Passage, Lane::Backlog] {
            let turns: Vec<usize> = (0..30).filter(|at| served[*at] == lane).collect();
            assert_eq!(turns.len(), 3, "{served:?}");
            assert!(turns.windows(2).all(|pair| pair[1] - pair[0] <= PASSED_OVER_MAX + 2), "{served:?}");
        }
        assert_eq!(served.iter().filter(|lane| **lane == Lane::Query).count(), 24);
    }

    #[test]
    fn a_lane_that_does_not_wait_is_not_passed_over() {
        let mut turns = Turns::default();
        for _ in 0..20 {
            assert_eq!(turns.next(&Lane::ALL, |lane| lane == Lane::Query), Some(Lane::Query));
        }
        assert_eq!(turns.next(&Lane::ALL, |lane| lane != Lane::Backlog), Some(Lane::Query));
    }
}
