//! From scorers to candidates: who proposes what, and what is known of each candidate.

use ndarray::Array2;

use crate::scorer::{Asked, Scorer, top};

/// Candidates that each scorer proposes, its best.
pub const PROPOSED_MAX: usize = 80;
/// Numbers that each scorer gives a candidate: see [`candidates`].
pub const FEATURES_PER_SCORER: usize = 3;

/// Items that may be shown, and what is known of them.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Which, in ascending order.
    pub items: Vec<u32>,
    /// `[items, scorers × FEATURES_PER_SCORER]`, all finite.
    pub features: Array2<f32>,
}

/// Names of the features of scorers of those names, in their order.
pub fn names<'a>(scorers: impl Iterator<Item = &'a str>) -> Vec<String> {
    let of = |name: &str| ["", " log", " place"].map(|kind| format!("{name}{kind}"));
    scorers.flat_map(of).collect()
}

/// What `scorers` propose of `items` items, where `may` says so.
///
/// Scales of scorers differ from shopper to shopper, so a scorer's score `x` enters as `s`, its place between the least (0) and the
/// greatest (1) of the candidates; as `ln(s + 0.01)`, so that products of scores can be learned; and by its rank, as
/// `−ln(1 + rank / 5)`. A score that is not finite is taken for the least.
pub fn candidates(
    scorers: &[&dyn Scorer],
    asked: &Asked<'_>,
    items: usize,
    may: impl Fn(u32) -> bool,
) -> Candidates {
    let mut all = Array2::zeros((scorers.len(), items));
    let mut is_candidate = vec![false; items];
    for (scorer, mut scores) in scorers.iter().zip(all.outer_iter_mut()) {
        let Some(scores) = scores.as_slice_mut() else { continue };
        scorer.score(asked, scores);
        for item in top(scores, PROPOSED_MAX, &may) {
            is_candidate[item as usize] = true;
        }
    }
    let items: Vec<u32> = (0..items as u32).filter(|item| is_candidate[*item as usize]).collect();
    let mut features = Array2::zeros((items.len(), scorers.len() * FEATURES_PER_SCORER));
    for (place, scores) in all.outer_iter().enumerate() {
        let own: Vec<f32> = items.iter().map(|item| scores[*item as usize]).collect();
        for (row, numbers) in of_scores(&own).into_iter().enumerate() {
            for (kind, number) in numbers.into_iter().enumerate() {
                features[[row, place * FEATURES_PER_SCORER + kind]] = number;
            }
        }
    }
    Candidates { items, features }
}

fn of_scores(scores: &[f32]) -> Vec<[f32; FEATURES_PER_SCORER]> {
    let finite = || scores.iter().copied().filter(|score| score.is_finite());
    let (least, greatest) =
        (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    // In `f64`: the range of finite numbers may not be one.
    let range = (f64::from(greatest) - f64::from(least)).max(f64::MIN_POSITIVE);
    let of_range = |score: f32| ((f64::from(score) - f64::from(least)) / range).clamp(0.0, 1.0) as f32;
    let scaled = |score: f32| if score.is_finite() { of_range(score) } else { 0.0 };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let scaled: Vec<f32> = scores.iter().map(|score| scaled(*score)).collect();
    order.sort_by(|a, b| scaled[*b].total_cmp(&scaled[*a]));
    let mut features = vec![[0.0; FEATURES_PER_SCORER]; scores.len()];
    let mut rank = 0;
    for (place, candidate) in order.iter().enumerate() {
        // Equal scores have equal ranks: that of the first of them.
        if place > 0 && scaled[*candidate] < scaled[order[place - 1]] {
            rank = place;
        }
        let score = scaled[*candidate];
        features[*candidate] = [score, (score + 0.01).ln(), -(rank as f32 / 5.0).ln_1p()];
    }
    features
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed(Vec<f32>);

    impl Scorer for Fixed {
        fn score(&self, _: &Asked<'_>, scores: &mut [f32]) {
            scores.copy_from_slice(&self.0);
        }
    }

    #[test]
    fn candidates_are_what_any_scorer_proposes_and_may_be_shown() {
        let (a, b) = (Fixed(vec![0.0, 4.0, 2.0, 9.0]), Fixed(vec![1.0, 1.0, 5.0, 1.0]));
        let asked = Asked { history: &[], now: 0 };
        let found = candidates(&[&a, &b], &asked, 4, |item| item != 3);
        assert_eq!(found.items, [0, 1, 2]);
        let place = |rank: f32| -(rank / 5.0).ln_1p();
        assert_eq!(found.features.column(0).to_vec(), [0.0, 1.0, 0.5]);
        assert_eq!(found.features.column(2).to_vec(), [place(2.0), place(0.0), place(1.0)]);
        assert_eq!(found.features.column(5).to_vec(), [place(1.0), place(1.0), place(0.0)]);
        assert_eq!(names(["a", "b"].into_iter()).len(), found.features.ncols());
    }

    #[test]
    fn what_is_no_number_is_taken_for_the_least() {
        let features = of_scores(&[f32::NAN, 2.0, f32::INFINITY, 1.0, f32::NEG_INFINITY]);
        assert_eq!(features.iter().map(|[score, ..]| *score).collect::<Vec<_>>(), [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(features.iter().flatten().all(|number| number.is_finite()));
    }

    proptest! {
        #[test]
        fn features_are_finite_and_bounded_whatever_the_scores(scores in prop::collection::vec(any::<f32>(), 0..50)) {
            for [score, log, place] in of_scores(&scores) {
                prop_assert!((0.0..=1.0).contains(&score) && (-5.0..=0.1).contains(&log) && (-5.0..=0.0).contains(&place));
            }
        }
    }
}
