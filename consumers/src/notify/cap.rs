//! How often one shopper is told.

use std::collections::VecDeque;
use std::time::Duration;

use ahash::AHashMap;
use rep_core::ports::notifications::InboxItem;
use rep_core::{NotificationId, Timestamp, UserId};

/// Recent deliveries by shopper. The truth is in the inboxes: a shopper who is not here is read from there,
/// so a restart forgets nothing.
pub(super) struct Cap {
    limit: usize,
    window: Duration,
    shoppers_max: usize,
    shoppers: AHashMap<UserId, VecDeque<(Timestamp, NotificationId)>>,
}

impl Cap {
    pub(super) fn new(limit: usize, window: Duration, shoppers_max: usize) -> Self {
        Self { limit, window, shoppers_max, shoppers: AHashMap::new() }
    }

    /// Items of an inbox that are needed to know a shopper.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn knows(&self, user: &UserId) -> bool {
        self.shoppers.contains_key(user)
    }

    /// Learns a shopper from the newest items of their inbox, newest first.
    pub(super) fn learn(&mut self, user: UserId, items: &[InboxItem]) {
        let of = |item: &InboxItem| (item.delivered_at, item.notification.notification_id.clone());
        self.shoppers.insert(user, items.iter().take(self.limit).rev().map(of).collect());
    }

    /// Whether `user` may be told `id` at `now`; notes that they are. What they were told already passes: it
    /// is told to the inbox, which knows it.
    pub(super) fn admit(&mut self, user: &UserId, id: &NotificationId, now: Timestamp) -> bool {
        let told = self.shoppers.entry(user.clone()).or_default();
        while told.front().is_some_and(|(at, _)| now.since(*at) >= self.window) {
            told.pop_front();
        }
        if told.iter().any(|(_, known)| known == id) {
            return true;
        }
        if told.len() >= self.limit {
            return false;
        }
        told.push_back((now, id.clone()));
        true
    }

    /// Forgets a shopper of whom it is not certain what they were told; the inbox knows.
    pub(super) fn forget(&mut self, user: &UserId) {
        self.shoppers.remove(user);
    }

    /// Makes room between batches.
    pub(super) fn trim(&mut self, now: Timestamp) {
        if self.shoppers.len() <= self.shoppers_max {
            return;
        }
        let window = self.window;
        self.shoppers.retain(|_, told| told.back().is_some_and(|(at, _)| now.since(*at) < window));
        if self.shoppers.len() > self.shoppers_max {
            metrics::counter!("rep_notify_cap_forgotten_total").increment(self.shoppers.len() as u64);
            self.shoppers.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> NotificationId {
        NotificationId::new(format!("n{n}")).unwrap()
    }

    #[test]
    fn tells_so_often_in_any_window_and_repeats_are_free() {
        let user = UserId::new("u").unwrap();
        let at = |s: i64| Timestamp::from_ms(1_800_000_000_000 + s * 1000);
        let mut cap = Cap::new(2, Duration::from_secs(10), 100);
        assert!(cap.admit(&user, &id(1), at(0)) && cap.admit(&user, &id(2), at(5)));
        assert!(!cap.admit(&user, &id(3), at(9)));
        assert!(cap.admit(&user, &id(2), at(9)));
        assert!(cap.admit(&user, &id(3), at(10)));
        assert!(!cap.admit(&user, &id(4), at(11)));
        cap.forget(&user);
        assert!(!cap.knows(&user));
    }

    #[test]
    fn memory_is_bounded() {
        let mut cap = Cap::new(2, Duration::from_secs(10), 100);
        let now = Timestamp::from_ms(1_800_000_000_000);
        for n in 0..101 {
            cap.admit(&UserId::new(format!("u{n}")).unwrap(), &id(n), now);
        }
        cap.trim(now);
        assert!(!cap.knows(&UserId::new("u100").unwrap()));
    }
}
