//! Half of a sweep: every row of one side, given all of the other.

use ndarray::{Array2, Axis};

use super::{FactorRules, gram};
use crate::rows::Rows;
use crate::threads;

/// Rows that a thread takes at a time.
const CHUNK_ROWS: usize = 128;

/// `λ (confidence + α others)`: Rendle et al., 2022, with exponent 1.
pub(super) fn cost_of_length(rules: &FactorRules, confidence: f32, others: usize) -> f32 {
    rules.regularisation * (confidence + rules.unobserved * others as f32)
}

/// Brings `solved`, `[rows, width]`, nearer to the best for `others`, `[columns, width]`.
pub(super) fn solve(liked: &Rows, others: &Array2<f32>, solved: &mut Array2<f32>, rules: &FactorRules) {
    let gram = gram::gram(others) * rules.unobserved;
    let parts = solved.axis_chunks_iter_mut(Axis(0), CHUNK_ROWS).enumerate();
    threads::each(parts, |(chunk, mut rows)| {
        let mut work = Work::new(rules.width);
        for (i, mut row) in rows.outer_iter_mut().enumerate() {
            let (columns, confidences) = liked.row(chunk * CHUNK_ROWS + i);
            let Some(row) = row.as_slice_mut() else { continue };
            let cost = cost_of_length(rules, confidences.iter().map(|c| c.abs()).sum(), others.nrows());
            let system = System { gram: &gram, others, columns, confidences, cost };
            system.descend(row, rules.steps, &mut work);
        }
    });
}

/// `(Σ c y yᵀ + α G + cost) x = Σ c p y` of one row, never written out.
struct System<'a> {
    gram: &'a Array2<f32>,
    others: &'a Array2<f32>,
    columns: &'a [u32],
    confidences: &'a [f32],
    cost: f32,
}

/// Vectors that every row uses again.
struct Work {
    residual: Vec<f32>,
    direction: Vec<f32>,
    image: Vec<f32>,
}

impl Work {
    fn new(width: usize) -> Self {
        Self { residual: vec![0.0; width], direction: vec![0.0; width], image: vec![0.0; width] }
    }
}

impl System<'_> {
    /// Steps of conjugate gradient from `x`.
    fn descend(&self, x: &mut [f32], steps: usize, work: &mut Work) {
        if self.columns.is_empty() {
            x.fill(0.0);
            return;
        }
        let Work { residual, direction, image } = work;
        self.image(x, image);
        for (residual, image) in residual.iter_mut().zip(image.iter()) {
            *residual = -image;
        }
        for (other, confidence) in self.entries() {
            add_scaled(residual, confidence.max(0.0), other);
        }
        direction.copy_from_slice(residual);
        let mut error = dot(residual, residual);
        for _ in 0..steps {
            if error < 1e-12 {
                return;
            }
            self.image(direction, image);
            let step = error / dot(direction, image);
            if !step.is_finite() {
                return;
            }
            add_scaled(x, step, direction);
            add_scaled(residual, -step, image);
            let left = dot(residual, residual);
            let keep = left / error;
            for (direction, residual) in direction.iter_mut().zip(residual.iter()) {
                *direction = residual + keep * *direction;
            }
            error = left;
        }
    }

    /// `image = (Σ c y yᵀ + α G + cost) x`.
    fn image(&self, x: &[f32], image: &mut [f32]) {
        for (image, x) in image.iter_mut().zip(x) {
            *image = self.cost * x;
        }
        for (row, x) in self.gram.outer_iter().zip(x) {
            if let Some(row) = row.as_slice() {
                add_scaled(image, *x, row);
            }
        }
        for (other, confidence) in self.entries() {
            add_scaled(image, confidence.abs() * dot(other, x), other);
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&[f32], f32)> {
        let width = self.others.ncols();
        let all = self.others.as_slice().unwrap_or_default();
        self.columns.iter().zip(self.confidences).filter_map(move |(column, confidence)| {
            let from = *column as usize * width;
            Some((all.get(from..from + width)?, *confidence))
        })
    }
}

/// `Σ a b`, in eight sums side by side: the compiler may not reorder a single one.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a_eights.iter().zip(b_eights) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// `sum += scale × vector`.
pub(super) fn add_scaled(sum: &mut [f32], scale: f32, vector: &[f32]) {
    for (sum, number) in sum.iter_mut().zip(vector) {
        *sum += scale * number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Log;
    use crate::factors::confidences;
    use crate::log::testing::{event, two_tastes};
    use crate::{Draws, ItemFactors, Liked};

    /// Likes, and a refusal by each shopper.
    fn log() -> Log {
        let likes = two_tastes(30, 12, 4, 2);
        let refused = (0..30).map(|shopper| event(shopper, (shopper + 1) % 2 * 6 + shopper % 5, -0.6, 9_000));
        Log::new(likes.events().iter().copied().chain(refused).collect())
    }

    /// Enough steps solve a row as exactly as the closed form does.
    #[test]
    fn descent_ends_where_the_closed_form_is() {
        let log = log();
        let rules = FactorRules { width: 6, steps: 20, refusal: 1.0, ..FactorRules::default() };
        let liked = confidences(&log, &rules, 0);
        let factors = ItemFactors::learn(&liked, rules, &mut Draws::new(1)).unwrap();
        let mut solved = Array2::zeros((liked.len(), 6));
        solve(&liked, factors.items(), &mut solved, &rules);
        for shopper in 0..liked.len() {
            let (items, confidences) = liked.row(shopper);
            let own: Vec<Liked> =
                items.iter().zip(confidences).map(|(i, c)| Liked { item: *i, confidence: *c }).collect();
            let exact = factors.solve_shopper(&own, None);
            let distance = (&exact - &solved.row(shopper)).mapv(f32::abs).sum();
            assert!(distance < 1e-3, "{exact} {}", solved.row(shopper));
        }
    }

    /// Each sweep lowers what is minimised, up to rounding.
    #[test]
    fn sweeps_lower_the_loss() {
        let log = log();
        let rules = FactorRules { width: 4, steps: 5, refusal: 1.0, ..FactorRules::default() };
        let liked = confidences(&log, &rules, 0);
        let by_item = liked.transposed();
        let mut draws = Draws::new(5);
        let mut items = Array2::from_shape_simple_fn((liked.width(), 4), || 0.1 * draws.normal() as f32);
        let mut shoppers = Array2::zeros((liked.len(), 4));
        let mut before = f32::INFINITY;
        for _ in 0..6 {
            solve(&liked, &items, &mut shoppers, &rules);
            solve(&by_item, &shoppers, &mut items, &rules);
            let loss = loss(&liked, &shoppers, &items, &rules);
            assert!(loss <= before * 1.0001, "{loss} after {before}");
            before = loss;
        }
    }

    fn loss(liked: &Rows, shoppers: &Array2<f32>, items: &Array2<f32>, rules: &FactorRules) -> f32 {
        let mut loss = rules.unobserved * shoppers.dot(&items.t()).mapv(|s| s * s).sum();
        for (side, rows, others) in
            [(liked.clone(), shoppers, items.nrows()), (liked.transposed(), items, shoppers.nrows())]
        {
            for row in 0..side.len() {
                let confidence = side.row(row).1.iter().map(|c| c.abs()).sum();
                loss += cost_of_length(rules, confidence, others) * rows.row(row).dot(&rows.row(row));
            }
        }
        for row in 0..liked.len() {
            let (columns, confidences) = liked.row(row);
            for (column, c) in columns.iter().zip(confidences) {
                let target = if *c > 0.0 { 1.0 } else { 0.0 };
                loss += c.abs() * (shoppers.row(row).dot(&items.row(*column as usize)) - target).powi(2);
            }
        }
        loss
    }
}
