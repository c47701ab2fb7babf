//! One ranking out of several whose scores do not compare.

use std::collections::HashMap;

use crate::ProductId;

/// Damps the lead of first places. Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms
/// Condorcet", SIGIR 2009.
pub const RRF_K: f32 = 60.0;

/// Match scores by product.
pub type Fused = HashMap<ProductId, f32>;

/// Fuses `rankings`, each best first, by reciprocal rank: `sum of 1 / (k + rank)`, divided by what first
/// place in every ranking that is not empty would give, so that scores lie in (0, 1].
///
/// A product that one ranking names twice counts at its better place.
pub fn fuse(rankings: &[Vec<ProductId>]) -> Fused {
    let full = rankings.iter().filter(|ranking| !ranking.is_empty()).count() as f32 / (RRF_K + 1.0);
    let mut fused = Fused::new();
    for ranking in rankings {
        let mut ranks: HashMap<&ProductId, usize> = HashMap::with_capacity(ranking.len());
        for (rank, id) in (1..).zip(ranking) {
            ranks.entry(id).or_insert(rank);
        }
        for (id, rank) in ranks {
            *fused.entry(id.clone()).or_default() += 1.0 / (RRF_K + rank as f32) / full;
        }
    }
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(names: &[&str]) -> Vec<ProductId> {
        names.iter().map(|name| ProductId::new(name).unwrap()).collect()
    }

    #[test]
    fn agreement_beats_one_first_place() {
        let fused = fuse(&[ids(&["a", "b", "c"]), ids(&["d", "b", "e"])]);
        let of = |name: &str| fused[name];
        assert!(of("b") > of("a") && of("b") > of("d"));
        assert!(of("a") > of("c"));
    }

    #[test]
    fn a_single_ranking_keeps_its_order_and_an_empty_one_says_nothing() {
        let fused = fuse(&[ids(&["a", "b"]), Vec::new()]);
        assert!((fused["a"] - 1.0).abs() < 1e-6);
        assert!(fused["b"] < fused["a"]);
        assert!(fuse(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn scores_lie_between_zero_and_one(rankings in prop::collection::vec(prop::collection::vec("[a-e]", 0..8), 0..4)) {
            let rankings: Vec<_> =
                rankings.iter().map(|r| r.iter().map(|n| ProductId::new(n).unwrap()).collect::<Vec<_>>()).collect();
            for score in fuse(&rankings).values() {
                prop_assert!(*score > 0.0 && *score <= 1.0 + 1e-5);
            }
        }
    }
}
