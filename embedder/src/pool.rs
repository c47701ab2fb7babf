//! From a model's token states to one unit vector a text.

use ndarray::{Array2, ArrayView3, Axis};

/// Mean over a row's own tokens, then L2 normalisation: `[rows, tokens, D]` → `[rows, D]`.
///
/// `lengths[row]` says how many leading tokens of a row are real; the rest is padding. Fails when a row has
/// no token, or its mean is not finite or is zero: such a vector has no direction and must not be stored.
pub(crate) fn mean_pool(states: ArrayView3<'_, f32>, lengths: &[usize]) -> Result<Array2<f32>, String> {
    let (rows, tokens, width) = states.dim();
    if rows != lengths.len() {
        return Err(format!("the model answered {rows} rows for {} texts", lengths.len()));
    }
    let mut pooled = Array2::zeros((rows, width));
    for (row, &length) in lengths.iter().enumerate() {
        if length == 0 || length > tokens {
            return Err(format!("row {row} has {length} tokens of {tokens}"));
        }
        let mut mean = pooled.row_mut(row);
        for state in states.index_axis(Axis(0), row).outer_iter().take(length) {
            mean += &state;
        }
        let norm = mean.dot(&mean).sqrt();
        if !norm.is_finite() || norm <= f32::MIN_POSITIVE {
            return Err(format!("row {row} has no direction (its norm is {norm})"));
        }
        mean /= norm;
    }
    Ok(pooled)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    #[test]
    fn padding_does_not_count() {
        let states =
            Array3::from_shape_vec((2, 2, 2), vec![3.0, 0.0, 3.0, 8.0, 0.0, 2.0, 99.0, 99.0]).unwrap();
        let pooled = mean_pool(states.view(), &[2, 1]).unwrap();
        assert_eq!(pooled, array![[0.6, 0.8], [0.0, 1.0]]);
    }

    #[test]
    fn refuses_vectors_without_direction() {
        let zero = Array3::<f32>::zeros((1, 1, 2));
        assert!(mean_pool(zero.view(), &[1]).is_err());
        let nan = Array3::from_elem((1, 1, 2), f32::NAN);
        assert!(mean_pool(nan.view(), &[1]).is_err());
        let fine = Array3::from_elem((1, 1, 2), 1.0);
        assert!(mean_pool(fine.view(), &[0]).is_err());
        assert!(mean_pool(fine.view(), &[1, 1]).is_err());
    }
}
