//! What shoppers did, in order of time.

use ahash::RandomState;
use std::collections::HashSet;

/// Least weight of an event that says its shopper liked the item. Below it, above 0, is exposure: the item was seen.
///
/// On the scale of `ActionType::taste_weight`, where a view weighs 0.1 and a click 0.35.
pub const LIKED_WEIGHT_MIN: f32 = 0.3;

/// One action of a shopper on an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Who, as a row: dense from 0.
    pub shopper: u32,
    /// What.
    pub past: Past,
}

/// What one event says, to whomever it belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Which item, as a column: dense from 0.
    pub item: u32,
    /// How much it says of liking: [`LIKED_WEIGHT_MIN`] or more is a like, less is exposure, below 0 a refusal.
    pub weight: f32,
    /// When, in seconds since 1970.
    pub at: i64,
}

impl Past {
    /// Whether it says that the item was liked.
    pub fn is_liked(&self) -> bool {
        self.weight >= LIKED_WEIGHT_MIN
    }
}

/// A log of events, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Vec<Event>,
    shoppers: usize,
    items: usize,
}

impl Log {
    /// A log of `events` in any order: those of one moment keep theirs. Events whose weight is not finite are left out.
    pub fn new(mut events: Vec<Event>) -> Self {
        events.retain(|event| event.past.weight.is_finite());
        events.sort_by_key(|event| event.past.at);
        let rows = |id: fn(&Event) -> u32| events.iter().map(id).max().map_or(0, |max| max as usize + 1);
        let (shoppers, items) = (rows(|event| event.shopper), rows(|event| event.past.item));
        Self { events, shoppers, items }
    }

    /// Those of its events for which `keep` says so, with the same shoppers and items.
    pub fn part(&self, mut keep: impl FnMut(usize, &Event) -> bool) -> Self {
        let events =
            self.events.iter().enumerate().filter(|(i, event)| keep(*i, event)).map(|(_, event)| *event);
        Self { events: events.collect(), shoppers: self.shoppers, items: self.items }
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many shoppers there may be: one more than the largest row.
    pub fn shoppers(&self) -> usize {
        self.shoppers
    }

    /// How many items there may be: one more than the largest column.
    pub fn items(&self) -> usize {
        self.items
    }

    /// From the first event to the last, in seconds.
    pub fn span_seconds(&self) -> i64 {
        match (self.events.first(), self.events.last()) {
            (Some(first), Some(last)) => last.past.at - first.past.at,
            _ => 0,
        }
    }

    /// What each shopper did, oldest first.
    pub fn histories(&self) -> Histories {
        let mut starts = vec![0; self.shoppers + 1];
        for event in &self.events {
            starts[event.shopper as usize + 1] += 1;
        }
        for row in 0..self.shoppers {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut pasts = vec![Past { item: 0, weight: 0.0, at: 0 }; self.events.len()];
        for event in &self.events {
            let place = &mut next[event.shopper as usize];
            pasts[*place] = event.past;
            *place += 1;
        }
        Histories { starts, pasts }
    }

    /// Of each item, how many shoppers liked it.
    pub fn likers(&self) -> Vec<u32> {
        let mut seen: HashSet<(u32, u32), RandomState> =
            HashSet::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        let mut likers = vec![0; self.items];
        for Event { shopper, past } in &self.events {
            if past.is_liked() && seen.insert((*shopper, past.item)) {
                likers[past.item as usize] += 1;
            }
        }
        likers
    }
}

/// The events of a log by shopper.
#[derive(Clone, Debug)]
pub struct Histories {
    starts: Vec<usize>,
    pasts: Vec<Past>,
}

impl Histories {
    /// What the shopper of that row did, oldest first; nothing for a row that the log does not have.
    pub fn of(&self, shopper: usize) -> &[Past] {
        match (self.starts.get(shopper), self.starts.get(shopper + 1)) {
            (Some(from), Some(to)) => &self.pasts[*from..*to],
            _ => &[],
        }
    }

    /// How many rows there are.
    pub fn shoppers(&self) -> usize {
        self.starts.len() - 1
    }
}

/// The latest event of each item that was liked last, newest first, at most `max`.
///
/// What was refused after it was liked is left out.
pub fn latest_liked(history: &[Past], max: usize) -> Vec<Past> {
    let mut seen =
        HashSet::with_capacity_and_hasher(history.len().min(4 * max), RandomState::with_seeds(1, 2, 3, 4));
    let mut latest = Vec::with_capacity(max.min(history.len()));
    for past in history.iter().rev() {
        if latest.len() == max {
            break;
        }
        let says = past.is_liked() || past.weight < 0.0;
        if says && seen.insert(past.item) && past.is_liked() {
            latest.push(*past);
        }
    }
    latest
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Event, Log, Past};
    use crate::Draws;

    pub(crate) fn event(shopper: u32, item: u32, weight: f32, at: i64) -> Event {
        Event { shopper, past: Past { item, weight, at } }
    }

    /// Two kinds of shoppers, each of whom likes the items of their half, in random order.
    pub(crate) fn two_tastes(shoppers: u32, items: u32, likes: usize, seed: u64) -> Log {
        let mut draws = Draws::new(seed);
        let mut events = Vec::new();
        for shopper in 0..shoppers {
            let half = items / 2;
            let mut own: Vec<u32> = (0..half).map(|i| i + (shopper % 2) * half).collect();
            draws.shuffle(&mut own);
            for (place, item) in own.into_iter().take(likes).enumerate() {
                events.push(event(shopper, item, 1.0, 1_000 * place as i64 + i64::from(shopper)));
            }
        }
        Log::new(events)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::event;
    use super::*;

    #[test]
    fn histories_are_in_order_of_time_and_ties_keep_theirs() {
        let log = Log::new(vec![
            event(1, 5, 1.0, 30),
            event(0, 2, 1.0, 20),
            event(1, 4, 1.0, 10),
            event(1, 3, f32::NAN, 5),
            event(1, 6, 1.0, 10),
        ]);
        let histories = log.histories();
        let items = |row| histories.of(row).iter().map(|past| past.item).collect::<Vec<_>>();
        assert_eq!((items(0), items(1), items(2)), (vec![2], vec![4, 6, 5], vec![]));
        assert_eq!((log.shoppers(), log.items(), log.span_seconds()), (2, 7, 20));
    }

    #[test]
    fn an_empty_log_has_nobody() {
        let log = Log::new(Vec::new());
        assert_eq!(
            (log.shoppers(), log.items(), log.span_seconds(), log.histories().shoppers()),
            (0, 0, 0, 0)
        );
    }

    #[test]
    fn likers_are_counted_once_each() {
        let log = Log::new(vec![
            event(0, 0, 1.0, 1),
            event(0, 0, 1.0, 2),
            event(1, 0, 1.0, 3),
            event(1, 1, 0.1, 3),
        ]);
        assert_eq!(log.likers(), [2, 0]);
    }

    #[test]
    fn the_latest_liked_are_newest_first_without_repeats_views_and_refusals() {
        let of = |item, weight, at| Past { item, weight, at };
        let history =
            [of(1, 1.0, 1), of(2, 1.0, 2), of(3, 0.1, 3), of(1, 1.0, 4), of(4, 1.0, 5), of(2, -0.6, 6)];
        let items = |max| latest_liked(&history, max).iter().map(|past| past.item).collect::<Vec<_>>();
        assert_eq!((items(9), items(1)), (vec![4, 1], vec![4]));
    }
}
