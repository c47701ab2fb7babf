//! How alike two vectors are, on a scale that holds for every model and every shop.
//!
//! Cosines do not compare between models: two products that have nothing to do with each other are at 0.1 by one model
//! and at 0.8 by another. What compares is how far a cosine stands out from those that the shop's own products have by
//! chance. [`LikenessScale`] measures that chance on a sample of the catalogue.

mod current;
mod probe;
mod sample;

use std::sync::Arc;

pub use current::CurrentScale;
pub use probe::Probe;
pub use sample::sample;

use crate::UnitVector;
use crate::vector::dot;

/// Products that a scale is measured on: 130,000 pairs, in a millisecond for each ten dimensions.
pub const SAMPLE_MAX: usize = 512;
/// Fewest products that tell what chance is.
pub const SAMPLE_MIN: usize = 16;
/// Cosine from which two vectors are alike where no scale is known, by any model: nearly the same text.
pub const SAME_COSINE_MIN: f32 = 0.95;

/// Least spread of cosines: a shop of nearly equal texts must not make a difference of rounding look large.
const SPREAD_MIN: f32 = 1e-3;
/// Least squared length of what is left of a vector without the common direction.
const OWN_SQUARED_MIN: f32 = 1e-4;
/// Range of cosines, in spreads, below which a ranking's differences are noise: 0.05 for all-MiniLM-L6-v2, for which it
/// was set.
const NOISE_SPREADS: f32 = 0.4;

/// What cosines two products of a shop have by chance, by the model that embedded them.
///
/// The direction that all products share is taken off first. Without that, a shopper's taste, an average of many
/// products, is near to that direction and so to every product, the more the broader it is.
#[derive(Clone, Debug)]
pub struct LikenessScale {
    /// `[D]`: the unit vector of the sample's mean.
    common: Arc<[f32]>,
    /// Mean and standard deviation of cosines without the common direction.
    mean: f32,
    spread: f32,
    /// Standard deviation of plain cosines.
    plain_spread: f32,
}

impl LikenessScale {
    /// The scale of a shop from a sample of its vectors, `[n, D]`, of which at most [`SAMPLE_MAX`] are looked at; `None`
    /// for fewer than [`SAMPLE_MIN`]. Costs O(n² · D).
    pub fn of(sample: &[UnitVector]) -> Option<Self> {
        let sample = &sample[..sample.len().min(SAMPLE_MAX)];
        let dimensions = sample.first()?.dimensions();
        if sample.len() < SAMPLE_MIN || sample.iter().any(|vector| vector.dimensions() != dimensions) {
            return None;
        }
        let mut mean = vec![0.0; dimensions];
        for vector in sample {
            mean.iter_mut().zip(vector.as_slice()).for_each(|(sum, number)| *sum += number);
        }
        // A mean of nothing has no direction to take off; then the first axis is as good as any.
        let common: Arc<[f32]> = match UnitVector::normalised(mean) {
            Ok(common) => common.as_slice().into(),
            Err(_) => (0..dimensions).map(|axis| if axis == 0 { 1.0 } else { 0.0 }).collect(),
        };
        let along: Vec<f32> = sample.iter().map(|vector| dot(vector.as_slice(), &common)).collect();
        let (mut own, mut plain) = (Moments::default(), Moments::default());
        for (place, a) in sample.iter().enumerate() {
            for (b, along_b) in sample[..place].iter().zip(&along) {
                let cosine = a.cosine(b);
                plain.add(cosine);
                own.add(without(cosine, along[place], *along_b));
            }
        }
        let spread = own.deviation().max(SPREAD_MIN);
        Some(Self { common, mean: own.mean(), spread, plain_spread: plain.deviation().max(SPREAD_MIN) })
    }

    /// How many standard deviations more alike `a` and `b` are than two products by chance; `None` if their width is not
    /// that of the scale.
    pub fn likeness(&self, a: &UnitVector, b: &UnitVector) -> Option<f32> {
        let width = self.common.len();
        if a.dimensions() != width || b.dimensions() != width {
            return None;
        }
        let along = |vector: &UnitVector| dot(vector.as_slice(), &self.common);
        Some((without(a.cosine(b), along(a), along(b)) - self.mean) / self.spread)
    }

    /// Range of plain cosines below which the differences of a ranking are noise.
    pub fn noise(&self) -> f32 {
        NOISE_SPREADS * self.plain_spread
    }
}

/// The cosine of two unit vectors without a common direction, to which their cosines are `a` and `b`.
fn without(cosine: f32, a: f32, b: f32) -> f32 {
    let own = (1.0 - a * a).max(OWN_SQUARED_MIN) * (1.0 - b * b).max(OWN_SQUARED_MIN);
    ((cosine - a * b) / own.sqrt()).clamp(-1.0, 1.0)
}

#[derive(Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f32 {
        (self.sum / self.count) as f32
    }

    fn deviation(&self) -> f32 {
        let mean = self.sum / self.count;
        (self.squares / self.count - mean * mean).max(0.0).sqrt() as f32
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Products of `kinds` kinds, `[n, 8]`, with `shared` of their length in one direction that all share.
    pub(crate) fn shop(count: usize, kinds: usize, shared: f32) -> Vec<UnitVector> {
        (0..count)
            .map(|number| {
                let mut numbers = vec![0.0; 8];
                numbers[0] = shared;
                numbers[1 + number % kinds] = 1.0 - shared;
                numbers[7] = 0.02 * (number % 5) as f32;
                UnitVector::normalised(numbers).unwrap()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::shop;
    use super::*;

    #[test]
    fn a_narrow_model_and_a_wide_one_agree_on_what_is_alike() {
        for shared in [0.1, 0.5, 0.8] {
            let products = shop(60, 6, shared);
            let scale = LikenessScale::of(&products).unwrap();
            let likeness = |a: usize, b: usize| scale.likeness(&products[a], &products[b]).unwrap();
            assert!(likeness(0, 6) > 1.5, "same kind, {shared}: {}", likeness(0, 6));
            assert!(likeness(0, 1) < 0.5, "other kind, {shared}: {}", likeness(0, 1));
            let plain = products[0].cosine(&products[1]);
            assert!(shared < 0.8 || plain > 0.9, "by plain cosines a stranger is near: {plain}");
        }
    }

    #[test]
    fn a_broad_taste_is_not_like_everything() {
        let products = shop(60, 6, 0.8);
        let scale = LikenessScale::of(&products).unwrap();
        let mut broad = vec![0.0; 8];
        for product in &products[..6] {
            broad.iter_mut().zip(product.as_slice()).for_each(|(sum, number)| *sum += number);
        }
        let broad = UnitVector::normalised(broad).unwrap();
        assert!(broad.cosine(&products[0]) > 0.95, "by plain cosines it is");
        assert!(scale.likeness(&broad, &products[0]).unwrap() < 1.5);
    }

    #[test]
    fn small_equal_and_unfit_samples_are_no_scale_or_a_bounded_one() {
        assert!(LikenessScale::of(&[]).is_none());
        assert!(LikenessScale::of(&shop(SAMPLE_MIN - 1, 3, 0.1)).is_none());
        let mut mixed = shop(SAMPLE_MIN, 3, 0.1);
        mixed.push(UnitVector::normalised(vec![1.0, 0.0]).unwrap());
        assert!(LikenessScale::of(&mixed).is_none());
        let equal = vec![shop(1, 1, 0.1).remove(0); SAMPLE_MIN];
        let scale = LikenessScale::of(&equal).unwrap();
        assert!(scale.likeness(&equal[0], &equal[1]).unwrap().is_finite() && scale.noise() > 0.0);
        assert_eq!(scale.likeness(&equal[0], &UnitVector::normalised(vec![1.0]).unwrap()), None);
    }

    #[test]
    fn vectors_without_a_mean_have_a_scale() {
        let opposite = |number: usize| {
            UnitVector::normalised(vec![if number.is_multiple_of(2) { 1.0 } else { -1.0 }, 0.0, 0.0]).unwrap()
        };
        let products: Vec<UnitVector> = (0..SAMPLE_MIN).map(opposite).collect();
        assert!(
            LikenessScale::of(&products).unwrap().likeness(&products[0], &products[1]).unwrap().is_finite()
        );
    }
}
