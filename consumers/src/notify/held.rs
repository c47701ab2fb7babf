//! Notifications that wait: for the end of their shopper's window, or for their turn at once.
//!
//! Their records are not done before their effect stands, so a crash brings them again. What is looked at stays until it
//! is finished: work that is cancelled in between begins again.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};
use rep_core::ports::log::Record;
use rep_core::{Notification, Position, UserId};
use tokio::time::{Duration, Instant};

/// One that waits.
pub(super) struct Item {
    pub(super) record: Record,
    pub(super) notification: Notification,
    /// It is to be delivered at once, if there is room.
    pub(super) is_prompt: bool,
}

/// A shopper whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) user: UserId,
    /// With everything of theirs that waits; else with what is prompt.
    pub(super) whole: bool,
}

#[derive(Default)]
struct Waiting {
    items: Vec<Item>,
    has_window: bool,
}

pub(super) struct Held {
    window: Duration,
    count_max: usize,
    users: AHashMap<UserId, Waiting>,
    /// Ends of windows, the first to end first.
    windows: VecDeque<(Instant, UserId)>,
    prompt: AHashSet<UserId>,
    count: usize,
}

impl Held {
    /// Holds what waits for `window`, and about `count_max` at most: with more, windows end early.
    pub(super) fn new(window: Duration, count_max: usize) -> Self {
        Self {
            window,
            count_max,
            users: AHashMap::new(),
            windows: VecDeque::new(),
            prompt: AHashSet::new(),
            count: 0,
        }
    }

    pub(super) fn push(&mut self, item: Item, now: Instant) {
        let user = item.notification.user_id.clone();
        let waiting = self.users.entry(user.clone()).or_default();
        if item.is_prompt {
            self.prompt.insert(user);
        } else if !waiting.has_window {
            waiting.has_window = true;
            self.windows.push_back((now + self.window, user));
        }
        waiting.items.push(item);
        self.count += 1;
    }

    /// When the next turn is.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if !self.prompt.is_empty() || self.count > self.count_max {
            return Some(now);
        }
        self.windows.front().map(|(end, _)| *end)
    }

    /// Turns that have come by `now`, with about `most` items; every turn if `all`.
    pub(super) fn turns(&self, now: Instant, all: bool, most: usize) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut items = 0;
        let mut rest = self.count;
        for (end, user) in &self.windows {
            if items >= most || !(all || *end <= now || rest > self.count_max) {
                break;
            }
            let of_user = self.users.get(user).map_or(0, |waiting| waiting.items.len());
            (items, rest) = (items + of_user, rest - of_user);
            turns.push(Turn { user: user.clone(), whole: true });
        }
        let whole: AHashSet<&UserId> = turns.iter().map(|turn| &turn.user).collect();
        let mut prompt = Vec::new();
        for user in self.prompt.iter().filter(|user| !whole.contains(user)) {
            if items >= most {
                break;
            }
            items += self.users.get(user).map_or(0, |waiting| waiting.items.len());
            prompt.push(Turn { user: user.clone(), whole: false });
        }
        turns.extend(prompt);
        turns
    }

    /// What `turn` is about, in the order of the log.
    pub(super) fn items(&self, turn: &Turn) -> Vec<&Item> {
        let items = self.users.get(&turn.user).map_or(&[][..], |waiting| &waiting.items[..]);
        items.iter().filter(|item| turn.whole || item.is_prompt).collect()
    }

    /// Ends turns: what is in `settled` is no more, and what is left of them waits for the end of a window.
    pub(super) fn finish(&mut self, turns: &[Turn], settled: &AHashSet<Position>, now: Instant) {
        for turn in turns {
            self.prompt.remove(&turn.user);
            let Some(waiting) = self.users.get_mut(&turn.user) else { continue };
            waiting.has_window &= !turn.whole;
            let before = waiting.items.len();
            waiting.items.retain(|item| !settled.contains(&item.record.position));
            self.count -= before - waiting.items.len();
            waiting.items.iter_mut().for_each(|item| item.is_prompt = false);
        }
        let users = &self.users;
        self.windows.retain(|(_, user)| users.get(user).is_some_and(|waiting| waiting.has_window));
        for turn in turns {
            match self.users.get_mut(&turn.user) {
                Some(waiting) if waiting.items.is_empty() && !waiting.has_window => {
                    self.users.remove(&turn.user);
                }
                Some(waiting) if !waiting.items.is_empty() && !waiting.has_window => {
                    waiting.has_window = true;
                    self.windows.push_back((now + self.window, turn.user.clone()));
                }
                _ => {}
            }
        }
    }

    /// Drops what waits of these partitions.
    pub(super) fn revoked(&mut self, partitions: &[u32]) {
        for waiting in self.users.values_mut() {
            waiting.items.retain(|item| !partitions.contains(&item.record.position.partition));
        }
        self.users.retain(|_, waiting| !waiting.items.is_empty());
        let users = &self.users;
        self.windows.retain(|(_, user)| users.contains_key(user));
        self.prompt.retain(|user| users.get(user).is_some_and(|w| w.items.iter().any(|item| item.is_prompt)));
        self.count = users.values().map(|waiting| waiting.items.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rep_core::{
        Currency, InterestReason, NotificationId, NotificationKind, ProductId, Timestamp, TraceId,
    };

    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);

    fn item(user: &str, offset: u64, is_prompt: bool) -> Item {
        let position = Position { epoch: 1, partition: (offset % 2) as u32, offset };
        let record = Record {
            position,
            appended_at: Timestamp::from_ms(0),
            key: Bytes::new(),
            value: Bytes::new(),
            trace: None,
        };
        let notification = Notification {
            notification_id: NotificationId::new(format!("n{offset}")).unwrap(),
            trace_id: TraceId::new("t").unwrap(),
            user_id: UserId::new(user).unwrap(),
            product_id: ProductId::new("p").unwrap(),
            product_name: "Cup".to_owned(),
            kind: NotificationKind::PriceDrop,
            reason: InterestReason::Viewed,
            currency: Currency::EUR,
            price_before: None,
            price_after: 1,
            stock_after: 1,
            timestamp: Timestamp::from_ms(0),
            merged: 0,
        };
        Item { record, notification, is_prompt }
    }

    fn turn(user: &str, whole: bool) -> Turn {
        Turn { user: UserId::new(user).unwrap(), whole }
    }

    fn offsets(held: &Held, turn: &Turn) -> Vec<u64> {
        held.items(turn).iter().map(|item| item.record.position.offset).collect()
    }

    fn all(held: &Held, turns: &[Turn]) -> AHashSet<Position> {
        turns.iter().flat_map(|turn| held.items(turn)).map(|item| item.record.position).collect()
    }

    #[test]
    fn what_is_prompt_goes_at_once_and_the_rest_when_its_window_ends() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut held = Held::new(WINDOW, 100);
        assert_eq!(held.due(begun), None);
        held.push(item("a", 0, false), at(0));
        held.push(item("b", 1, false), at(300));
        held.push(item("a", 2, true), at(600));
        assert_eq!(held.due(at(600)), Some(at(600)));
        let turns = held.turns(at(600), false, 10);
        assert_eq!(turns, [turn("a", false)]);
        assert_eq!(offsets(&held, &turns[0]), [2]);
        assert_eq!(held.turns(at(600), false, 10), turns, "what is looked at stays");
        held.finish(&turns, &all(&held, &turns), at(600));
        assert_eq!(held.due(at(600)), Some(at(1000)));
        assert!(held.turns(at(999), false, 10).is_empty());
        held.push(item("a", 4, false), at(999));
        let turns = held.turns(at(1300), false, 10);
        assert_eq!(turns, [turn("a", true), turn("b", true)]);
        assert_eq!(offsets(&held, &turns[0]), [0, 4]);
        held.finish(&turns, &all(&held, &turns), at(1300));
        assert_eq!((held.due(at(1300)), held.count, held.users.len()), (None, 0, 0));
    }

    #[test]
    fn what_finds_no_room_waits_for_the_end_of_a_window() {
        let begun = Instant::now();
        let mut held = Held::new(WINDOW, 100);
        held.push(item("a", 0, true), begun);
        let turns = held.turns(begun, false, 10);
        held.finish(&turns, &AHashSet::new(), begun);
        assert_eq!(held.due(begun), Some(begun + WINDOW));
        assert!(held.turns(begun, false, 10).is_empty());
        let turns = held.turns(begun, true, 10);
        assert_eq!((turns.as_slice(), offsets(&held, &turns[0])), (&[turn("a", true)][..], vec![0]));
    }

    #[test]
    fn memory_is_bounded_and_what_went_to_others_is_dropped() {
        let begun = Instant::now();
        let mut held = Held::new(WINDOW, 4);
        for offset in 0..6 {
            held.push(item(&format!("u{offset}"), offset, offset == 5), begun);
        }
        assert_eq!(held.due(begun), Some(begun));
        let turns = held.turns(begun, false, 10);
        assert_eq!(
            turns,
            [turn("u0", true), turn("u1", true), turn("u5", false)],
            "the oldest windows end early"
        );
        assert_eq!(held.turns(begun, true, 2).len(), 2, "a batch at a time");
        held.revoked(&[1]);
        assert_eq!((held.count, held.users.len(), held.windows.len(), held.prompt.len()), (3, 3, 3, 0));
        held.revoked(&[0]);
        assert_eq!((held.due(begun), held.count), (None, 0));
    }
}
