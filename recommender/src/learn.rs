//! A learned combination: how much each feature says, fitted on what shoppers did next.
//!
//! A conditional logit: the probability that of the candidates a shopper chooses `i` is `softmax(w · f)ᵢ`. Source: McFadden,
//! "Conditional logit analysis of qualitative choice behavior", 1974; the listwise loss is that of Cao et al., "Learning to
//! rank: from pairwise approach to listwise approach", 2007.

use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::threads;

/// The version of [`Weights`] that this code writes and reads.
pub const WEIGHTS_VERSION: u32 = 1;

/// One choice: candidates, and which of them were chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// `[candidates, features]`.
    pub features: Array2<f32>,
    /// Rows that were chosen, at least one.
    pub chosen: Vec<usize>,
}

/// Least mean deviation of a feature that says anything.
const SPREAD_MIN: f64 = 1e-4;

/// How weights are fitted.
#[derive(Clone, Copy, Debug)]
pub struct LearnRules {
    /// How much large weights cost, in choices: as many as say nothing. Above 0.
    pub regularisation: f64,
    /// Steps of gradient descent.
    pub steps: usize,
}

impl Default for LearnRules {
    fn default() -> Self {
        Self { regularisation: 10.0, steps: 200 }
    }
}

/// Weights of features, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    version: u32,
    /// Names of the features, in their order.
    names: Vec<String>,
    /// As many as names.
    weights: Vec<f32>,
}

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum WeightsError {
    /// They were written by other code.
    #[error("weights have version {0}, not {WEIGHTS_VERSION}")]
    Version(u32),
    /// They are for other features.
    #[error("weights are for other features")]
    Names,
    /// They are not finite, or not as many as names.
    #[error("weights are not one finite number a feature")]
    Shape,
    /// There is no choice to learn from, or one has other features.
    #[error("no choices to learn from, or some with other features")]
    Choices,
}

impl Weights {
    /// Weights that were written down.
    ///
    /// # Errors
    /// If they do not fit `names`, the features that they are to be used with.
    pub fn check(&self, names: &[String]) -> Result<(), WeightsError> {
        if self.version != WEIGHTS_VERSION {
            return Err(WeightsError::Version(self.version));
        }
        if self.names != names {
            return Err(WeightsError::Names);
        }
        let fits = self.weights.len() == names.len() && self.weights.iter().all(|weight| weight.is_finite());
        if fits { Ok(()) } else { Err(WeightsError::Shape) }
    }

    /// Fits weights of the features of those names to choices. Deterministic; choices without a chosen row, or with all rows, say nothing.
    ///
    /// # Errors
    /// [`WeightsError::Choices`].
    pub fn fit(names: Vec<String>, choices: &[Choice], rules: LearnRules) -> Result<Self, WeightsError> {
        let width = names.len();
        if choices.is_empty() || choices.iter().any(|choice| choice.features.ncols() != width) {
            return Err(WeightsError::Choices);
        }
        let spread = spread(choices, width);
        // Adam with steps that shrink: Kingma and Ba, 2015. Full batches, so that no order matters.
        let mut weights = Array1::<f64>::zeros(width);
        let (mut mean, mut square) = (Array1::<f64>::zeros(width), Array1::<f64>::zeros(width));
        for step in 1..=rules.steps {
            let scaled = (&weights / &spread).mapv(|weight| weight as f32);
            let mut gradient = threads::map(choices, |choice| gradient(choice, &scaled)).into_iter().fold(
                Array1::<f64>::zeros(width),
                |sum, part| if part.is_empty() { sum } else { sum + part },
            );
            gradient = gradient / &spread + &weights * rules.regularisation;
            gradient /= choices.len() as f64;
            mean = mean * 0.9 + &gradient * 0.1;
            square = square * 0.999 + &gradient * &gradient * 0.001;
            let rate = 0.1 * (1.0 - step as f64 / (rules.steps + 1) as f64);
            let (of_mean, of_square) = (1.0 - 0.9f64.powi(step as i32), 1.0 - 0.999f64.powi(step as i32));
            weights.zip_mut_with(
                &(&mean / of_mean / (&square / of_square).mapv(|s| s.sqrt() + 1e-9)),
                |weight, move_by| *weight -= rate * move_by,
            );
        }
        let weights = (weights / spread).mapv(|weight| weight as f32).to_vec();
        let fitted = Self { version: WEIGHTS_VERSION, names, weights };
        fitted.check(&fitted.names).map(|()| fitted.clone())
    }

    /// Scores of candidates, `[candidates]`, of features `[candidates, features]`.
    ///
    /// # Panics
    /// If there are not as many features as weights.
    pub fn score(&self, features: ArrayView2<'_, f32>) -> Array1<f32> {
        features.dot(&Array1::from_vec(self.weights.clone()))
    }

    /// Names and weights.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.names.iter().map(String::as_str).zip(self.weights.iter().copied())
    }
}

/// Of each feature the mean deviation within choices: what is the same for all candidates of a choice decides nothing.
fn spread(choices: &[Choice], width: usize) -> Array1<f64> {
    let mut square = Array1::<f64>::zeros(width);
    let mut rows = 0usize;
    for choice in choices {
        let Some(mean) = choice.features.mean_axis(ndarray::Axis(0)) else { continue };
        rows += choice.features.nrows();
        for row in choice.features.outer_iter() {
            ndarray::Zip::from(&mut square)
                .and(row)
                .and(&mean)
                .for_each(|sum, x, m| *sum += f64::from(x - m).powi(2));
        }
    }
    // What decides nothing has no weight: of an infinite spread.
    square.mapv(|square| match (square / rows.max(1) as f64).sqrt() {
        spread if spread > SPREAD_MIN => spread,
        _ => f64::INFINITY,
    })
}

/// Of the mean of `−ln p(chosen | chosen or not chosen)` over what was chosen.
fn gradient(choice: &Choice, weights: &Array1<f32>) -> Array1<f64> {
    let width = choice.features.ncols();
    let (rows, chosen) = (choice.features.nrows(), &choice.chosen);
    if chosen.is_empty() || chosen.len() >= rows || chosen.iter().any(|row| *row >= rows) {
        return Array1::zeros(width);
    }
    let scores = choice.features.dot(weights);
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let worth = scores.mapv(|score| f64::from(score - greatest).exp());
    let of_rest = worth.sum() - chosen.iter().map(|row| worth[*row]).sum::<f64>();
    let mut push = Array1::<f64>::zeros(rows);
    for row in chosen {
        let all = of_rest.max(0.0) + worth[*row];
        let share = 1.0 / (chosen.len() as f64 * all.max(f64::MIN_POSITIVE));
        // Those that were chosen do not compete with each other.
        push.scaled_add(share, &worth);
        chosen.iter().filter(|other| *other != row).for_each(|other| push[*other] -= share * worth[*other]);
        push[*row] -= 1.0 / chosen.len() as f64;
    }
    let push = push.mapv(|push| push as f32);
    push.dot(&choice.features).mapv(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draws;

    fn names() -> Vec<String> {
        ["a", "b", "noise"].map(str::to_owned).to_vec()
    }

    /// Choices made by a known rule: `2a − b`, with noise of the law that the model assumes.
    fn choices(count: usize) -> Vec<Choice> {
        let mut draws = Draws::new(2);
        let mut choice = || {
            let features = Array2::from_shape_simple_fn((20, 3), || draws.normal() as f32);
            let utility = |row: usize, noise: f64| {
                2.0 * f64::from(features[[row, 0]])
                    - f64::from(features[[row, 1]])
                    - (-(noise.max(1e-12)).ln()).ln()
            };
            let utilities: Vec<f64> = (0..20).map(|row| utility(row, draws.unit())).collect();
            let chosen = (0..20).max_by(|a, b| utilities[*a].total_cmp(&utilities[*b])).unwrap();
            Choice { features, chosen: vec![chosen] }
        };
        (0..count).map(|_| choice()).collect()
    }

    #[test]
    fn the_rule_by_which_choices_were_made_is_found() {
        let fitted =
            Weights::fit(names(), &choices(1_500), LearnRules { regularisation: 0.1, steps: 300 }).unwrap();
        let weights: Vec<f32> = fitted.iter().map(|(_, weight)| weight).collect();
        for (weight, truth) in weights.iter().zip([2.0, -1.0, 0.0]) {
            assert!((weight - truth).abs() < 0.15, "{weights:?}");
        }
    }

    #[test]
    fn a_gradient_is_what_differences_give() {
        let choice = Choice { features: choices(1)[0].features.clone(), chosen: vec![3, 7] };
        let loss = |weights: &Array1<f32>| {
            let worth = choice.features.dot(weights).mapv(|score| f64::from(score).exp());
            let of_rest = worth.sum() - worth[3] - worth[7];
            [3, 7].map(|row| -(worth[row] / (of_rest + worth[row])).ln() / 2.0).iter().sum::<f64>()
        };
        let weights = ndarray::arr1(&[0.3, -0.2, 0.1]);
        let gradient = gradient(&choice, &weights);
        for place in 0..3 {
            let (mut up, mut down) = (weights.clone(), weights.clone());
            up[place] += 0.01;
            down[place] -= 0.01;
            assert!((gradient[place] - (loss(&up) - loss(&down)) / 0.02).abs() < 1e-3);
        }
    }

    #[test]
    fn weights_are_read_back_and_refused_where_they_do_not_fit() {
        let fitted = Weights::fit(names(), &choices(50), LearnRules::default()).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        let read: Weights = serde_json::from_str(&text).unwrap();
        assert_eq!(read, fitted);
        assert_eq!(read.check(&names()), Ok(()));
        assert_eq!(read.check(&names()[..2]), Err(WeightsError::Names));
        let other = text.replace("\"version\":1", "\"version\":2");
        let other: Weights = serde_json::from_str(&other).unwrap();
        assert_eq!(other.check(&names()), Err(WeightsError::Version(2)));
        assert_eq!(Weights::fit(names(), &[], LearnRules::default()), Err(WeightsError::Choices));
    }
}
