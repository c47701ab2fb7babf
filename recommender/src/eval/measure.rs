use std::collections::HashSet;

use super::Query;

/// Places of a list that count.
pub const CUTOFF: usize = 10;

/// How good the list of one query was, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// 1 if a target is among the first ten.
    pub hit: f64,
    /// Discounted gain of the first ten, beside the greatest possible. Source: Järvelin and Kekäläinen, 2002.
    pub ndcg: f64,
    /// One over the place of the first target among the first ten, or 0.
    pub reciprocal_rank: f64,
}

/// How good `list`, best first, is for `query`.
pub fn measure(query: &Query, list: &[u32]) -> Measured {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let found: Vec<usize> =
        (0..list.len().min(CUTOFF)).filter(|place| query.targets.contains(&list[*place])).collect();
    let ideal: f64 = (0..query.targets.len().min(CUTOFF)).map(gain).sum();
    Measured {
        hit: f64::from(u8::from(!found.is_empty())),
        ndcg: if ideal > 0.0 { found.iter().map(|place| gain(*place)).sum::<f64>() / ideal } else { 0.0 },
        reciprocal_rank: found.first().map_or(0.0, |place| 1.0 / (*place as f64 + 1.0)),
    }
}

/// Means over queries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many queries.
    pub queries: usize,
    /// Means of what was measured.
    pub mean: Measured,
    /// Share of all items that was in some list.
    pub coverage: f64,
}

/// Means of those queries for which `of` says so; coverage is of all lists given.
pub fn summary(
    measured: &[Measured],
    lists: &[Vec<u32>],
    items: usize,
    of: impl Fn(usize) -> bool,
) -> Summary {
    let mut sum = Measured::default();
    let chosen: Vec<usize> = (0..measured.len()).filter(|query| of(*query)).collect();
    for query in &chosen {
        sum.hit += measured[*query].hit;
        sum.ndcg += measured[*query].ndcg;
        sum.reciprocal_rank += measured[*query].reciprocal_rank;
    }
    let n = chosen.len().max(1) as f64;
    let shown: HashSet<u32> = lists.iter().flatten().copied().collect();
    Summary {
        queries: chosen.len(),
        mean: Measured { hit: sum.hit / n, ndcg: sum.ndcg / n, reciprocal_rank: sum.reciprocal_rank / n },
        coverage: shown.len() as f64 / items.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(targets: &[u32]) -> Query {
        Query { shopper: 0, history: Vec::new(), now: 0, targets: targets.to_vec() }
    }

    #[test]
    fn measures_are_those_of_the_textbook() {
        let list: Vec<u32> = (0..20).collect();
        let third = measure(&query(&[2]), &list);
        assert_eq!(third, Measured { hit: 1.0, ndcg: 0.5, reciprocal_rank: 1.0 / 3.0 });
        assert_eq!(measure(&query(&[10]), &list), Measured::default());
        let both = measure(&query(&[0, 2]), &list);
        assert!((both.ndcg - 1.5 / (1.0 + 1.0 / 3f64.log2())).abs() < 1e-12);
        assert_eq!(measure(&query(&[]), &list), Measured::default());
    }

    #[test]
    fn a_summary_is_of_those_asked_for() {
        let measured = [Measured { hit: 1.0, ndcg: 1.0, reciprocal_rank: 1.0 }, Measured::default()];
        let lists = vec![vec![1, 2], vec![2, 3]];
        let all = summary(&measured, &lists, 6, |_| true);
        assert_eq!((all.queries, all.mean.hit, all.coverage), (2, 0.5, 0.5));
        assert_eq!(summary(&measured, &lists, 6, |query| query == 1).mean, Measured::default());
    }
}
