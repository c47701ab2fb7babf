use std::collections::HashMap;

use ahash::RandomState;

use super::FactorRules;
use crate::log::Log;
use crate::rows::Rows;

impl FactorRules {
    /// Confidence that an item was liked on which a shopper acted with `weight` in all: 1 for a weight of 1, and
    /// logarithmic above. 0 for what says nothing.
    pub fn confidence(&self, weight: f32) -> f32 {
        if weight.is_finite() && weight > 0.0 {
            (weight / self.saturation).ln_1p() / (1.0 / self.saturation).ln_1p()
        } else {
            0.0
        }
    }

    /// What remains of a weight of 1 after `seconds`; of the future, 1.
    pub fn remains(&self, seconds: i64) -> f32 {
        match self.half_life_seconds {
            Some(half_life) => (-(seconds.max(0) as f64) / half_life).exp2() as f32,
            None => 1.0,
        }
    }
}

/// Of each shopper (row) and item (column) of `log` the confidence at `now`, in seconds since 1970, that it was liked;
/// negative, where the last word was a refusal. What says nothing is left out.
pub fn confidences(log: &Log, rules: &FactorRules, now: i64) -> Rows {
    let histories = log.histories();
    let row = |shopper| {
        let mut sums: HashMap<u32, f32, RandomState> =
            HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        for past in histories.of(shopper) {
            let sum = sums.entry(past.item).or_default();
            if past.weight < 0.0 {
                *sum = -rules.refusal;
                continue;
            }
            let counted = if past.is_liked() { past.weight } else { rules.exposure * past.weight };
            *sum = sum.max(0.0) + counted * rules.remains(now - past.at);
        }
        let mut row: Vec<(u32, f32)> = sums
            .into_iter()
            .map(|(item, sum)| (item, if sum < 0.0 { sum } else { rules.confidence(sum) }))
            .filter(|(_, confidence)| *confidence != 0.0)
            .collect();
        row.sort_unstable_by_key(|(item, _)| *item);
        row
    };
    Rows::new(log.items(), (0..histories.shoppers()).map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::event;

    #[test]
    fn likes_saturate_age_and_are_not_views() {
        let rules = FactorRules { half_life_seconds: Some(10.0), refusal: 2.0, ..FactorRules::default() };
        let log = Log::new(vec![
            event(0, 0, 1.0, 100),
            event(0, 1, 1.0, 90),
            event(0, 2, 0.1, 100),
            event(0, 3, 1.0, 90),
            event(0, 3, -0.6, 100),
            event(0, 4, 3.0, 100),
        ]);
        let rows = confidences(&log, &rules, 100);
        let (items, values) = rows.row(0);
        assert_eq!(items, [0, 1, 3, 4]);
        let half = 1.5f32.ln() / 2f32.ln();
        for (value, expected) in values.iter().zip([1.0, half, -2.0, 2.0]) {
            assert!((value - expected).abs() < 1e-6, "{values:?}");
        }
        let seen = confidences(&log, &FactorRules { exposure: 1.0, ..rules }, 100);
        assert_eq!(seen.row(0).0, [0, 1, 2, 3, 4]);
    }
}
