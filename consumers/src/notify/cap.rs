//! How often one shopper is told, and of what first.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use ahash::AHashMap;
use rep_core::ports::notifications::Delivery;
use rep_core::{
    InterestReason, Notification, NotificationId, NotificationKind, ProductId, Timestamp, UserId,
};

/// What may be told to one shopper in any window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Notifications of any kind.
    pub(super) total: usize,
    /// Of them, those that are kept for what is in the cart or on the wishlist.
    pub(super) reserve: usize,
    /// Notifications of one product.
    pub(super) product: usize,
    /// The window.
    pub(super) window: Duration,
}

impl Limits {
    /// At most one summary in this time.
    fn summary_pause(self) -> Duration {
        self.window / 4
    }

    /// Kept for a summary while there was none, where there is room for more than that.
    fn of_summary(self) -> usize {
        usize::from(self.total > 3)
    }
}

/// What is in the cart or on the wishlist: it is delivered at once, also from the reserve.
pub(super) fn is_prompt(reason: InterestReason) -> bool {
    matches!(reason, InterestReason::Carted | InterestReason::Wishlisted)
}

/// What one shopper was told lately, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(VecDeque<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    at: Timestamp,
    id: NotificationId,
    product_id: ProductId,
    kind: NotificationKind,
    is_prompt: bool,
}

impl Entry {
    fn of(notification: &Notification, at: Timestamp) -> Self {
        Self {
            at,
            id: notification.notification_id.clone(),
            product_id: notification.product_id.clone(),
            kind: notification.kind,
            is_prompt: is_prompt(notification.reason) && notification.kind != NotificationKind::Summary,
        }
    }

    fn is_summary(&self) -> bool {
        self.kind == NotificationKind::Summary
    }
}

/// What is to be done with a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Deliver,
    /// It was told.
    Repeat,
    /// The hour is full: it goes into a summary, if there may be one.
    OverCap,
    /// The product had its share: likewise.
    OverProduct,
}

impl Recent {
    /// From the newest deliveries, newest first.
    pub(super) fn learn(deliveries: &[Delivery]) -> Self {
        Self(deliveries.iter().rev().map(|delivery| Entry::of(&delivery.notification, delivery.at)).collect())
    }

    /// Notes that `notification` is told at `now`.
    pub(super) fn note(&mut self, notification: &Notification, now: Timestamp) {
        self.0.push_back(Entry::of(notification, now));
    }

    fn forget_before(&mut self, now: Timestamp, window: Duration) {
        while self.0.front().is_some_and(|entry| now.since(entry.at) >= window) {
            self.0.pop_front();
        }
    }

    /// The fate of each of `due` at `now`: the worthiest come first, by reason, then by how much cheaper, then the newest.
    /// What is delivered is noted.
    pub(super) fn plan(&mut self, due: &[&Notification], limits: Limits, now: Timestamp) -> Vec<Fate> {
        self.forget_before(now, limits.window);
        let mut fates = vec![Fate::OverCap; due.len()];
        for place in ranked(due) {
            let notification = due[place];
            let fate = self.fate_of(notification, limits);
            if fate == Fate::Deliver {
                self.note(notification, now);
            }
            fates[place] = fate;
        }
        fates
    }

    fn fate_of(&self, notification: &Notification, limits: Limits) -> Fate {
        let told = &self.0;
        if told.iter().any(|entry| entry.id == notification.notification_id) {
            return Fate::Repeat;
        }
        let of_product = |entry: &&Entry| entry.product_id == notification.product_id && !entry.is_summary();
        if told.iter().filter(of_product).count() >= limits.product {
            return Fate::OverProduct;
        }
        let had_summary = told.iter().any(Entry::is_summary);
        let mut kept = if had_summary { 0 } else { limits.of_summary() };
        if !is_prompt(notification.reason) {
            let prompt = told.iter().filter(|entry| entry.is_prompt).count();
            kept += limits.reserve.saturating_sub(prompt);
        }
        if told.len() + kept < limits.total { Fate::Deliver } else { Fate::OverCap }
    }

    /// Whether a summary may be told at `now`, too.
    pub(super) fn has_room_for_summary(&self, limits: Limits, now: Timestamp) -> bool {
        let is_near = |entry: &Entry| entry.is_summary() && now.since(entry.at) < limits.summary_pause();
        self.0.len() < limits.total && !self.0.iter().any(is_near)
    }
}

/// Places of `due` in the order of their worth.
pub(super) fn ranked(due: &[&Notification]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..due.len()).collect();
    places.sort_by(|a, b| {
        let (a, b) = (due[*a], due[*b]);
        let newest = Reverse(a.timestamp).cmp(&Reverse(b.timestamp));
        a.reason
            .cmp(&b.reason)
            .then(b.drop_share().total_cmp(&a.drop_share()))
            .then(newest)
            .then_with(|| a.notification_id.cmp(&b.notification_id))
    });
    places
}

/// Recent deliveries by shopper. The truth is in the store of notifications: a shopper who is not here is read from
/// there, so a restart forgets nothing.
pub(super) struct Cap {
    limits: Limits,
    shoppers_max: usize,
    shoppers: AHashMap<UserId, Recent>,
}

impl Cap {
    pub(super) fn new(limits: Limits, shoppers_max: usize) -> Self {
        Self { limits, shoppers_max, shoppers: AHashMap::new() }
    }

    /// Takes out what is known of a shopper: while a delivery is under way, only the store knows.
    pub(super) fn take(&mut self, user: &UserId) -> Option<Recent> {
        self.shoppers.remove(user)
    }

    /// Puts back what is certain.
    pub(super) fn put(&mut self, user: UserId, recent: Recent) {
        self.shoppers.insert(user, recent);
    }

    /// Makes room between deliveries.
    pub(super) fn trim(&mut self, now: Timestamp) {
        if self.shoppers.len() <= self.shoppers_max {
            return;
        }
        let window = self.limits.window;
        self.shoppers.retain(|_, recent| recent.0.back().is_some_and(|entry| now.since(entry.at) < window));
        if self.shoppers.len() > self.shoppers_max {
            metrics::counter!("rep_notify_cap_forgotten_total").increment(self.shoppers.len() as u64);
            self.shoppers.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use rep_core::{Currency, TraceId};

    use super::*;

    const LIMITS: Limits = Limits { total: 20, reserve: 5, product: 4, window: Duration::from_secs(3600) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000 + second * 1000)
    }

    fn told(n: u32, reason: InterestReason, price_after: i64) -> Notification {
        Notification {
            notification_id: NotificationId::new(format!("n{n}")).unwrap(),
            trace_id: TraceId::new("t").unwrap(),
            user_id: UserId::new("u").unwrap(),
            product_id: ProductId::new(format!("p{n}")).unwrap(),
            product_name: "Cup".to_owned(),
            kind: NotificationKind::PriceDrop,
            reason,
            currency: Currency::EUR,
            price_before: Some(100),
            price_after,
            stock_after: 3,
            timestamp: at(0),
            merged: 0,
        }
    }

    fn many(range: std::ops::Range<u32>, reason: InterestReason) -> Vec<Notification> {
        range.map(|n| told(n, reason, 70)).collect()
    }

    fn delivered(recent: &mut Recent, due: &[Notification], now: Timestamp) -> Vec<String> {
        let due: Vec<&Notification> = due.iter().collect();
        let fates = recent.plan(&due, LIMITS, now);
        let is = fates.iter().zip(&due).filter(|(fate, _)| **fate == Fate::Deliver);
        is.map(|(_, notification)| notification.notification_id.to_string()).collect()
    }

    #[test]
    fn a_sale_of_what_was_viewed_leaves_room_for_the_cart() {
        use InterestReason::{Carted, Similar, Viewed, Wishlisted};
        let mut recent = Recent::default();
        assert_eq!(delivered(&mut recent, &many(0..60, Viewed), at(0)).len(), 14, "20 less 5 and a summary");
        assert!(delivered(&mut recent, &many(100..120, Similar), at(1)).is_empty());
        let mut late = many(200..203, Carted);
        late.extend(many(203..212, Wishlisted));
        assert_eq!(delivered(&mut recent, &late, at(2)), ["n200", "n201", "n202", "n203", "n204"]);
        assert!(recent.has_room_for_summary(LIMITS, at(2)));
        // Together: the cart first, whichever came first.
        let mut all = many(0..60, Viewed);
        all.extend(many(60..65, Carted));
        let told = delivered(&mut Recent::default(), &all, at(0));
        assert_eq!(told.len(), 19);
        assert!((60..65).all(|n| told.contains(&format!("n{n}"))));
    }

    #[test]
    fn the_greatest_drop_comes_first_and_then_the_newest() {
        use InterestReason::{Similar, Viewed};
        let due = [
            told(0, Similar, 1),
            told(1, Viewed, 90),
            told(2, Viewed, 50),
            told(3, Viewed, 90),
            told(4, Viewed, 90),
        ];
        let mut due = due.to_vec();
        due[3].timestamp = at(9);
        let due: Vec<&Notification> = due.iter().collect();
        assert_eq!(ranked(&due), [2, 3, 1, 4, 0]);
    }

    #[test]
    fn one_product_has_its_share_and_repeats_are_free() {
        let mut recent = Recent::default();
        let mut due = many(0..6, InterestReason::Carted);
        due.iter_mut().for_each(|one| one.product_id = ProductId::new("p").unwrap());
        let refs: Vec<&Notification> = due.iter().collect();
        let fates = recent.plan(&refs, LIMITS, at(0));
        assert_eq!(fates[..4], [Fate::Deliver; 4]);
        assert_eq!(fates[4..], [Fate::OverProduct; 2]);
        assert_eq!(recent.plan(&refs[..1], LIMITS, at(1)), [Fate::Repeat]);
        assert_eq!(delivered(&mut recent, &many(10..11, InterestReason::Viewed), at(2)), ["n10"]);
        assert_eq!(
            recent.plan(&refs[4..], LIMITS, at(3600)),
            [Fate::Deliver; 2],
            "an hour later there is room"
        );
    }

    #[test]
    fn summaries_are_few_and_count() {
        let mut recent = Recent::default();
        delivered(&mut recent, &many(0..60, InterestReason::Viewed), at(0));
        let viewed = told(99, InterestReason::Viewed, 1);
        let summary = Notification::summary_of(&[&viewed]).unwrap();
        recent.note(&summary, at(1));
        assert!(!recent.has_room_for_summary(LIMITS, at(2)));
        assert!(recent.has_room_for_summary(LIMITS, at(901)));
        assert_eq!(delivered(&mut recent, &many(100..120, InterestReason::Carted), at(3)).len(), 5);
        assert!(!recent.has_room_for_summary(LIMITS, at(901)), "20 is 20");
        // Learned again, it is the same.
        let deliveries = recent.0.iter().rev().map(|entry| {
            let reason = if entry.is_prompt { InterestReason::Carted } else { InterestReason::Viewed };
            let (notification_id, product_id) = (entry.id.clone(), entry.product_id.clone());
            let notification =
                Notification { notification_id, product_id, kind: entry.kind, ..told(0, reason, 70) };
            Delivery { notification, channels: Vec::new(), at: entry.at }
        });
        let mut learned = Recent::learn(&deliveries.collect::<Vec<_>>());
        assert!(delivered(&mut learned, &many(200..201, InterestReason::Carted), at(4)).is_empty());
        assert_eq!(delivered(&mut learned, &many(200..201, InterestReason::Carted), at(3600)), ["n200"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut cap = Cap::new(LIMITS, 100);
        for n in 0..101 {
            let mut recent = Recent::default();
            recent.note(&told(n, InterestReason::Viewed, 70), at(0));
            cap.put(UserId::new(format!("u{n}")).unwrap(), recent);
        }
        cap.trim(at(1));
        assert!(cap.take(&UserId::new("u100").unwrap()).is_none());
    }
}
