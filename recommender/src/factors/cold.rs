//! Factors for items that nobody acted on yet, from what is said of them.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::half::dot;
use super::shopper::solve;
use super::{FactorError, ItemFactors};

/// How the map from texts to factors is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColdRules {
    /// How much long columns of the map cost, beside the mean square of a text's numbers. Above 0.
    pub regularisation: f32,
    /// Rank of the norm that a cold item is given among the norms of learned items, 0 to 1. Norm is popularity: at 0 cold items never
    /// win, at 1 always.
    pub norm_quantile: f32,
}

impl Default for ColdRules {
    fn default() -> Self {
        Self { regularisation: 1.0, norm_quantile: 0.5 }
    }
}

/// A ridge regression from vectors of texts to items' factors.
#[derive(Clone, Debug)]
pub struct ColdItems {
    /// `[width of texts, width of factors]`.
    map: Array2<f32>,
    norm: f32,
}

impl ColdItems {
    /// Learns from the items for which `learned` says so: `texts` is `[items, width of texts]`, rows in the order of the factors'.
    ///
    /// # Errors
    /// [`FactorError::Shape`] if there are not as many texts as items, if they are not finite, or if nothing was learned.
    pub fn learn(
        factors: &ItemFactors,
        texts: &Array2<f32>,
        learned: impl Fn(usize) -> bool,
        rules: ColdRules,
    ) -> Result<Self, FactorError> {
        let rows: Vec<usize> = (0..factors.len()).filter(|item| learned(*item)).collect();
        let is_finite = texts.iter().all(|number| number.is_finite());
        if texts.nrows() != factors.len() || !is_finite || rows.is_empty() {
            return Err(FactorError::Shape);
        }
        let (x, y) = (texts.select(Axis(0), &rows), factors.items().select(Axis(0), &rows));
        let mut gram = x.t().dot(&x);
        let mean_square = gram.diag().mean().unwrap_or(0.0) / rows.len() as f32;
        // Never so small that rounding decides.
        let cost = rules.regularisation * mean_square + 1e-6 * gram.diag().sum() + f32::MIN_POSITIVE;
        gram.diag_mut().mapv_inplace(|number| number + cost);
        let right = x.t().dot(&y);
        let mut map = Array2::zeros(right.raw_dim());
        for (column, mut target) in right.axis_iter(Axis(1)).zip(map.axis_iter_mut(Axis(1))) {
            let mut solved = column.to_vec();
            if !solve(&mut gram.clone(), &mut solved) {
                return Err(FactorError::Shape);
            }
            target.assign(&Array1::from_vec(solved));
        }
        let mut norms: Vec<f32> = y.outer_iter().map(|row| row.dot(&row).sqrt()).collect();
        norms.sort_unstable_by(f32::total_cmp);
        let place = (rules.norm_quantile.clamp(0.0, 1.0) * (norms.len() - 1) as f32).round() as usize;
        Ok(Self { map, norm: norms[place] })
    }

    /// The factor of an item of that text; zeros for a vector of another width, or that is not finite.
    pub fn factor(&self, text: ArrayView1<'_, f32>) -> Array1<f32> {
        if text.len() != self.map.nrows() || text.iter().any(|number| !number.is_finite()) {
            return Array1::zeros(self.map.ncols());
        }
        let factor = text.dot(&self.map);
        let length = factor.as_slice().map_or(0.0, |numbers| dot(numbers, numbers)).sqrt();
        if length > 0.0 && length.is_finite() {
            factor * (self.norm / length)
        } else {
            Array1::zeros(self.map.ncols())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draws, FactorRules};

    /// Factors that are a linear map of texts are found again, of the norm asked for.
    #[test]
    fn a_linear_map_is_found_again() {
        let mut draws = Draws::new(4);
        let texts = Array2::from_shape_simple_fn((200, 5), || draws.normal() as f32);
        let map = Array2::from_shape_simple_fn((5, 3), || draws.normal() as f32);
        let rules = FactorRules { width: 3, ..FactorRules::default() };
        let factors = ItemFactors::new(texts.dot(&map), rules).unwrap();
        let cold = ColdItems::learn(&factors, &texts, |item| item < 150, ColdRules::default()).unwrap();
        let mut norms: Vec<f32> =
            (0..150).map(|i| factors.items().row(i).dot(&factors.items().row(i)).sqrt()).collect();
        norms.sort_unstable_by(f32::total_cmp);
        for item in 150..200 {
            let (guess, truth) = (cold.factor(texts.row(item)), factors.item(item as u32).unwrap());
            let cosine = guess.dot(&truth) / (guess.dot(&guess) * truth.dot(&truth)).sqrt();
            assert!(cosine > 0.97, "{cosine}");
            assert!((guess.dot(&guess).sqrt() - norms[75]).abs() < norms[75] * 0.02);
        }
    }

    #[test]
    fn texts_that_do_not_fit_are_refused_and_broken_ones_give_zeros() {
        let rules = FactorRules { width: 2, ..FactorRules::default() };
        let factors = ItemFactors::new(Array2::ones((3, 2)), rules).unwrap();
        let learn =
            |texts: &Array2<f32>, any: bool| ColdItems::learn(&factors, texts, |_| any, ColdRules::default());
        assert!(learn(&Array2::ones((2, 4)), true).is_err());
        assert!(learn(&Array2::ones((3, 4)), false).is_err());
        let cold = learn(&Array2::ones((3, 4)), true).unwrap();
        assert_eq!(cold.factor(Array1::from_elem(4, f32::NAN).view()), Array1::<f32>::zeros(2));
        assert_eq!(cold.factor(Array1::ones(3).view()), Array1::<f32>::zeros(2));
    }
}
