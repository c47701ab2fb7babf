//! The hours of a day.

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The hour of day of a moment, in [0, 24), UTC: the shop's home is not far from Greenwich.
fn hour(at_ms: i64) -> f64 {
    at_ms.rem_euclid(DAY_MS) as f64 / (3600.0 * 1000.0)
}

/// How lively the shop is, around 1: from a quarter at four in the morning to 1.75 in the evening.
pub(super) fn traffic(at_ms: i64) -> f64 {
    1.0 + 0.75 * bell(hour(at_ms), 16.0)
}

/// How much a category of that peak hour is looked at now, from 0.6 to 1.4.
pub(super) fn interest(at_ms: i64, peak_hour: u8) -> f64 {
    1.0 + 0.4 * bell(hour(at_ms), f64::from(peak_hour))
}

/// 1 at the peak, -1 twelve hours off.
fn bell(hour: f64, peak: f64) -> f64 {
    ((hour - peak) / 24.0 * std::f64::consts::TAU).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenings_are_lively_and_coffee_is_for_mornings() {
        let at = |hour: i64| 1_767_225_600_000 + hour * 3_600_000;
        assert!(traffic(at(16)) > 1.7 && traffic(at(4)) < 0.3);
        assert!(interest(at(8), 8) > 1.39 && interest(at(20), 8) < 0.61);
    }
}
