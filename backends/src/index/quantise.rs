//! f32 to int8: one scale a vector, symmetric, so that an inner product needs no offset.

use super::kernel::{Line, lines_for};

/// A vector in int8: `x[i] ≈ codes[i] · scale`.
#[derive(Clone, Debug)]
pub(crate) struct Quantised {
    /// `[lines_for(D)]`, the tail zero.
    pub(crate) codes: Vec<Line>,
    /// Greatest magnitude / 127.
    pub(crate) scale: f32,
}

impl Quantised {
    /// Of `[D]` finite numbers.
    pub(crate) fn of(numbers: &[f32]) -> Self {
        let mut codes = vec![Line::ZERO; lines_for(numbers.len())];
        let scale = quantise(numbers, &mut codes);
        Self { codes, scale }
    }
}

/// A quantised vector, wherever it stands.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a> {
    pub(crate) codes: &'a [Line],
    pub(crate) scale: f32,
}

impl<'a> From<&'a Quantised> for Probe<'a> {
    fn from(made: &'a Quantised) -> Self {
        Self { codes: &made.codes, scale: made.scale }
    }
}

/// Writes the codes of `[D]` finite numbers into `[lines_for(D)]` zeroed or reused lines; gives the scale.
pub(crate) fn quantise(numbers: &[f32], codes: &mut [Line]) -> f32 {
    let greatest = numbers.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    let scale = greatest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    for (line, numbers) in codes.iter_mut().zip(numbers.chunks(64)) {
        *line = Line::ZERO;
        for (code, x) in line.0.iter_mut().zip(numbers) {
            *code = (x * inverse).round().clamp(-127.0, 127.0) as i8;
        }
    }
    scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_number_moves_by_more_than_half_a_step(numbers in proptest::collection::vec(-1.0_f32..1.0, 1..200)) {
            let made = Quantised::of(&numbers);
            let codes: Vec<i8> = made.codes.iter().flat_map(|line| line.0).collect();
            for (i, x) in numbers.iter().enumerate() {
                prop_assert!((f32::from(codes[i]) * made.scale - x).abs() <= made.scale * 0.5001);
            }
            prop_assert!(codes[numbers.len()..].iter().all(|code| *code == 0));
            prop_assert!(codes.iter().all(|code| *code != i8::MIN));
        }
    }
}
