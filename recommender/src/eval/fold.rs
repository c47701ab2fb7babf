use std::collections::HashSet;

use ahash::RandomState;

use crate::log::{Log, Past};

/// What is hidden of one shopper, and what is known when it is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// Whose: their row.
    pub shopper: u32,
    /// What they did before, oldest first.
    pub history: Vec<Past>,
    /// When it is asked, in seconds since 1970.
    pub now: i64,
    /// Items that they went on to like, none of which they had acted on: to be found.
    pub targets: Vec<u32>,
}

impl Query {
    /// Items that they acted on: never shown.
    pub fn seen(&self) -> HashSet<u32, RandomState> {
        self.history.iter().map(|past| past.item).collect()
    }
}

/// A log in two parts.
#[derive(Clone, Debug)]
pub struct Fold {
    /// What may be learned from.
    pub known: Log,
    /// What is asked.
    pub queries: Vec<Query>,
}

/// Hides the last `count` items that each shopper came to like, and whatever the shopper did after the first of them. An item counts
/// that they had not acted on before. Each is asked for with all that the shopper did before it. Shoppers without a like
/// before them are not asked for.
///
/// What others did later may be learned from; use [`split_in_time`] to allow only the past.
pub fn leave_last(log: &Log, count: usize) -> Fold {
    let histories = log.histories();
    let mut kept = vec![usize::MAX; log.shoppers()];
    let mut queries = Vec::new();
    for (shopper, kept) in kept.iter_mut().enumerate() {
        let history = histories.of(shopper);
        let found = first_likes(history);
        // One like at least must remain to say who they are.
        let from = found.len().saturating_sub(count).max(1);
        for place in found.get(from..).unwrap_or_default() {
            let past = history[*place];
            queries.push(Query {
                shopper: shopper as u32,
                history: history[..*place].to_vec(),
                now: past.at,
                targets: vec![past.item],
            });
        }
        if let Some(first) = found.get(from) {
            *kept = *first;
        }
    }
    let mut done = vec![0; log.shoppers()];
    let known = log.part(|_, event| {
        let done = &mut done[event.shopper as usize];
        *done += 1;
        *done <= kept[event.shopper as usize]
    });
    Fold { known, queries }
}

/// Hides everything after the first `share` of the log, in time. All items are asked for that a shopper who liked something before came
/// to like after, with what they did before.
pub fn split_in_time(log: &Log, share: f64) -> Fold {
    let events = log.events();
    let cut = ((events.len() as f64 * share) as usize).min(events.len().saturating_sub(1));
    let Some(now) = events.get(cut).map(|event| event.past.at) else {
        return Fold { known: log.clone(), queries: Vec::new() };
    };
    // Events of one moment stay together.
    let known = log.part(|_, event| event.past.at < now);
    let (before, all) = (known.histories(), log.histories());
    let queries = (0..log.shoppers()).filter_map(|shopper| {
        let history = before.of(shopper);
        if !history.iter().any(Past::is_liked) {
            return None;
        }
        let all = all.of(shopper);
        let targets: Vec<u32> = first_likes(all)
            .into_iter()
            .filter(|place| *place >= history.len())
            .map(|place| all[place].item)
            .collect();
        let query = Query { shopper: shopper as u32, history: history.to_vec(), now, targets };
        (!query.targets.is_empty()).then_some(query)
    });
    let queries = queries.collect();
    Fold { known, queries }
}

/// Places of likes of items that were not acted on before.
fn first_likes(history: &[Past]) -> Vec<usize> {
    let mut seen: HashSet<u32, RandomState> = HashSet::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
    let is_first = |(_, past): &(usize, &Past)| seen.insert(past.item) && past.is_liked();
    history.iter().enumerate().filter(is_first).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::testing::event;

    fn log() -> Log {
        Log::new(vec![
            event(0, 1, 1.0, 1),
            event(0, 2, 0.1, 2),
            event(0, 3, 1.0, 3),
            event(0, 2, 1.0, 4), // seen before: not asked for
            event(1, 1, 1.0, 5),
            event(0, 4, -0.6, 6),
            event(2, 5, 0.1, 6),
            event(1, 6, 1.0, 7),
            event(1, 7, 1.0, 8),
        ])
    }

    #[test]
    fn the_last_new_like_is_hidden_with_all_that_follows() {
        let fold = leave_last(&log(), 1);
        let asked: Vec<_> =
            fold.queries.iter().map(|q| (q.shopper, q.targets.clone(), q.history.len(), q.now)).collect();
        assert_eq!(asked, [(0, vec![3], 2, 3), (1, vec![7], 2, 8)]);
        let known: Vec<_> = fold.known.events().iter().map(|e| (e.shopper, e.past.item)).collect();
        assert_eq!(known, [(0, 1), (0, 2), (1, 1), (2, 5), (1, 6)]);
        assert_eq!(fold.known.items(), log().items());
    }

    #[test]
    fn several_are_asked_one_after_the_other_and_none_is_known() {
        let fold = leave_last(&log(), 5);
        let of_1: Vec<_> =
            fold.queries.iter().filter(|q| q.shopper == 1).map(|q| (q.targets[0], q.history.len())).collect();
        assert_eq!(of_1, [(6, 1), (7, 2)]);
        assert_eq!(fold.known.events().iter().filter(|e| e.shopper == 1).count(), 1);
    }

    #[test]
    fn a_split_knows_nothing_of_later_and_asks_for_all_of_it() {
        let fold = split_in_time(&log(), 0.6); // the sixth of nine events, at 6
        assert!(fold.known.events().iter().all(|event| event.past.at < 6));
        let asked: Vec<_> = fold.queries.iter().map(|q| (q.shopper, q.targets.clone(), q.now)).collect();
        assert_eq!(asked, [(1, vec![6, 7], 6)]);
        assert!(split_in_time(&Log::default(), 0.5).queries.is_empty());
    }

    proptest! {
        /// What is asked for is nowhere in what may be learned from, nor in the history.
        #[test]
        fn nothing_hidden_is_known(
            events in prop::collection::vec((0u32..5, 0u32..12, -1.0f32..1.0, 0i64..50), 1..80), count in 1usize..4, share in 0.0f64..1.0,
        ) {
            let log = Log::new(events.into_iter().map(|(s, i, w, at)| event(s, i, w, at)).collect());
            for fold in [leave_last(&log, count), split_in_time(&log, share)] {
                for query in &fold.queries {
                    let seen = query.seen();
                    for target in &query.targets {
                        prop_assert!(!seen.contains(target));
                        prop_assert!(!fold.known.events().iter().any(|e| e.shopper == query.shopper && e.past.item == *target));
                    }
                    prop_assert!(query.history.iter().all(|past| past.at <= query.now));
                }
            }
        }
    }
}
