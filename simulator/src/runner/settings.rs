//! What a run is told.

use rep_core::FieldError;

use super::Wish;
use crate::population::{USERS_DEFAULT, USERS_MAX};
use crate::scenario::Scenario;

/// Events per second if nothing else is said.
pub const RATE_DEFAULT: f64 = 100.0;
/// Most events per second.
pub const RATE_MAX: f64 = 200_000.0;
/// Price and stock changes per second on a steady day if nothing else is said.
pub const CHANGE_RATE_DEFAULT: f64 = 0.2;
/// Most price and stock changes per second.
pub const CHANGE_RATE_MAX: f64 = 20_000.0;
/// Most changes per event: a shop does not change its prices faster than people come.
pub const CHANGE_SHARE_MAX: f64 = 0.1;

/// What a run is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Regular shoppers.
    pub users: u32,
    /// Events per second, before a scenario's surge.
    pub rate: f64,
    /// The course of events.
    pub scenario: Scenario,
    /// Of the traffic.
    pub seed: u64,
    /// Price and stock changes per second on a steady day.
    pub change_rate: f64,
}

impl Default for Settings {
    /// 20,000 shoppers, 100 events/s, a steady day, seed 42, a change every five seconds.
    fn default() -> Self {
        Self {
            users: USERS_DEFAULT,
            rate: RATE_DEFAULT,
            scenario: Scenario::Steady,
            seed: 42,
            change_rate: CHANGE_RATE_DEFAULT,
        }
    }
}

impl Settings {
    /// These settings with what `wish` says; refuses what is out of range.
    pub fn with(self, wish: Wish) -> Result<Self, FieldError> {
        let next = Self {
            users: wish.users.unwrap_or(self.users),
            rate: wish.rate.unwrap_or(self.rate),
            scenario: wish.scenario.unwrap_or(self.scenario),
            seed: wish.seed.unwrap_or(self.seed),
            change_rate: wish.change_rate.unwrap_or(self.change_rate),
        };
        if !(1..=USERS_MAX).contains(&next.users) {
            return Err(FieldError::new("users", format!("must be a whole number from 1 to {USERS_MAX}")));
        }
        if !(next.rate > 0.0 && next.rate <= RATE_MAX) {
            return Err(FieldError::new("rate", format!("must be over 0 and at most {RATE_MAX}")));
        }
        if !(0.0..=CHANGE_RATE_MAX).contains(&next.change_rate) {
            return Err(FieldError::new("changeRate", format!("must be from 0 to {CHANGE_RATE_MAX}")));
        }
        Ok(next)
    }

    /// Price and stock changes per second as the scenario has them, at most [`CHANGE_SHARE_MAX`] of `rate`.
    pub(super) fn changes_per_second(&self) -> f64 {
        (self.change_rate * self.scenario.profile().changes).min(self.rate * CHANGE_SHARE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let field = |wish| Settings::default().with(wish).unwrap_err().field;
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 200_000.1] {
            assert_eq!(field(Wish { rate: Some(rate), ..Wish::default() }), "rate");
        }
        assert_eq!(field(Wish { users: Some(0), ..Wish::default() }), "users");
        assert_eq!(field(Wish { users: Some(200_001), ..Wish::default() }), "users");
        assert_eq!(field(Wish { change_rate: Some(-0.1), ..Wish::default() }), "changeRate");
        assert_eq!(Settings::default().with(Wish::default()).unwrap(), Settings::default());
    }

    #[test]
    fn changes_stay_a_tenth_of_the_events() {
        let settings = Settings { rate: 10.0, change_rate: 500.0, ..Settings::default() };
        assert!((settings.changes_per_second() - 1.0).abs() < 1e-12);
        assert!((Settings::default().changes_per_second() - 0.2).abs() < 1e-12);
    }
}
