//! The sums that a preference vector is the direction of: an exponential average in continuous time.
//!
//! `P = Σ wᵢ·2^((tᵢ−T)/H)·eᵢ` over what was liked (`wᵢ > 0`) and `N`, likewise, over what was refused, with
//! `T = max tᵢ`. Taste is the direction of `P − ρN`, and there is none while `P = 0`. Sums commute, so the order in
//! which actions arrive does not matter beyond rounding; see ADR 13.

use std::time::Duration;

use crate::{Timestamp, UnitVector};

/// How taste is summed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TasteRules {
    /// `H`: the time in which an action loses half of its weight. 1 min to 3,660 days.
    pub half_life: Duration,
    /// `ρ`: how much of what was refused is taken off, in [0, 1].
    pub refused_share: f32,
}

impl Default for TasteRules {
    /// 30 days, as long as interest in a product lasts; one half, so that a product that was liked and then refused
    /// with equal weights leaves a little of its direction instead of the opposite one.
    fn default() -> Self {
        Self { half_life: Duration::from_secs(30 * 24 * 3600), refused_share: 0.5 }
    }
}

/// What a vector that was made under the rules before these weighs: a purchase moves it by 0.3 of itself, as it did.
/// Source: `w / (w + m) = 0.3` at `w = 1`.
pub const MASS_BEFORE_SUMS: f32 = 7.0 / 3.0;

/// What stands behind a preference vector.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Sums {
    /// The norm of `P − ρN`; the vector times the mass is that sum.
    pub mass: f32,
    /// `T`: the time of the latest action in the sums, at which they hold.
    pub at: Timestamp,
    /// The two sums by themselves, as soon as something was refused: until then `P` is the vector times the mass.
    pub split: Option<Box<Split>>,
}

/// Sums of one width, in single precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// `P`.
    pub liked: Vec<f32>,
    /// `N`.
    pub refused: Vec<f32>,
}

impl Sums {
    /// Adds `embedding` with `weight`, of an action at `at`, and brings `vector` up to date with the sums.
    ///
    /// Rounds to single precision after each action: how actions are batched changes nothing. An embedding of
    /// another width than what is there is left out.
    pub(super) fn add(
        &mut self,
        vector: &mut Option<UnitVector>,
        embedding: &UnitVector,
        weight: f32,
        at: Timestamp,
        rules: TasteRules,
    ) {
        if weight == 0.0 || self.width(vector.as_ref()).is_some_and(|width| width != embedding.dimensions()) {
            return;
        }
        let is_empty = vector.is_none() && self.split.is_none();
        let (keep, share) = if is_empty || at >= self.at {
            let keep = if is_empty { 1.0 } else { decay(at, self.at, rules.half_life) };
            self.at = at;
            (keep, 1.0)
        } else {
            (1.0, decay(self.at, at, rules.half_life))
        };
        let add = f64::from(weight.abs()) * share;
        if weight > 0.0 && self.split.is_none() {
            self.add_liked(vector, embedding, keep, add);
        } else {
            let split = self
                .split
                .get_or_insert_with(|| Split::of(vector.as_ref(), self.mass, embedding.dimensions()));
            split.add(embedding, weight > 0.0, keep as f32, add as f32);
            let (direction, mass) = split.difference(rules.refused_share);
            (*vector, self.mass) = (direction, mass);
        }
    }

    pub(super) fn width(&self, vector: Option<&UnitVector>) -> Option<usize> {
        self.split.as_ref().map(|split| split.liked.len()).or_else(|| vector.map(UnitVector::dimensions))
    }

    fn add_liked(&mut self, vector: &mut Option<UnitVector>, embedding: &UnitVector, keep: f64, add: f64) {
        let kept = f64::from(self.mass) * keep;
        match vector {
            Some(direction) if kept > 0.0 => {
                let cosine = f64::from(direction.cosine(embedding));
                self.mass = (kept * kept + add * add + 2.0 * kept * add * cosine).max(0.0).sqrt() as f32;
                let whole = kept + add;
                direction.blend((kept / whole) as f32, embedding, (add / whole) as f32);
            }
            _ => {
                *vector = (add > 0.0).then(|| embedding.clone());
                self.mass = add as f32;
            }
        }
    }
}

impl Split {
    pub(super) fn of(vector: Option<&UnitVector>, mass: f32, width: usize) -> Box<Self> {
        let liked = match vector {
            Some(vector) => vector.as_slice().iter().map(|number| number * mass).collect(),
            None => vec![0.0; width],
        };
        Box::new(Self { liked, refused: vec![0.0; width] })
    }

    fn add(&mut self, embedding: &UnitVector, is_liked: bool, keep: f32, add: f32) {
        if keep != 1.0 {
            self.liked.iter_mut().chain(&mut self.refused).for_each(|number| *number *= keep);
        }
        let sum = if is_liked { &mut self.liked } else { &mut self.refused };
        for (number, more) in sum.iter_mut().zip(embedding.as_slice()) {
            *number += add * more;
        }
    }

    /// The direction and the norm of `P − ρN`; no direction while nothing was liked, or where the two cancel out.
    pub(super) fn difference(&self, refused_share: f32) -> (Option<UnitVector>, f32) {
        if self.liked.iter().all(|number| *number == 0.0) {
            return (None, 0.0);
        }
        let difference: Vec<f32> =
            self.liked.iter().zip(&self.refused).map(|(p, n)| p - refused_share * n).collect();
        let norm = difference.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt() as f32;
        (UnitVector::normalised(difference).ok(), norm)
    }
}

/// What remains at `now` of a weight of 1 at `then`, which is not later.
pub(super) fn decay(now: Timestamp, then: Timestamp, half_life: Duration) -> f64 {
    let half_lives = now.since(then).as_secs_f64() / half_life.as_secs_f64();
    (-half_lives).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3600 * 1000;

    fn unit(numbers: [f32; 3]) -> UnitVector {
        UnitVector::normalised(numbers.to_vec()).unwrap()
    }

    fn sum(steps: &[([f32; 3], f32, i64)]) -> (Option<UnitVector>, Sums) {
        let (mut vector, mut sums) = (None, Sums::default());
        for (numbers, weight, day) in steps {
            let at = Timestamp::from_ms(day * DAY_MS);
            sums.add(&mut vector, &unit(*numbers), *weight, at, TasteRules::default());
        }
        (vector, sums)
    }

    const X: [f32; 3] = [1.0, 0.0, 0.0];
    const Y: [f32; 3] = [0.0, 1.0, 0.0];

    #[test]
    fn an_action_loses_half_of_its_weight_in_a_half_life() {
        let (vector, sums) = sum(&[(X, 1.0, 0), (Y, 0.5, 30)]);
        assert!(vector.unwrap().cosine(&unit([1.0, 1.0, 0.0])) > 1.0 - 1e-6);
        assert!((sums.mass - 0.5_f32.sqrt()).abs() < 1e-6);
        assert_eq!(sums.at, Timestamp::from_ms(30 * DAY_MS));
    }

    #[test]
    fn a_late_action_adds_what_is_left_of_it() {
        let in_order = sum(&[(X, 1.0, 0), (Y, 1.0, 60), ([0.0, 0.0, 1.0], 0.4, 90)]);
        let late = sum(&[([0.0, 0.0, 1.0], 0.4, 90), (Y, 1.0, 60), (X, 1.0, 0)]);
        assert!(in_order.0.unwrap().cosine(&late.0.unwrap()) > 1.0 - 1e-6);
        assert!((in_order.1.mass - late.1.mass).abs() < 1e-6);
        assert_eq!(in_order.1.at, late.1.at);
    }

    #[test]
    fn refusals_alone_give_no_direction_in_whatever_order_they_come() {
        let (vector, sums) = sum(&[(Y, -0.6, 0)]);
        assert_eq!((vector, sums.mass), (None, 0.0));
        let before = sum(&[(Y, -0.6, 0), (X, 1.0, 1)]);
        let after = sum(&[(X, 1.0, 1), (Y, -0.6, 0)]);
        let (before, after) = (before.0.unwrap(), after.0.unwrap());
        assert!(before.cosine(&after) > 1.0 - 1e-6);
        assert!(before.as_slice()[1] < -0.2, "away from what was refused: {before:?}");
    }

    #[test]
    fn ages_of_time_and_opposites_give_numbers() {
        let (vector, sums) = sum(&[(X, 1.0, -200_000), (Y, 1.0, 20_000)]);
        assert_eq!(vector.unwrap(), unit(Y));
        assert!(sums.mass.is_finite());
        let (vector, sums) = sum(&[(X, 1.0, 0), ([-1.0, 0.0, 0.0], 1.0, 0), (Y, 1.0, 1)]);
        assert!(vector.unwrap().cosine(&unit(Y)) > 0.999 && sums.mass.is_finite());
        let (vector, _) = sum(&[(X, 0.5, 0), (X, -1.0, 0), (Y, 1.0, 0)]);
        assert!(vector.unwrap().cosine(&unit(Y)) > 0.999);
    }
}
