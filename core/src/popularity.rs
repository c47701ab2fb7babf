//! What is popular now: sums whose parts halve with age.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Age at which an action counts half.
pub const HALF_LIFE_DEFAULT: Duration = Duration::from_secs(6 * 3600);

/// A sum that halves every half-life; adding is order-independent within rounding.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct DecayedSum {
    value: f64,
    at: Timestamp,
}

impl DecayedSum {
    /// Adds `weight` of an action at `at`, be it newer or older than what is in the sum.
    pub fn add(&mut self, weight: f32, at: Timestamp, half_life: Duration) {
        if at > self.at {
            self.value = self.value_at(at, half_life);
            self.at = at;
        }
        self.value += f64::from(weight) * decay(self.at.since(at), half_life);
    }

    /// The sum as it stands at `now`.
    pub fn value_at(self, now: Timestamp, half_life: Duration) -> f64 {
        self.value * decay(now.since(self.at), half_life)
    }
}

fn decay(age: Duration, half_life: Duration) -> f64 {
    (-age.as_secs_f64() / half_life.as_secs_f64().max(1e-3)).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_with_age_and_does_not_care_about_order() {
        let hour = Duration::from_secs(3600);
        let t = Timestamp::from_ms(1_800_000_000_000);
        let mut forward = DecayedSum::default();
        forward.add(4.0, t, hour);
        forward.add(1.0, t.plus(hour), hour);
        let mut backward = DecayedSum::default();
        backward.add(1.0, t.plus(hour), hour);
        backward.add(4.0, t, hour);
        assert!((forward.value_at(t.plus(hour), hour) - 3.0).abs() < 1e-9);
        assert!((forward.value_at(t.plus(2 * hour), hour) - 1.5).abs() < 1e-9);
        assert!((backward.value_at(t.plus(hour), hour) - 3.0).abs() < 1e-9);
        assert!(DecayedSum::default().value_at(t, hour).abs() < 1e-12);
    }
}
