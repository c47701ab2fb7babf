//! A share of taste by itself: actions that come to a state all at once.

use std::time::Duration;

use super::sums::{Split, Sums, TasteRules, decay};
use crate::{Timestamp, UnitVector};

/// The sums of some actions, apart from those of a state; in double precision.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Share {
    liked: Vec<f64>,
    refused: Vec<f64>,
    /// The time of the latest of them, at which the sums hold.
    at: Timestamp,
}

impl Share {
    /// Adds `embedding` with `weight`, of an action at `at`. One of another width than those before is left out.
    pub fn add(&mut self, embedding: &UnitVector, weight: f32, at: Timestamp, half_life: Duration) {
        let width = embedding.dimensions();
        if self.is_empty() {
            (self.liked, self.refused, self.at) = (vec![0.0; width], vec![0.0; width], at);
        }
        if weight == 0.0 || self.liked.len() != width {
            return;
        }
        if at > self.at {
            let keep = decay(at, self.at, half_life);
            self.liked.iter_mut().chain(&mut self.refused).for_each(|number| *number *= keep);
            self.at = at;
        }
        let add = f64::from(weight.abs()) * decay(self.at, at, half_life);
        let sum = if weight > 0.0 { &mut self.liked } else { &mut self.refused };
        for (number, more) in sum.iter_mut().zip(embedding.as_slice()) {
            *number += add * f64::from(*more);
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.liked.is_empty()
    }
}

impl Sums {
    /// Adds `share` as if its actions were added one by one, and brings `vector` up to date with the sums.
    pub(super) fn merge(&mut self, vector: &mut Option<UnitVector>, share: &Share, rules: TasteRules) {
        let width = share.liked.len();
        if share.is_empty() || self.width(vector.as_ref()).is_some_and(|known| known != width) {
            return;
        }
        let is_empty = vector.is_none() && self.split.is_none();
        let at = if is_empty { share.at } else { self.at.max(share.at) };
        let keep = if is_empty { 0.0 } else { decay(at, self.at, rules.half_life) };
        let part = decay(at, share.at, rules.half_life);
        let is_split = self.split.is_some() || share.refused.iter().any(|number| *number != 0.0);
        let known = self.split.take().unwrap_or_else(|| Split::of(vector.as_ref(), self.mass, width));
        let sum = |known: &[f32], more: &[f64]| {
            let both = known.iter().zip(more);
            both.map(|(known, more)| (f64::from(*known) * keep + more * part) as f32).collect()
        };
        let split =
            Split { liked: sum(&known.liked, &share.liked), refused: sum(&known.refused, &share.refused) };
        (*vector, self.mass) = split.difference(rules.refused_share);
        self.at = at;
        self.split = is_split.then(|| Box::new(split));
    }
}
