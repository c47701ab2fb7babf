//! How texts of different lengths share a batch: by a budget of padded tokens.

/// Bounds of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchBudget {
    /// Most tokens a batch may hold, padding included (rows × longest row); a single longer row still runs.
    pub(crate) tokens_max: usize,
    /// Most rows a batch may hold.
    pub(crate) rows_max: usize,
}

/// Splits rows of the given lengths (tokens) into batches within `budget`.
///
/// Rows are sorted by length, so that little is padded. Returns indices into `lengths`; every index occurs
/// exactly once; shorter batches come first.
pub(crate) fn plan(lengths: &[usize], budget: BatchBudget) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| lengths[row]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for row in order {
        match batches.last_mut() {
            Some(batch) if fits(batch.len() + 1, lengths[row], budget) => batch.push(row),
            _ => batches.push(vec![row]),
        }
    }
    batches
}

/// Rows come in ascending length: the newest is the longest, and all are padded to it.
fn fits(rows: usize, longest: usize, budget: BatchBudget) -> bool {
    rows <= budget.rows_max && rows * longest <= budget.tokens_max
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pads_only_among_alike() {
        let budget = BatchBudget { tokens_max: 20, rows_max: 8 };
        assert_eq!(plan(&[10, 3, 9, 4, 500], budget), vec![vec![1, 3], vec![2, 0], vec![4]]);
        assert!(plan(&[], budget).is_empty());
    }

    proptest! {
        #[test]
        fn keeps_every_row_once_and_every_bound(
            lengths in prop::collection::vec(1usize..600, 0..80),
            tokens_max in 1usize..2000,
            rows_max in 1usize..40,
        ) {
            let batches = plan(&lengths, BatchBudget { tokens_max, rows_max });
            let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for batch in batches {
                let longest = batch.iter().map(|&row| lengths[row]).max().unwrap();
                prop_assert!(batch.len() <= rows_max);
                prop_assert!(batch.len() == 1 || batch.len() * longest <= tokens_max);
            }
        }
    }
}
