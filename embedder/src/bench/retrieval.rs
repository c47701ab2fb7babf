//! Whether a model finds what is meant, and whether two models find the same.

use ndarray::{Array2, ArrayView1};
use rep_core::ModelId;
use rep_core::ports::embedder::{EmbedError, TextKind};

use super::report::{Agreement, Retrieval};
use super::texts::Catalogue;
use crate::TextModel;

/// How far down a ranking two models are compared.
const TOP: usize = 10;

/// One model's vectors of the catalogue, and its rankings.
pub(super) struct Trial {
    /// `[passages, D]`, then `[queries, D]`: unit rows.
    passages: Array2<f32>,
    queries: Array2<f32>,
    /// For each query, passages from the nearest on.
    rankings: Vec<Vec<usize>>,
}

impl Trial {
    pub(super) fn run(
        model: &mut TextModel,
        catalogue: &Catalogue,
        batch_tokens_max: usize,
    ) -> Result<Self, EmbedError> {
        let passages = texts(&catalogue.passages);
        let passages = model.embed(&passages, TextKind::Passage, batch_tokens_max)?;
        let queries = model.embed(&texts(&catalogue.queries), TextKind::Query, batch_tokens_max)?;
        let rankings = queries.outer_iter().map(|query| ranking(&passages, query)).collect();
        Ok(Self { passages, queries, rankings })
    }

    /// Compares the rankings with what the queries meant.
    pub(super) fn retrieval(&self, catalogue: &Catalogue) -> Retrieval {
        let first = Catalogue::STYLES;
        let right = |(ranking, (_, item)): (&Vec<usize>, &(String, usize))| {
            ranking.iter().take(first).filter(|&&passage| catalogue.passages[passage].1 == *item).count()
        };
        let right: usize = self.rankings.iter().zip(&catalogue.queries).map(right).sum();
        Retrieval {
            queries: catalogue.queries.len(),
            passages: catalogue.passages.len(),
            first,
            recall: right as f64 / (catalogue.queries.len() * first) as f64,
        }
    }
}

/// How far the `small` model's vectors and rankings are from the `exact` one's.
pub(super) fn agreement(ids: [ModelId; 2], exact: &Trial, small: &Trial) -> Agreement {
    let rows = |trial: &Trial| -> Vec<Vec<f32>> {
        trial.passages.outer_iter().chain(trial.queries.outer_iter()).map(|row| row.to_vec()).collect()
    };
    let (left, right) = (rows(exact), rows(small));
    let dot = |(a, b): (&Vec<f32>, &Vec<f32>)| f64::from(a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>());
    let mut cosines: Vec<f64> = left.iter().zip(&right).map(dot).collect();
    cosines.sort_by(f64::total_cmp);
    let pairs = || exact.rankings.iter().zip(&small.rankings);
    let queries = exact.rankings.len();
    let same_first = pairs().filter(|(a, b)| a.first() == b.first()).count();
    let shared: usize =
        pairs().map(|(a, b)| a.iter().take(TOP).filter(|p| b[..TOP].contains(p)).count()).sum();
    let [exact_id, small_id] = ids;
    Agreement {
        exact: exact_id,
        small: small_id,
        texts: cosines.len(),
        cosine_mean: cosines.iter().sum::<f64>() / cosines.len() as f64,
        cosine_p05: cosines[cosines.len() / 20],
        cosine_min: cosines[0],
        same_first: same_first as f64 / queries as f64,
        top10_overlap: shared as f64 / (queries * TOP) as f64,
    }
}

fn texts(tagged: &[(String, usize)]) -> Vec<String> {
    tagged.iter().map(|(text, _)| text.clone()).collect()
}

fn ranking(passages: &Array2<f32>, query: ArrayView1<'_, f32>) -> Vec<usize> {
    let scores = passages.dot(&query);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};

    use super::*;

    fn trial(passages: Array2<f32>, queries: Array2<f32>) -> Trial {
        let rankings = queries.outer_iter().map(|query| ranking(&passages, query)).collect();
        Trial { passages, queries, rankings }
    }

    #[test]
    fn a_model_agrees_with_itself() {
        let passages = Array::from_shape_fn((12, 2), |(row, column)| {
            let angle = row as f32 / 12.0;
            if column == 0 { angle.cos() } else { angle.sin() }
        });
        let one = || trial(passages.clone(), array![[1.0, 0.0]]);
        assert_eq!(one().rankings[0], (0..12).collect::<Vec<_>>());
        let ids = || ["exact", "small"].map(|id| ModelId::new(id).unwrap());
        let same = agreement(ids(), &one(), &one());
        assert!((same.cosine_min - 1.0).abs() < 1e-6 && same.top10_overlap == 1.0 && same.same_first == 1.0);
        let other = trial(passages.clone(), array![[0.0, 1.0]]);
        let apart = agreement(ids(), &one(), &other);
        assert_eq!((apart.cosine_min, apart.same_first, apart.top10_overlap), (0.0, 0.0, 0.8));
    }
}
