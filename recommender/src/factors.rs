//! Collaborative factors by implicit-feedback ALS: a vector for each item such that the inner product with a shopper's
//! vector says how likely the shopper is to want it.
//!
//! Minimises `Σ c (x·y − p)² + α Σ_all (x·y)² + λ Σ (mass of the row) ‖row‖²` over shoppers' vectors `x` and items' `y`,
//! where `p` is 1 for what was liked and 0 for what was refused, and `c` the confidence that [`FactorRules::confidence`] gives.
//!
//! Sources: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", 2008 (the model); Takács,
//! Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative filtering", 2011
//! (how rows are solved); Rendle, Krichene, Zhang and Koren, "Revisiting the performance of iALS on item recommendation
//! benchmarks", 2022 (regularisation by the mass of a row, without which the model is a weak one).

mod cold;
mod confidence;
mod gram;
mod half;
mod shopper;

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

pub use cold::{ColdItems, ColdRules};
pub use confidence::confidences;
pub use shopper::{Liked, Prior};

use crate::Draws;
use crate::rows::Rows;

/// Widest factor.
pub const WIDTH_MAX: usize = 256;

/// How factors are learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorRules {
    /// Numbers of a factor, 1 to [`WIDTH_MAX`].
    pub width: usize,
    /// How often all shoppers and all items are solved, 1 to 100.
    pub sweeps: usize,
    /// Steps of conjugate gradient for a row, from where the sweep before left it, 1 to 20.
    pub steps: usize,
    /// `α`: how much it costs that an item that a shopper did nothing with scores above 0, beside a like's 1. Above 0.
    pub unobserved: f32,
    /// `λ`: how much long vectors cost. Above 0.
    pub regularisation: f32,
    /// Weight at which a second like begins to say little new. Above 0; a purchase weighs 1.
    pub saturation: f32,
    /// How much of an exposure's weight counts, 0 to 1: what was seen was not therefore liked.
    pub exposure: f32,
    /// Confidence that what was refused is not liked, 0 or more.
    pub refusal: f32,
    /// Seconds in which an action loses half of its weight; none: it never does.
    pub half_life_seconds: Option<f64>,
}

impl Default for FactorRules {
    /// Chosen on validation parts of several public logs: see `docs/recommender.md`.
    fn default() -> Self {
        Self {
            width: 64,
            sweeps: 12,
            steps: 3,
            unobserved: 0.1,
            regularisation: 0.01,
            saturation: 1.0,
            exposure: 0.0,
            refusal: 0.0,
            half_life_seconds: None,
        }
    }
}

/// Why factors could not be learned or read.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FactorError {
    /// A rule is outside its range.
    #[error("`{0}` is out of range")]
    Rule(&'static str),
    /// Vectors have another width than they should, or are not finite.
    #[error("factors have another width, or are not finite")]
    Shape,
}

impl FactorRules {
    /// Whether every rule is in its range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), FactorError> {
        let positive = |number: f32| number.is_finite() && number > 0.0;
        let all = [
            ("width", (1..=WIDTH_MAX).contains(&self.width)),
            ("sweeps", (1..=100).contains(&self.sweeps)),
            ("steps", (1..=20).contains(&self.steps)),
            ("unobserved", positive(self.unobserved)),
            ("regularisation", positive(self.regularisation)),
            ("saturation", positive(self.saturation)),
            ("exposure", (0.0..=1.0).contains(&self.exposure)),
            ("refusal", self.refusal.is_finite() && self.refusal >= 0.0),
            ("half_life_seconds", self.half_life_seconds.is_none_or(|s| s.is_finite() && s > 0.0)),
        ];
        match all.into_iter().find(|(_, is_good)| !is_good) {
            Some((name, _)) => Err(FactorError::Rule(name)),
            None => Ok(()),
        }
    }
}

/// Items' factors, `[items, width]`, and what solving a shopper needs of them.
#[derive(Clone, Debug)]
pub struct ItemFactors {
    rules: FactorRules,
    items: Array2<f32>,
    gram: Array2<f32>,
}

impl ItemFactors {
    /// Learns from `liked`: of each shopper (row) and item (column) the confidence, negative for what was refused.
    /// `draws` decides where learning starts; the same draws and rows give the same factors on any number of threads.
    ///
    /// Memory: `4 width` bytes a shopper and an item, and 16 an entry.
    ///
    /// # Errors
    /// If a rule is out of range.
    pub fn learn(liked: &Rows, rules: FactorRules, draws: &mut Draws) -> Result<Self, FactorError> {
        rules.check()?;
        let by_item = liked.transposed();
        let scale = 0.1 / (rules.width as f64).sqrt();
        let mut items =
            Array2::from_shape_simple_fn((liked.width(), rules.width), || (scale * draws.normal()) as f32);
        let mut shoppers = Array2::zeros((liked.len(), rules.width));
        for _ in 0..rules.sweeps {
            half::solve(liked, &items, &mut shoppers, &rules);
            half::solve(&by_item, &shoppers, &mut items, &rules);
        }
        Self::new(items, rules)
    }

    /// Factors that were learned before.
    ///
    /// # Errors
    /// If a rule is out of range, or the factors have another width or are not finite.
    pub fn new(items: Array2<f32>, rules: FactorRules) -> Result<Self, FactorError> {
        rules.check()?;
        if items.ncols() != rules.width || items.iter().any(|number| !number.is_finite()) {
            return Err(FactorError::Shape);
        }
        let gram = gram::gram(&items);
        Ok(Self { rules, items, gram })
    }

    /// By which rules they were learned.
    pub fn rules(&self) -> &FactorRules {
        &self.rules
    }

    /// All of them, `[items, width]`.
    pub fn items(&self) -> &Array2<f32> {
        &self.items
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.nrows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The factor of an item, if there is such an item.
    pub fn item(&self, item: u32) -> Option<ArrayView1<'_, f32>> {
        let item = item as usize;
        (item < self.len()).then(|| self.items.row(item))
    }

    /// How much long vectors of a row with that total confidence cost.
    fn cost_of_length(&self, confidence: f32) -> f32 {
        half::cost_of_length(&self.rules, confidence, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::two_tastes;

    fn learned(seed: u64) -> ItemFactors {
        let log = two_tastes(40, 20, 6, 1);
        let rules = FactorRules { width: 8, ..FactorRules::default() };
        let liked = confidences(&log, &rules, 0);
        ItemFactors::learn(&liked, rules, &mut Draws::new(seed)).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_factors_and_another_seed_others() {
        assert_eq!(learned(1).items(), learned(1).items());
        assert_ne!(learned(1).items(), learned(2).items());
    }

    #[test]
    fn who_liked_one_half_is_shown_more_of_it() {
        let factors = learned(1);
        let liked = [Liked { item: 0, confidence: 1.0 }, Liked { item: 1, confidence: 1.0 }];
        let scores = factors.items().dot(&factors.solve_shopper(&liked, None));
        let mean = |items: std::ops::Range<usize>| {
            items.clone().map(|i| scores[i]).sum::<f32>() / items.len() as f32
        };
        assert!(mean(2..10) > mean(10..20) + 0.1, "{scores}");
    }

    #[test]
    fn rules_out_of_range_are_named() {
        let refused = |rules: FactorRules| rules.check().unwrap_err();
        let good = FactorRules::default();
        assert_eq!(refused(FactorRules { width: 0, ..good }), FactorError::Rule("width"));
        assert_eq!(refused(FactorRules { unobserved: f32::NAN, ..good }), FactorError::Rule("unobserved"));
        assert_eq!(refused(FactorRules { exposure: 1.1, ..good }), FactorError::Rule("exposure"));
        assert_eq!(ItemFactors::new(Array2::zeros((3, 2)), good).unwrap_err(), FactorError::Shape);
        let broken = Array2::from_elem((3, 64), f32::NAN);
        assert_eq!(ItemFactors::new(broken, good).unwrap_err(), FactorError::Shape);
    }
}
