//! One ranking out of several whose scores do not compare.

use std::collections::HashMap;

use crate::ProductId;

/// Damps the lead of first places. Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms
/// Condorcet", SIGIR 2009.
pub const RRF_K: f32 = 60.0;

/// Match scores by product.
pub type Fused = HashMap<ProductId, f32>;

/// One ranking, best first, and how much it says against others.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// The products, best first.
    pub ids: Vec<ProductId>,
    /// Above 0; what counts is the ratio to the others'.
    pub weight: f32,
}

/// Fuses `rankings` by weighted reciprocal rank: `sum of weight / (k + rank)`, divided by what first place
/// in every ranking that is not empty would give, so that scores lie in (0, 1].
///
/// A product that one ranking names twice counts at its better place.
pub fn fuse(rankings: &[Ranking]) -> Fused {
    let said = rankings.iter().filter(|ranking| !ranking.ids.is_empty());
    let full = said.map(|ranking| ranking.weight).sum::<f32>() / (RRF_K + 1.0);
    let mut fused = Fused::new();
    for Ranking { ids, weight } in rankings {
        let mut ranks: HashMap<&ProductId, usize> = HashMap::with_capacity(ids.len());
        for (rank, id) in (1..).zip(ids) {
            ranks.entry(id).or_insert(rank);
        }
        for (id, rank) in ranks {
            *fused.entry(id.clone()).or_default() += weight / (RRF_K + rank as f32) / full;
        }
    }
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(names: &[&str], weight: f32) -> Ranking {
        Ranking { ids: names.iter().map(|name| ProductId::new(name).unwrap()).collect(), weight }
    }

    #[test]
    fn agreement_beats_one_first_place() {
        let fused = fuse(&[ranking(&["a", "b", "c"], 1.0), ranking(&["d", "b", "e"], 1.0)]);
        let of = |name: &str| fused[name];
        assert!(of("b") > of("a") && of("b") > of("d"));
        assert!(of("a") > of("c"));
    }

    #[test]
    fn a_single_ranking_keeps_its_order_and_an_empty_one_says_nothing() {
        let fused = fuse(&[ranking(&["a", "b"], 0.9), ranking(&[], 1.0)]);
        assert!((fused["a"] - 1.0).abs() < 1e-6);
        assert!(fused["b"] < fused["a"]);
        assert!(fuse(&[]).is_empty());
    }

    #[test]
    fn the_heavier_ranking_wins_where_they_do_not_agree() {
        let fused = fuse(&[ranking(&["z"], 1.0), ranking(&["a"], 0.95)]);
        assert!(fused["z"] > fused["a"]);
    }

    proptest! {
        #[test]
        fn scores_lie_between_zero_and_one(rankings in prop::collection::vec(prop::collection::vec("[a-e]", 0..8), 0..4)) {
            let rankings: Vec<_> = rankings
                .iter()
                .map(|names| ranking(&names.iter().map(String::as_str).collect::<Vec<_>>(), 0.5))
                .collect();
            for score in fuse(&rankings).values() {
                prop_assert!(*score > 0.0 && *score <= 1.0 + 1e-5);
            }
        }
    }
}
