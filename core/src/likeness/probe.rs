//! What is compared with many vectors, one after the other.

use std::sync::Arc;

use super::{LikenessScale, SAME_COSINE_MIN, without};
use crate::UnitVector;
use crate::vector::dot;

/// A vector, how others are compared with it, and how near they must be.
#[derive(Clone, Debug)]
pub struct Probe {
    vector: UnitVector,
    /// The direction that is taken off both, and the vector's cosine to it.
    common: Option<(Arc<[f32]>, f32)>,
    cosine_min: f32,
}

impl Probe {
    /// Compares by plain cosines of at least `cosine_min`.
    pub fn by_cosine(vector: UnitVector, cosine_min: f32) -> Self {
        Self { vector, common: None, cosine_min }
    }

    /// Compares by cosines without the common direction of `scale`, of at least `likeness_min` standard deviations above
    /// chance. Without a scale of this width, only what is nearly the same is near: [`SAME_COSINE_MIN`].
    pub fn by_likeness(vector: UnitVector, scale: Option<&LikenessScale>, likeness_min: f32) -> Self {
        match scale.filter(|scale| scale.common.len() == vector.dimensions()) {
            Some(scale) => {
                let along = dot(vector.as_slice(), &scale.common);
                let cosine_min = scale.mean + likeness_min * scale.spread;
                Self { vector, common: Some((Arc::clone(&scale.common), along)), cosine_min }
            }
            None => Self::by_cosine(vector, SAME_COSINE_MIN),
        }
    }

    /// How near `other` is, in -1 to 1; `None` if it is not near enough or of another width.
    pub fn score(&self, other: &UnitVector) -> Option<f32> {
        if other.dimensions() != self.vector.dimensions() {
            return None;
        }
        let cosine = dot(self.vector.as_slice(), other.as_slice());
        let score = match &self.common {
            Some((common, along)) => without(cosine, *along, dot(other.as_slice(), common)),
            None => cosine,
        };
        (score >= self.cosine_min).then_some(score)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::*;

    #[test]
    fn scores_as_the_scale_does() {
        let products = shop(60, 6, 0.8);
        let scale = LikenessScale::of(&products).unwrap();
        let probe = Probe::by_likeness(products[0].clone(), Some(&scale), 1.5);
        for product in &products {
            let alike = scale.likeness(&products[0], product).unwrap() >= 1.5;
            assert_eq!(probe.score(product).is_some(), alike);
        }
    }

    #[test]
    fn without_a_scale_only_the_same_is_near() {
        let unit = |numbers: &[f32]| UnitVector::normalised(numbers.to_vec()).unwrap();
        let scale = LikenessScale::of(&shop(60, 6, 0.8)).unwrap();
        for scale in [None, Some(&scale)] {
            let probe = Probe::by_likeness(unit(&[1.0, 0.0]), scale, 1.0);
            assert!(probe.score(&unit(&[1.0, 0.1])).is_some());
            assert!(probe.score(&unit(&[1.0, 0.5])).is_none());
            assert!(probe.score(&unit(&[1.0])).is_none());
        }
    }
}
