//! Settings of each method, chosen on the validation part alone.

use super::measure::{Measured, measure};
use super::{Fold, Query};
use crate::baselines::{Bpr, BprRules, ItemKnn, KnnRules};
use crate::factors::{FactorError, confidences};
use crate::linear::Linear;
use crate::popularity::PopularityOverTime;
use crate::scorer::{Asked, ByFactors, ByLinear, ByTrend, Scorer, top};
use crate::{Draws, FactorRules, ItemFactors, Rows, threads};

/// What was chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuned {
    pub(super) factors: FactorRules,
    pub(super) knn: KnnRules,
    pub(super) linear_regularisation: f32,
    pub(super) bpr: BprRules,
    /// As a share of the log's span.
    pub(super) recent: f64,
}

/// Likes alone, every one with the same confidence: what baselines learn from.
pub(super) fn plain(fold: &Fold) -> Rows {
    let rules =
        FactorRules { exposure: 0.0, refusal: 0.0, half_life_seconds: None, ..FactorRules::default() };
    confidences(&fold.known, &rules, 0)
}

/// The first ten of each query.
pub(super) fn lists<'a>(
    queries: &[Query],
    items: usize,
    scorer: impl Fn(&Query) -> Box<dyn Scorer + 'a> + Sync,
) -> Vec<Vec<u32>> {
    threads::map(queries, |query| {
        let mut scores = vec![0.0; items];
        scorer(query).score(&Asked { history: &query.history, now: query.now }, &mut scores);
        let seen = query.seen();
        top(&scores, super::CUTOFF, |item| !seen.contains(&item))
    })
}

pub(super) fn measured(queries: &[Query], lists: &[Vec<u32>]) -> Vec<Measured> {
    queries.iter().zip(lists).map(|(query, list)| measure(query, list)).collect()
}

impl Tuned {
    pub(super) fn choose(valid: &Fold, draws: &mut Draws) -> Result<Self, FactorError> {
        let items = valid.known.items();
        let queries = &valid.queries;
        let quality = |lists: Vec<Vec<u32>>| measured(queries, &lists).iter().map(|m| m.ndcg).sum::<f64>();
        let liked = plain(valid);

        let now = valid.known.events().last().map_or(0, |event| event.past.at);
        let of_factors = |rules: FactorRules| -> Result<f64, FactorError> {
            let own = confidences(&valid.known, &rules, now);
            let learned = ItemFactors::learn(&own, rules, &mut draws.clone())?;
            let scorer =
                |_: &Query| Box::new(ByFactors { factors: &learned, recency: None }) as Box<dyn Scorer>;
            Ok(quality(lists(queries, items, scorer)))
        };
        let mut factors = Best::default();
        for (unobserved, regularisation) in factor_grid() {
            let rules = FactorRules { unobserved, regularisation, ..FactorRules::default() };
            factors.offer(of_factors(rules)?, rules);
        }
        let best = factors.best.unwrap_or_default();
        for rules in [FactorRules { width: 32, ..best }, FactorRules { width: 128, ..best }] {
            factors.offer(of_factors(rules)?, rules);
        }
        let rules = FactorRules { exposure: 1.0, refusal: 1.0, ..factors.best.unwrap_or_default() };
        factors.offer(of_factors(rules)?, rules);
        let mut knn = Best::default();
        for (neighbours_max, (is_cosine, is_idf)) in [20, 100, 500]
            .into_iter()
            .flat_map(|n| [(true, true), (true, false), (false, true)].map(|k| (n, k)))
        {
            let rules = KnnRules { neighbours_max, is_cosine, is_idf };
            let learned = ItemKnn::learn(&liked, rules);
            knn.offer(quality(lists(queries, items, |_| Box::new(&learned) as Box<dyn Scorer>)), rules);
        }
        let mut linear = Best::default();
        for regularisation in [5.0, 20.0, 80.0, 300.0, 1_000.0] {
            let Some(learned) = Linear::learn(&liked, regularisation) else { continue };
            let scorer =
                |_: &Query| Box::new(ByLinear { linear: &learned, recency: None }) as Box<dyn Scorer>;
            linear.offer(quality(lists(queries, items, scorer)), regularisation);
        }
        let mut bpr = Best::default();
        for (rate, regularisation, epochs) in
            [(0.05, 0.002, 60), (0.05, 0.01, 60), (0.1, 0.003, 150), (0.1, 0.01, 150)]
        {
            let rules = BprRules { width: 64, epochs, rate, regularisation };
            let learned = Bpr::learn(&liked, rules, &mut draws.clone());
            bpr.offer(
                quality(lists(queries, items, |query| Box::new(learned.of(query.shopper as usize)))),
                rules,
            );
        }
        let mut recent = Best::default();
        for share in [0.003, 0.01, 0.03, 0.1, 0.3] {
            let counts =
                PopularityOverTime::of(&valid.known, share * valid.known.span_seconds().max(1) as f64);
            let scorer = |_: &Query| Box::new(ByTrend { counts: &counts }) as Box<dyn Scorer>;
            recent.offer(quality(lists(queries, items, scorer)), share);
        }
        Ok(Self {
            factors: factors.best.unwrap_or_default(),
            knn: knn.best.unwrap_or(KnnRules { neighbours_max: 100, is_cosine: true, is_idf: true }),
            linear_regularisation: linear.best.unwrap_or(200.0),
            bpr: bpr.best.unwrap_or(BprRules { width: 64, epochs: 60, rate: 0.05, regularisation: 0.01 }),
            recent: recent.best.unwrap_or(0.1),
        })
    }
}

/// `α` and `λ`.
fn factor_grid() -> impl Iterator<Item = (f32, f32)> {
    [0.03, 0.1, 0.4].into_iter().flat_map(|unobserved| [0.003, 0.01, 0.03].map(|cost| (unobserved, cost)))
}

/// The settings of greatest quality; of equal ones the first.
struct Best<T> {
    quality: f64,
    best: Option<T>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self { quality: f64::NEG_INFINITY, best: None }
    }
}

impl<T> Best<T> {
    fn offer(&mut self, quality: f64, settings: T) {
        if quality > self.quality {
            (self.quality, self.best) = (quality, Some(settings));
        }
    }
}
