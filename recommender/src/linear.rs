//! A dense linear model for small catalogues: EASE, each item's score a weighted sum of what the shopper liked.
//!
//! Source: Steck, "Embarrassingly shallow autoencoders for sparse data", 2019.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::rows::Rows;

/// Most items: more cost `12 × items²` bytes while learning and `items³` multiplications.
pub const LINEAR_ITEMS_MAX: usize = 5_000;
/// Smallest block that is inverted entry by entry.
const BLOCK: usize = 64;

/// Weights from what was liked to what may be.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[modelled items, modelled items]`, row by what was liked.
    weights: Array2<f32>,
    /// Of each item its row, if it is modelled.
    place: Vec<Option<u32>>,
    /// Of each row its item.
    item: Vec<u32>,
}

impl Linear {
    /// Learns from what shoppers (rows) liked of the items (columns) that were liked most, at most [`LINEAR_ITEMS_MAX`]: every
    /// positive entry counts 1. Nothing if there is nothing to learn from, or if `regularisation` is so small that rounding decides.
    pub fn learn(liked: &Rows, regularisation: f32) -> Option<Self> {
        let by_item = liked.transposed();
        let mut item: Vec<u32> =
            (0..by_item.len() as u32).filter(|i| !by_item.row(*i as usize).0.is_empty()).collect();
        item.sort_by_key(|i| std::cmp::Reverse(by_item.row(*i as usize).0.len()));
        item.truncate(LINEAR_ITEMS_MAX);
        item.sort_unstable();
        let mut place = vec![None; by_item.len()];
        for (row, item) in item.iter().enumerate() {
            place[*item as usize] = Some(row as u32);
        }
        let mut gram = Array2::zeros((item.len(), item.len()));
        for shopper in 0..liked.len() {
            let (columns, values) = liked.row(shopper);
            let known = columns.iter().zip(values).filter(|(_, value)| **value > 0.0);
            let own: Vec<usize> =
                known.filter_map(|(column, _)| place[*column as usize]).map(|p| p as usize).collect();
            for a in &own {
                let mut row = gram.row_mut(*a);
                own.iter().for_each(|b| row[*b] += 1.0f32);
            }
        }
        gram.diag_mut().mapv_inplace(|count| count + regularisation);
        let mut weights = if item.is_empty() { return None } else { inverse(gram.view())? };
        let diagonal = weights.diag().to_owned();
        for (row, mut numbers) in weights.axis_iter_mut(Axis(0)).enumerate() {
            numbers.zip_mut_with(&diagonal, |number, of_column| *number /= -of_column);
            numbers[row] = 0.0;
        }
        weights.iter().all(|number| number.is_finite()).then_some(Self { weights, place, item })
    }

    /// Adds to `scores`, one an item, what liking `item` with `share` says.
    pub fn add_scores(&self, item: u32, share: f32, scores: &mut [f32]) {
        let Some(Some(row)) = self.place.get(item as usize) else { return };
        for (weight, item) in self.weights.row(*row as usize).iter().zip(&self.item) {
            if let Some(score) = scores.get_mut(*item as usize) {
                *score += share * weight;
            }
        }
    }
}

/// The inverse of a symmetric positive definite matrix, by halves and Schur's complement; nothing if it is not one.
fn inverse(matrix: ArrayView2<'_, f32>) -> Option<Array2<f32>> {
    let n = matrix.nrows();
    if n <= BLOCK {
        return inverse_of_block(matrix);
    }
    let half = n / 2;
    let (top, bottom) = matrix.split_at(Axis(0), half);
    let ((a, b), (_, d)) = (top.split_at(Axis(1), half), bottom.split_at(Axis(1), half));
    let a_inverse = inverse(a)?;
    let a_inverse_b = a_inverse.dot(&b);
    let schur = inverse((&d - &b.t().dot(&a_inverse_b)).view())?;
    let right = -a_inverse_b.dot(&schur);
    let left = a_inverse - right.dot(&a_inverse_b.t());
    let top = concatenate(Axis(1), &[left.view(), right.view()]).ok()?;
    let bottom = concatenate(Axis(1), &[right.t(), schur.view()]).ok()?;
    concatenate(Axis(0), &[top.view(), bottom.view()]).ok()
}

/// By Gauss and Jordan, in `f64`.
fn inverse_of_block(matrix: ArrayView2<'_, f32>) -> Option<Array2<f32>> {
    let n = matrix.nrows();
    let mut left = matrix.mapv(f64::from);
    let mut right = Array2::<f64>::eye(n);
    for pivot in 0..n {
        let scale = left[[pivot, pivot]];
        if !scale.is_finite() || scale <= 0.0 {
            return None;
        }
        left.row_mut(pivot).mapv_inplace(|number| number / scale);
        right.row_mut(pivot).mapv_inplace(|number| number / scale);
        let (own_left, own_right) = (left.row(pivot).to_owned(), right.row(pivot).to_owned());
        for row in (0..n).filter(|row| *row != pivot) {
            let factor = left[[row, pivot]];
            left.row_mut(row).scaled_add(-factor, &own_left);
            right.row_mut(row).scaled_add(-factor, &own_right);
        }
    }
    Some(right.mapv(|number| number as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draws;

    #[test]
    fn an_inverse_inverts_in_blocks_too() {
        let mut draws = Draws::new(1);
        let x = Array2::from_shape_simple_fn((400, 200), || draws.normal() as f32);
        let mut matrix = x.t().dot(&x);
        matrix.diag_mut().mapv_inplace(|number| number + 50.0);
        let off = matrix.dot(&inverse(matrix.view()).unwrap()) - Array2::<f32>::eye(200);
        assert!(off.iter().all(|number| number.abs() < 1e-3));
        assert!(inverse(Array2::<f32>::zeros((3, 3)).view()).is_none());
    }

    /// Each column is the ridge regression of an item on all others: Steck, 2019, equation 3.
    #[test]
    fn weights_are_the_ridge_regression_of_each_item_on_the_others() {
        let rows = [vec![0, 1], vec![0, 1, 2], vec![1, 2], vec![0, 2, 3], vec![3, 1]];
        let liked = Rows::new(4, rows.iter().map(|row| row.iter().map(|i| (*i, 1.0)).collect()));
        let model = Linear::learn(&liked, 2.0).unwrap();
        let x = Array2::from_shape_fn((5, 4), |(r, c)| f64::from(u8::from(rows[r].contains(&(c as u32)))));
        for target in 0..4 {
            let others: Vec<usize> = (0..4).filter(|i| *i != target).collect();
            let weight = |i: usize| f64::from(model.weights[[i, target]]);
            // The gradient of the regression is 0 at its solution.
            for i in &others {
                let residual =
                    |r: usize| x[[r, target]] - others.iter().map(|j| x[[r, *j]] * weight(*j)).sum::<f64>();
                let gradient: f64 = (0..5).map(|r| -x[[r, *i]] * residual(r)).sum::<f64>() + 2.0 * weight(*i);
                assert!(gradient.abs() < 1e-5, "{gradient}");
            }
            assert_eq!(weight(target), 0.0);
        }
    }

    #[test]
    fn nothing_is_learned_from_nothing() {
        assert!(Linear::learn(&Rows::new(3, std::iter::empty()), 1.0).is_none());
    }
}
