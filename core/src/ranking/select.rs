//! Scores candidates and selects the best, letting categories take turns.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::{Candidate, Weights};
use crate::Product;

/// The score of what cannot be scored (NaN somewhere): below every finite score, and still a number.
pub const SUNK_SCORE: f32 = -1.0e6;

/// What the score of an item is made of: the parts add up to the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explain {
    /// Cosine to the taste or the product asked about, as it was measured.
    pub cosine: Option<f32>,
    /// What similarity adds.
    pub similarity: f32,
    /// What popularity adds.
    pub popularity: f32,
    /// What the match with the search adds.
    pub matching: f32,
    /// What is taken away because the category, or a product of the same name, is shown already; 0 or less.
    pub diversity: f32,
    /// The sum: the score.
    pub total: f32,
}

/// A selected item.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// What was selected.
    pub candidate: Candidate,
    /// Its score and what it is made of.
    pub explain: Explain,
}

/// Selects up to `limit` of `candidates`, best first; fewer only if there are fewer products and groups.
///
/// Greedy: each place goes to the greatest score there is, after what its category has already taken;
/// equals go in order of their ids. Of a group of variants only the best is selected. Scores never rise from one place to the next. Source of the scheme:
/// Carbonell and Goldstein, maximal marginal relevance, SIGIR 1998, with the category as the likeness.
pub fn select(candidates: Vec<Candidate>, limit: usize, weights: Weights) -> Vec<Ranked> {
    let scales = Scales::of(&candidates, weights.noise);
    let mut pool = pool(candidates, &scales, weights);
    pool.sort_by(|a, b| descending(a.base.total, b.base.total).then_with(|| by_id(a, b)));
    let mut groups = HashSet::new();
    pool.retain(|scored| scored.candidate.product.group_id.clone().is_none_or(|group| groups.insert(group)));
    if weights.diversity <= 0.0 {
        pool.truncate(limit);
        return pool.into_iter().map(|scored| scored.with_penalty(0.0)).collect();
    }
    let mut shown = Shown::default();
    let mut selected = Vec::with_capacity(limit.min(pool.len()));
    while selected.len() < limit && !pool.is_empty() {
        let (place, penalty) = best(&pool, &shown, weights.diversity);
        let scored = pool.remove(place);
        shown.note(&scored.candidate.product);
        selected.push(scored.with_penalty(penalty));
    }
    selected
}

struct Scored {
    candidate: Candidate,
    base: Explain,
}

impl Scored {
    fn with_penalty(self, penalty: f32) -> Ranked {
        let total = if self.base.total > SUNK_SCORE { self.base.total - penalty } else { SUNK_SCORE };
        Ranked {
            candidate: self.candidate,
            explain: Explain { diversity: 0.0 - penalty, total, ..self.base },
        }
    }
}

/// The place of the greatest penalised score in a pool that is sorted by unpenalised score.
fn best(pool: &[Scored], shown: &Shown, diversity: f32) -> (usize, f32) {
    let mut best = (0, 0.0, f32::NEG_INFINITY);
    for (place, scored) in pool.iter().enumerate() {
        if scored.base.total <= best.2 {
            break; // Nothing behind can be better: penalties only take away.
        }
        let sunk = scored.base.total <= SUNK_SCORE;
        let penalty = if sunk { 0.0 } else { shown.penalty(&scored.candidate.product, diversity) };
        if scored.base.total - penalty > best.2 {
            best = (place, penalty, scored.base.total - penalty);
        }
    }
    (best.0, best.1)
}

/// What stands in the places before.
#[derive(Default)]
struct Shown {
    categories: HashMap<String, u32>,
    /// With the brands that have a product of that name.
    names: HashMap<String, HashSet<Option<String>>>,
}

impl Shown {
    fn note(&mut self, product: &Product) {
        *self.categories.entry(product.category.clone()).or_default() += 1;
        self.names.entry(product.name.clone()).or_default().insert(product.brand.clone());
    }

    /// Grows with each item of the category that is shown, towards `diversity`. One of the same name and brand, a variant
    /// that no group tells of, stands behind all others: scores lie in [0, 1].
    fn penalty(&self, product: &Product, diversity: f32) -> f32 {
        let times = self.categories.get(&product.category).copied().unwrap_or(0);
        let is_repeated = self.names.get(&product.name).is_some_and(|brands| brands.contains(&product.brand));
        diversity * (1.0 - 1.0 / (1.0 + times as f32)) + f32::from(u8::from(is_repeated))
    }
}

fn pool(candidates: Vec<Candidate>, scales: &Scales, weights: Weights) -> Vec<Scored> {
    let scored = |candidate: Candidate| {
        let similarity = weights.similarity * scales.similarity(candidate.similarity);
        let popularity = weights.popularity * scales.popularity(candidate.popularity);
        let matching = weights.matching * candidate.matching.unwrap_or(0.0);
        let sum = similarity + popularity + matching;
        let finite = |part: f32| if part.is_finite() { part } else { 0.0 };
        let base = Explain {
            cosine: candidate.similarity.filter(|cosine| cosine.is_finite()),
            similarity: finite(similarity),
            popularity: finite(popularity),
            matching: finite(matching),
            diversity: 0.0,
            total: if sum.is_finite() { sum } else { SUNK_SCORE },
        };
        Scored { candidate, base }
    };
    candidates.into_iter().map(scored).collect()
}

/// The ranges that make parts of one query comparable: models differ in where their cosines lie.
struct Scales {
    similarity_min: f32,
    similarity_span: f32,
    popularity_max: f64,
}

impl Scales {
    fn of(candidates: &[Candidate], noise: f32) -> Self {
        let similarities =
            || candidates.iter().filter_map(|candidate| candidate.similarity).filter(|s| s.is_finite());
        let max = similarities().fold(f32::NEG_INFINITY, f32::max);
        let min = similarities().fold(f32::INFINITY, f32::min);
        let span = (max - min).max(noise.max(f32::EPSILON));
        let popularity_max = candidates
            .iter()
            .map(|candidate| candidate.popularity)
            .filter(|p| p.is_finite())
            .fold(0.0, f64::max);
        Self { similarity_min: max - span, similarity_span: span, popularity_max }
    }

    /// In [0, 1]; 0 without a similarity, NaN for NaN.
    fn similarity(&self, similarity: Option<f32>) -> f32 {
        similarity.map_or(0.0, |s| (s - self.similarity_min) / self.similarity_span)
    }

    /// In [0, 1]; NaN for NaN.
    fn popularity(&self, popularity: f64) -> f32 {
        if popularity.is_nan() {
            return f32::NAN;
        }
        if self.popularity_max <= 0.0 {
            return 0.0;
        }
        (popularity.max(0.0).ln_1p() / self.popularity_max.ln_1p()) as f32
    }
}

/// Greatest first, NaN last.
fn descending(a: f32, b: f32) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => b.total_cmp(&a),
        (a, b) => a.cmp(&b),
    }
}

fn by_id(a: &Scored, b: &Scored) -> Ordering {
    a.candidate.product.product_id.cmp(&b.candidate.product.product_id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranking::testing::{candidate, product};

    fn names(ranked: &[Ranked]) -> Vec<&str> {
        ranked.iter().map(|item| item.candidate.product.product_id.as_str()).collect()
    }

    #[test]
    fn nan_sinks_below_every_finite_score() {
        let nan_popular = candidate("b", "x", 0.9, f64::NAN);
        let pool = vec![
            candidate("a", "x", f32::NAN, 100.0),
            nan_popular,
            candidate("c", "x", -1.0, 0.0),
            candidate("d", "x", 0.5, 1.0),
            candidate("e", "y", f32::INFINITY, 1.0),
        ];
        for weights in [Weights::RECOMMEND, Weights { diversity: 0.0, ..Weights::RECOMMEND }] {
            let ranked = select(pool.clone(), 9, weights);
            assert_eq!(names(&ranked), ["d", "c", "a", "b", "e"]);
            assert!(ranked[2..].iter().all(|item| item.explain.total == SUNK_SCORE));
            assert!(ranked[1].explain.total > SUNK_SCORE);
        }
        assert_eq!(descending(f32::NAN, f32::MIN), Ordering::Greater);
    }

    #[test]
    fn taste_outweighs_popularity() {
        let pool = vec![
            candidate("near", "x", 0.9, 0.0),
            candidate("famous", "y", 0.5, 1e6),
            candidate("far", "y", 0.2, 0.0),
        ];
        assert_eq!(names(&select(pool, 3, Weights::RECOMMEND)), ["near", "famous", "far"]);
    }

    #[test]
    fn categories_take_turns_among_near_equals() {
        let mut pool: Vec<_> =
            (0..5).map(|i| candidate(&format!("tent{i}"), "tents", 0.90 - 0.001 * i as f32, 0.0)).collect();
        pool.push(candidate("stove", "stoves", 0.88, 0.0));
        pool.push(candidate("lamp", "lamps", 0.1, 0.0));
        let ranked = select(pool, 3, Weights::RECOMMEND);
        assert_eq!(names(&ranked), ["tent0", "stove", "tent1"]);
        assert!(ranked[2].explain.diversity < 0.0);
    }

    #[test]
    fn without_any_signal_the_order_is_that_of_the_ids() {
        let pool = vec![candidate("b", "x", 0.0, 0.0), candidate("a", "y", 0.0, 0.0)];
        assert_eq!(names(&select(pool, 2, Weights::RECOMMEND)), ["a", "b"]);
        assert!(select(Vec::new(), 3, Weights::RECOMMEND).is_empty());
    }

    #[test]
    fn of_a_group_the_best_takes_its_one_place() {
        let variant = |id: &str, group: &str, category: &str, similarity: f32| {
            let mut of_group = candidate(id, category, similarity, 0.0);
            let product =
                crate::Product { group_id: crate::GroupId::new(group).ok(), ..product(id, category) };
            of_group.product = product.into();
            of_group
        };
        let pool = vec![
            variant("red-s", "hoodie", "tops", 0.90),
            variant("red-m", "hoodie", "tops", 0.95),
            variant("blue-s", "hoodie", "sale", 0.93),
            candidate("shirt", "tops", 0.5, 0.0),
            variant("cap-1", "cap", "caps", 0.6),
            variant("cap-2", "cap", "caps", 0.6),
            candidate("sock", "tops", 0.1, 0.0),
        ];
        for weights in [Weights::RECOMMEND, Weights { diversity: 0.0, ..Weights::RECOMMEND }] {
            assert_eq!(names(&select(pool.clone(), 9, weights)), ["red-m", "cap-1", "shirt", "sock"]);
            assert_eq!(names(&select(pool.clone(), 2, weights)), ["red-m", "cap-1"]);
        }
    }

    #[test]
    fn a_name_comes_again_only_behind_all_others() {
        let named = |id: &str, name: &str, brand: Option<&str>, similarity: f32| {
            let mut named = candidate(id, "tops", similarity, 0.0);
            let brand = brand.map(str::to_owned);
            named.product = Product { name: name.to_owned(), brand, ..product(id, "tops") }.into();
            named
        };
        let pool = vec![
            named("h1", "Hoodie", None, 0.99),
            named("h2", "Hoodie", None, 0.98),
            named("h3", "Hoodie", None, 0.97),
            named("h4", "Hoodie", Some("Nord"), 0.96),
            named("s1", "Shirt", None, 0.2),
            named("s2", "Socks", None, -1.0),
        ];
        let ranked = select(pool.clone(), 9, Weights::RECOMMEND);
        assert_eq!(names(&ranked), ["h1", "h4", "s1", "s2", "h2", "h3"]);
        let searched = select(pool, 9, Weights { diversity: 0.0, ..Weights::RECOMMEND });
        assert_eq!(names(&searched), ["h1", "h2", "h3", "h4", "s1", "s2"], "who asks for a name gets it");
    }

    fn any_candidate() -> impl Strategy<Value = (u16, u8, f32, f64)> {
        let similarity = prop_oneof![8 => -1.0_f32..1.0, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY)];
        let popularity = prop_oneof![8 => 0.0_f64..1e6, 1 => Just(f64::NAN), 1 => Just(-5.0)];
        (0_u16..60, 0_u8..4, similarity, popularity)
    }

    proptest! {
        #[test]
        fn selects_as_many_as_there_are_each_once_and_never_rising(
            drawn in prop::collection::vec(any_candidate(), 0..40),
            limit in 0_usize..50,
            diversity in 0.0_f32..1.0,
            seed in 0_usize..40,
        ) {
            let mut seen = std::collections::HashSet::new();
            let mut pool: Vec<_> = drawn
                .into_iter()
                .filter(|(id, ..)| seen.insert(*id))
                .map(|(id, category, s, p)| candidate(&format!("p{id}"), &category.to_string(), s, p))
                .collect();
            let weights = Weights { diversity, ..Weights::RECOMMEND };
            let ranked = select(pool.clone(), limit, weights);
            prop_assert_eq!(ranked.len(), limit.min(pool.len()));
            let ids: std::collections::HashSet<_> = names(&ranked).into_iter().collect();
            prop_assert_eq!(ids.len(), ranked.len());
            for pair in ranked.windows(2) {
                prop_assert!(pair[0].explain.total >= pair[1].explain.total - 1e-6);
            }
            for item in &ranked {
                let e = item.explain;
                prop_assert!(e.total.is_finite() && e.diversity <= 0.0);
                if e.total > SUNK_SCORE {
                    prop_assert!((e.similarity + e.popularity + e.matching + e.diversity - e.total).abs() < 1e-4);
                }
            }
            if !pool.is_empty() {
                let turn = seed % pool.len();
                pool.rotate_left(turn);
                let turned = select(pool, limit, weights);
                prop_assert_eq!(names(&ranked), names(&turned));
            }
        }
    }
}
