//! Unit vectors: what a model makes of a text, and what is left of a shopper's actions.

use std::sync::Arc;

use ndarray::{ArrayView1, ArrayViewMut1};

/// How far the norm of a unit vector may be from 1.
pub const NORM_TOLERANCE: f32 = 1e-3;

/// A vector of Euclidean norm 1; cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitVector(Arc<[f32]>);

/// Why numbers are no unit vector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum VectorError {
    /// A number was NaN or infinite.
    #[error("vector holds a number that is not finite")]
    NotFinite,
    /// All numbers were (nearly) zero: no direction.
    #[error("vector has no direction")]
    Zero,
    /// The norm was not 1.
    #[error("vector has norm {0}, expected 1")]
    NotUnit(f32),
}

impl UnitVector {
    /// Normalises `numbers`.
    pub fn normalised(mut numbers: Vec<f32>) -> Result<Self, VectorError> {
        normalise(&mut numbers)?;
        Ok(Self(numbers.into()))
    }

    /// Takes `numbers` as they are, after checking that their norm is 1 within [`NORM_TOLERANCE`].
    pub fn checked(numbers: impl Into<Arc<[f32]>>) -> Result<Self, VectorError> {
        let numbers = numbers.into();
        let norm = norm(&numbers);
        if !norm.is_finite() {
            return Err(VectorError::NotFinite);
        }
        if (norm - 1.0).abs() > NORM_TOLERANCE {
            return Err(VectorError::NotUnit(norm));
        }
        Ok(Self(numbers))
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The numbers as a `[D]` array view.
    pub fn view(&self) -> ArrayView1<'_, f32> {
        ArrayView1::from(&self.0[..])
    }

    /// Width.
    pub fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// Cosine similarity in [-1, 1]; both must have one width.
    pub fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0).clamp(-1.0, 1.0)
    }

    /// Becomes the direction of `keep · self + add · other`, in place if nobody shares the numbers. Stays as it
    /// is if the widths differ, or if the two (nearly) cancel out.
    pub fn blend(&mut self, keep: f32, other: &Self, add: f32) {
        if self.dimensions() != other.dimensions() {
            return;
        }
        let squared = keep * keep + add * add + 2.0 * keep * add * self.cosine(other);
        if squared.is_nan() || squared < BLEND_SQUARED_MIN {
            return;
        }
        let numbers = Arc::make_mut(&mut self.0);
        for (number, other) in numbers.iter_mut().zip(other.as_slice()) {
            *number = keep * *number + add * other;
        }
        let norm = norm(numbers);
        for number in numbers {
            *number /= norm;
        }
    }
}

/// Least squared norm of a blend that still has a direction.
const BLEND_SQUARED_MIN: f32 = 1e-6;

/// Inner product; panics in debug builds if the widths differ.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    // Eight independent sums let the compiler use vector registers.
    let mut sums = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

fn norm(numbers: &[f32]) -> f32 {
    dot(numbers, numbers).sqrt()
}

/// Scales `numbers` to norm 1.
pub fn normalise(numbers: &mut [f32]) -> Result<(), VectorError> {
    let norm = norm(numbers);
    if !norm.is_finite() {
        return Err(VectorError::NotFinite);
    }
    if norm < 1e-12 {
        return Err(VectorError::Zero);
    }
    ArrayViewMut1::from(numbers).mapv_inplace(|x| x / norm);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directions_are_unit_vectors() {
        assert_eq!(UnitVector::normalised(vec![0.0; 4]), Err(VectorError::Zero));
        assert_eq!(UnitVector::normalised(vec![f32::NAN, 1.0]), Err(VectorError::NotFinite));
        assert_eq!(UnitVector::checked(vec![f32::INFINITY, 1.0]), Err(VectorError::NotFinite));
        assert!(matches!(UnitVector::checked(vec![1.0, 1.0]), Err(VectorError::NotUnit(_))));
        let v = UnitVector::normalised((0..19).map(|i| i as f32).collect()).unwrap();
        assert!((v.cosine(&v) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_blend_is_a_direction_between_and_leaves_others_alone() {
        let unit = |numbers: [f32; 3]| UnitVector::normalised(numbers.to_vec()).unwrap();
        let (x, y) = (unit([1.0, 0.0, 0.0]), unit([0.0, 1.0, 0.0]));
        let mut blend = x.clone();
        blend.blend(0.6, &y, 0.8);
        assert!(dot(blend.as_slice(), &[0.6, 0.8, 0.0]) > 1.0 - 1e-6);
        assert_eq!(x, unit([1.0, 0.0, 0.0]), "whoever shares the numbers keeps them");
        blend.blend(1.0, &unit([0.6, 0.8, 0.0]), -1.0);
        assert!(dot(blend.as_slice(), &[0.6, 0.8, 0.0]) > 1.0 - 1e-6, "what cancels out has no direction");
        blend.blend(0.5, &UnitVector::normalised(vec![1.0]).unwrap(), 0.5);
        assert_eq!(blend.dimensions(), 3);
    }
}
