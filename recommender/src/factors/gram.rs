use ndarray::{Array2, Axis};

/// Rows that are multiplied at a time: sums of more lose digits in `f32`.
const CHUNK_ROWS: usize = 4096;

/// `rowsᵀ rows`, `[width, width]`.
pub(super) fn gram(rows: &Array2<f32>) -> Array2<f32> {
    let mut sum: Array2<f64> = Array2::zeros((rows.ncols(), rows.ncols()));
    for chunk in rows.axis_chunks_iter(Axis(0), CHUNK_ROWS) {
        sum.zip_mut_with(&chunk.t().dot(&chunk), |sum, part| *sum += f64::from(*part));
    }
    sum.mapv(|number| number as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_a_naive_sum_gives() {
        let rows = Array2::from_shape_fn((5_000, 3), |(i, j)| ((i * 7 + j * 3) % 11) as f32 - 5.0);
        let naive = Array2::from_shape_fn((3, 3), |(a, b)| {
            rows.column(a).iter().zip(rows.column(b)).map(|(x, y)| x * y).sum::<f32>()
        });
        assert_eq!(gram(&rows), naive);
    }
}
