use crate::Draws;

/// How often queries are drawn again.
const ROUNDS: usize = 1_000;

/// A ratio and the interval in which 95 of 100 samples of the same size have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Of all queries.
    pub ratio: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// `Σ ours / Σ theirs`, both of the same queries, with a paired bootstrap interval; nothing if theirs is 0 or there are not as many.
///
/// Source: Efron, "Bootstrap methods: another look at the jackknife", 1979.
pub fn ratio_interval(ours: &[f64], theirs: &[f64], draws: &mut Draws) -> Option<Interval> {
    let all: f64 = theirs.iter().sum();
    if ours.len() != theirs.len() || all.is_nan() || all <= 0.0 {
        return None;
    }
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (mut of_ours, mut of_theirs) = (0.0, 0.0);
            for _ in 0..ours.len() {
                let query = draws.below(ours.len());
                of_ours += ours[query];
                of_theirs += theirs[query];
            }
            of_ours / of_theirs
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ours.iter().sum::<f64>() / all;
    Some(Interval { ratio, low: ratios[ROUNDS * 25 / 1_000], high: ratios[ROUNDS * 975 / 1_000 - 1] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_ratio_and_narrows_with_more_queries() {
        let of = |n: usize| {
            let mut draws = Draws::new(6);
            let theirs: Vec<f64> = (0..n).map(|_| f64::from(u8::from(draws.unit() < 0.2))).collect();
            let ours: Vec<f64> =
                theirs.iter().map(|t| t.max(f64::from(u8::from(draws.unit() < 0.05)))).collect();
            ratio_interval(&ours, &theirs, &mut draws).unwrap()
        };
        let (few, many) = (of(200), of(5_000));
        assert!(many.low <= many.ratio && many.ratio <= many.high && many.low > 1.1);
        assert!(many.high - many.low < few.high - few.low);
        assert_eq!(of(200), of(200));
    }

    #[test]
    fn nothing_to_compare_with_gives_nothing() {
        let mut draws = Draws::new(1);
        assert!(ratio_interval(&[1.0], &[0.0], &mut draws).is_none());
        assert!(ratio_interval(&[], &[], &mut draws).is_none());
        assert!(ratio_interval(&[1.0, 1.0], &[1.0], &mut draws).is_none());
    }
}
