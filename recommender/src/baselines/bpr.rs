use ndarray::Array2;

use crate::Draws;
use crate::rows::Rows;
use crate::scorer::{Asked, Scorer};

/// How BPR is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BprRules {
    /// Numbers of a factor.
    pub width: usize,
    /// Steps, in entries of what is learned from.
    pub epochs: usize,
    /// Length of a step.
    pub rate: f32,
    /// How much long vectors cost.
    pub regularisation: f32,
}

/// Factors such that what a shopper liked scores above what they did nothing with.
///
/// A shopper is known by their row; who did nothing has none and sees the items' biases.
///
/// Source: Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", 2009.
#[derive(Clone, Debug)]
pub struct Bpr {
    shoppers: Array2<f32>,
    items: Array2<f32>,
    biases: Vec<f32>,
}

impl Bpr {
    /// Learns from what shoppers (rows) liked of the items (columns).
    pub fn learn(liked: &Rows, rules: BprRules, draws: &mut Draws) -> Self {
        let mut vectors = |rows| {
            Array2::from_shape_simple_fn((rows, rules.width), || {
                (0.1 * draws.normal() / (rules.width as f64).sqrt()) as f32
            })
        };
        let mut model = Self {
            shoppers: vectors(liked.len()),
            items: vectors(liked.width()),
            biases: vec![0.0; liked.width()],
        };
        let entries: Vec<(usize, usize)> = (0..liked.len())
            .flat_map(|row| liked.row(row).0.iter().map(move |item| (row, *item as usize)))
            .collect();
        if entries.is_empty() {
            return model;
        }
        for _ in 0..rules.epochs * entries.len() {
            let (shopper, good) = entries[draws.below(entries.len())];
            let other = draws.below(liked.width());
            if liked.row(shopper).0.binary_search(&(other as u32)).is_err() {
                model.step(shopper, good, other, &rules);
            }
        }
        model
    }

    fn step(&mut self, shopper: usize, good: usize, other: usize, rules: &BprRules) {
        let width = rules.width;
        let range = |row: usize| row * width..(row + 1) * width;
        let (Some(shoppers), Some(items)) = (self.shoppers.as_slice_mut(), self.items.as_slice_mut()) else {
            return;
        };
        let x = &mut shoppers[range(shopper)];
        let Ok([good_row, other_row]) = items.get_disjoint_mut([range(good), range(other)]) else { return };
        let of_rows = |(x, (good, other)): (&f32, (&f32, &f32))| x * (good - other);
        let inner: f32 = x.iter().zip(good_row.iter().zip(other_row.iter())).map(of_rows).sum();
        let margin = inner + self.biases[good] - self.biases[other];
        let push = 1.0 / (1.0 + margin.exp());
        let (rate, cost) = (rules.rate, rules.regularisation);
        for ((x, good), other) in x.iter_mut().zip(good_row).zip(other_row) {
            let (own, up, down) = (*x, *good, *other);
            *x += rate * (push * (up - down) - cost * own);
            *good += rate * (push * own - cost * up);
            *other += rate * (-push * own - cost * down);
        }
        self.biases[good] += rate * (push - cost * self.biases[good]);
        self.biases[other] += rate * (-push - cost * self.biases[other]);
    }

    /// Scores for the shopper of that row, one an item.
    pub fn score(&self, shopper: usize, scores: &mut [f32]) {
        let products = self.items.dot(&self.shoppers.row(shopper));
        for ((score, product), bias) in scores.iter_mut().zip(&products).zip(&self.biases) {
            *score = product + bias;
        }
    }

    /// The scorer of one shopper.
    pub fn of(&self, shopper: usize) -> impl Scorer + '_ {
        BprOf { model: self, shopper }
    }
}

struct BprOf<'a> {
    model: &'a Bpr,
    shopper: usize,
}

impl Scorer for BprOf<'_> {
    fn score(&self, _: &Asked<'_>, scores: &mut [f32]) {
        self.model.score(self.shopper, scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FactorRules;
    use crate::factors::confidences;
    use crate::log::testing::two_tastes;

    #[test]
    fn a_step_raises_what_was_liked_and_lowers_the_other() {
        let liked = Rows::new(2, std::iter::once(vec![(0, 1.0)]));
        let rules = BprRules { width: 8, epochs: 0, rate: 0.1, regularisation: 0.0 };
        let mut model = Bpr::learn(&liked, rules, &mut Draws::new(1));
        let taste = model.shoppers.row(0).to_owned();
        let before = model.items.dot(&taste);
        model.step(0, 0, 1, &rules);
        let after = model.items.dot(&taste);
        assert!(after[0] > before[0] && after[1] < before[1], "{before} {after}");
    }

    #[test]
    fn what_those_alike_liked_scores_above_the_rest() {
        let liked = confidences(&two_tastes(40, 20, 6, 1), &FactorRules::default(), 0);
        let rules = BprRules { width: 8, epochs: 60, rate: 0.05, regularisation: 0.01 };
        let model = Bpr::learn(&liked, rules, &mut Draws::new(1));
        let mut scores = vec![0.0; 20];
        let right = (0..40).filter(|shopper| {
            model.score(*shopper, &mut scores);
            let half = |from: usize| scores[from..from + 10].iter().sum::<f32>();
            (half(0) > half(10)) == (shopper % 2 == 0)
        });
        assert_eq!(right.count(), 40);
    }
}
