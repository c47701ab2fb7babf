//! Which numbers of an inbox a page or a replay holds: the same wherever the items lie.

use std::ops::{Range, RangeInclusive};

use rep_core::Notification;
use rep_core::ports::notifications::{Delivery, InboxItem, InboxPage, Replay};

/// A notification as it was kept: one that does not say how many it `merged` is of release 0.1, whose prices are in minor
/// units of before the digits of ISO 4217.
pub(crate) fn in_units_of_today(notification: Notification, merged: Option<u32>) -> Notification {
    if merged.is_some() { notification } else { notification.in_iso_units() }
}

/// Items an inbox keeps; as many deliveries that it does not show are known beside it.
pub(crate) const INBOX_ITEMS_MAX: u64 = 1000;

/// The numbers that an inbox keeps, from `first` to `last`; none if `last` is less.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Numbers {
    /// Those of a page before `before`; the page is read from their end.
    pub(crate) fn before(self, before: Option<u64>) -> Range<u64> {
        let end = before.unwrap_or(u64::MAX).min(self.last + 1);
        self.first.min(end)..end
    }

    /// The page of `items`, newest first, that was asked for with `limit`.
    pub(crate) fn page(self, items: Vec<InboxItem>, unread: u64, limit: usize) -> InboxPage {
        let next = items.last().map(|item| item.sequence).filter(|sequence| *sequence > self.first);
        let next = next.filter(|_| items.len() == limit);
        InboxPage { items, unread, next }
    }

    /// Those after `after`, the newest if there are more than `limit`; the answer itself where there are none.
    pub(crate) fn after(self, after: u64, limit: usize) -> Result<RangeInclusive<u64>, Replay> {
        if after > self.last {
            // The shopper was erased, or this number is not from here.
            return Err(Replay { items: Vec::new(), gap: true });
        }
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let from = (after + 1).max(self.first).max((self.last + 1).saturating_sub(limit));
        if from > self.last {
            return Err(Replay { items: Vec::new(), gap: after < self.last });
        }
        Ok(from..=self.last)
    }
}

/// The replay of `items`, oldest first, that follow `after`. Some may have left since the inbox was looked at.
pub(crate) fn replay(after: u64, items: Vec<InboxItem>) -> Replay {
    let gap = items.first().is_none_or(|item| item.sequence > after + 1);
    Replay { items, gap }
}

/// The newest of `deliveries`, up to `limit`, newest first; of one moment, those that come first.
pub(crate) fn newest(mut deliveries: Vec<Delivery>, limit: usize) -> Vec<Delivery> {
    deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.at));
    deliveries.truncate(limit);
    deliveries
}

#[cfg(test)]
pub(crate) mod tests {
    use rep_core::{
        InterestReason, Notification, NotificationId, NotificationKind, ProductId, Timestamp, TraceId, UserId,
    };

    /// A price drop from 4,000,000 to 3,500,000 guaraní, which has no minor unit; release 0.1 kept hundredths of it.
    pub(crate) fn drop_in_guarani() -> Notification {
        Notification {
            notification_id: NotificationId::new("n").unwrap(),
            trace_id: TraceId::new("t").unwrap(),
            user_id: UserId::new("u").unwrap(),
            product_id: ProductId::new("cup").unwrap(),
            product_name: "Cup".to_owned(),
            kind: NotificationKind::PriceDrop,
            reason: InterestReason::Carted,
            currency: "PYG".parse().unwrap(),
            price_before: Some(4_000_000),
            price_after: 3_500_000,
            stock_after: 2,
            timestamp: Timestamp::from_ms(1),
            merged: 0,
        }
    }
}
