//! How texts enter: a port by which the caller hands in vectors of products' texts.

/// Vectors of what is said of items. Who implements it decides where they live.
pub trait TextVectors: Sync {
    /// The unit vector of an item's text; nothing if it has none. All of one width.
    fn vector(&self, item: u32) -> Option<&[f32]>;
}

/// No texts at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTexts;

impl TextVectors for NoTexts {
    fn vector(&self, _: u32) -> Option<&[f32]> {
        None
    }
}

/// Sets `scores`, one an item, to the cosine of its text and the mean of those of `liked`, item and share; 0 where
/// there is no vector, or where widths differ.
pub fn likeness(texts: &dyn TextVectors, liked: impl Iterator<Item = (u32, f32)>, scores: &mut [f32]) {
    let mut taste: Vec<f32> = Vec::new();
    for (item, share) in liked {
        let Some(vector) = texts.vector(item) else { continue };
        if taste.is_empty() {
            taste = vec![0.0; vector.len()];
        }
        taste.iter_mut().zip(vector).for_each(|(sum, number)| *sum += share * number);
    }
    let length = taste.iter().map(|number| number * number).sum::<f32>().sqrt();
    let is_known = length > 0.0 && length.is_finite();
    for (item, score) in scores.iter_mut().enumerate() {
        let vector = texts.vector(item as u32).filter(|vector| is_known && vector.len() == taste.len());
        let inner = vector.map_or(0.0, |vector| vector.iter().zip(&taste).map(|(a, b)| a * b).sum());
        *score = if is_known { inner / length } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Three;

    impl TextVectors for Three {
        fn vector(&self, item: u32) -> Option<&[f32]> {
            [Some(&[1.0, 0.0][..]), Some(&[0.6, 0.8]), None].get(item as usize).copied().flatten()
        }
    }

    #[test]
    fn scores_are_cosines_and_0_without_a_text() {
        let mut scores = [9.0; 3];
        likeness(&Three, [(0, 2.0), (2, 5.0)].into_iter(), &mut scores);
        assert!((scores[0] - 1.0).abs() < 1e-6 && (scores[1] - 0.6).abs() < 1e-6 && scores[2] == 0.0);
        likeness(&NoTexts, [(0, 2.0)].into_iter(), &mut scores);
        assert_eq!(scores, [0.0; 3]);
    }
}
