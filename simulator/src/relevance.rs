//! How good a ranking is when tastes are known: normalised discounted cumulative gain.

use rep_core::{Product, Timestamp, UserId};

use crate::population::Population;

/// Discounted cumulative gain of the first `k` of `gains`: `Σ gain_i / log2(i + 1)`, `i` from 1.
///
/// Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002; the gains are
/// taken as they are, not as powers of two.
pub fn dcg(gains: impl IntoIterator<Item = f64>, k: usize) -> f64 {
    gains.into_iter().take(k).zip(2_u32..).map(|(gain, place)| gain / f64::from(place).log2()).sum()
}

/// NDCG@k in [0, 1] of a ranking whose items have `ranked` gains, best first, when the items to choose from
/// have `all` gains, in any order.
///
/// A ranking shorter than `k` loses what the missing places could have brought. `None` if `k` is 0, if
/// nothing in `all` has a gain above 0, or if a gain is negative or not finite.
pub fn ndcg(ranked: &[f64], all: &[f64], k: usize) -> Option<f64> {
    if ranked.iter().chain(all).any(|gain| !gain.is_finite() || *gain < 0.0) {
        return None;
    }
    let mut ideal = all.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = dcg(ideal, k);
    (best > 0.0).then(|| (dcg(ranked.iter().copied(), k) / best).min(1.0))
}

/// NDCG@k of `ranked` products for `user` at `at` among `candidates`, with affinities as gains. `None` for
/// users of another population and where [`ndcg`] gives none.
pub fn ndcg_of<'a>(
    population: &Population,
    user: &UserId,
    at: Timestamp,
    ranked: impl IntoIterator<Item = &'a Product>,
    candidates: impl IntoIterator<Item = &'a Product>,
    k: usize,
) -> Option<f64> {
    let taste = population.taste(user, at)?;
    let gains = |product: &Product| taste.affinity(product);
    let ranked: Vec<f64> = ranked.into_iter().map(gains).collect();
    let all: Vec<f64> = candidates.into_iter().map(gains).collect();
    ndcg(&ranked, &all, k)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn agrees_with_a_sum_by_hand() {
        // 3/1 + 2/log2(3) + 0 + 1/log2(5), over 3/1 + 2/log2(3) + 1/log2(4).
        let (by_hand, ideal) =
            (3.0 + 2.0 / 3.0_f64.log2() + 1.0 / 5.0_f64.log2(), 3.0 + 2.0 / 3.0_f64.log2() + 0.5);
        let value = ndcg(&[3.0, 2.0, 0.0, 1.0], &[1.0, 3.0, 0.0, 2.0], 4).unwrap();
        assert!((value - by_hand / ideal).abs() < 1e-12);
        assert_eq!(ndcg(&[1.0], &[0.0], 3), None);
        assert_eq!(ndcg(&[1.0], &[1.0], 0), None);
        assert_eq!(ndcg(&[f64::NAN], &[1.0], 1), None);
        assert!(ndcg(&[1.0], &[1.0, 1.0], 2).unwrap() < 0.7, "a short ranking loses");
    }

    #[test]
    fn the_true_order_is_perfect_and_its_reverse_is_not() {
        let population = Population::new(42, 10);
        let at = Timestamp::from_ms(1_767_250_000_000);
        let products: Vec<Product> = Catalogue::new(42, 500).iter().collect();
        for user in population.ids() {
            let mut order: Vec<&Product> = products.iter().collect();
            order.sort_by(|a, b| {
                population.affinity(&user, b, at).total_cmp(&population.affinity(&user, a, at))
            });
            let score = |order: &[&Product]| {
                ndcg_of(&population, &user, at, order.iter().copied(), &products, 10).unwrap()
            };
            assert!((score(&order) - 1.0).abs() < 1e-9);
            let shop_order: Vec<&Product> = products.iter().collect();
            assert!(score(&shop_order) < 0.8);
            order.reverse();
            assert!(score(&order) < 0.2);
        }
    }

    proptest! {
        #[test]
        fn stays_in_bounds_and_a_better_order_is_never_worse(gains in prop::collection::vec(0.0..1.0_f64, 2..40), k in 1..20_usize) {
            prop_assume!(gains.iter().any(|gain| *gain > 0.0));
            let before = ndcg(&gains, &gains, k).unwrap();
            let mut better = gains.clone();
            if better[0] < better[1] {
                better.swap(0, 1);
            }
            let after = ndcg(&better, &gains, k).unwrap();
            prop_assert!((0.0..=1.0).contains(&before) && after >= before - 1e-12);
        }
    }
}
