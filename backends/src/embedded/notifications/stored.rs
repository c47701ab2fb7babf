//! How a delivered notification stands on disk.

use rep_core::ports::StoreError;
use rep_core::ports::notifications::InboxItem;
use rep_core::{
    Currency, InterestReason, Notification, NotificationId, NotificationKind, ProductId, Timestamp, TraceId,
    UserId,
};
use serde::Deserialize;

use crate::embedded::codec::{decode, encode};

const VERSION: u8 = 2;
/// Items whose notification ends before `merged`; prices in minor units of before the digits of ISO 4217.
const VERSION_1: u8 = 1;

#[derive(Deserialize)]
struct ItemV1 {
    notification: NotificationV1,
    sequence: u64,
    delivered_at: Timestamp,
    channels: Vec<String>,
    read_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct NotificationV1 {
    notification_id: NotificationId,
    trace_id: TraceId,
    user_id: UserId,
    product_id: ProductId,
    product_name: String,
    kind: NotificationKind,
    reason: InterestReason,
    currency: Currency,
    price_before: Option<i64>,
    price_after: i64,
    stock_after: i64,
    timestamp: Timestamp,
}

impl From<ItemV1> for InboxItem {
    fn from(item: ItemV1) -> Self {
        let told = item.notification;
        Self {
            notification: Notification {
                notification_id: told.notification_id,
                trace_id: told.trace_id,
                user_id: told.user_id,
                product_id: told.product_id,
                product_name: told.product_name,
                kind: told.kind,
                reason: told.reason,
                currency: told.currency,
                price_before: told.price_before,
                price_after: told.price_after,
                stock_after: told.stock_after,
                timestamp: told.timestamp,
                merged: 0,
            }
            .in_iso_units(),
            sequence: item.sequence,
            delivered_at: item.delivered_at,
            channels: item.channels,
            read_at: item.read_at,
        }
    }
}

pub(super) fn item_bytes(item: &InboxItem) -> Result<Vec<u8>, StoreError> {
    encode(VERSION, item)
}

pub(super) fn item(bytes: &[u8]) -> Result<InboxItem, StoreError> {
    if bytes.first() == Some(&VERSION_1) {
        return decode::<ItemV1>(VERSION_1, bytes, "a notification").map(InboxItem::from);
    }
    decode(VERSION, bytes, "a notification")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: NotificationKind, merged: u32) -> InboxItem {
        InboxItem {
            notification: Notification {
                notification_id: NotificationId::new("n").unwrap(),
                trace_id: TraceId::new("t").unwrap(),
                user_id: UserId::new("u").unwrap(),
                product_id: ProductId::new("cup").unwrap(),
                product_name: "컵".to_owned(),
                kind,
                reason: InterestReason::Viewed,
                currency: Currency::KRW,
                price_before: None,
                price_after: 900,
                stock_after: 2,
                timestamp: Timestamp::from_ms(0),
                merged,
            },
            sequence: 7,
            delivered_at: Timestamp::from_ms(1),
            channels: vec!["in-app".to_owned()],
            read_at: None,
        }
    }

    #[test]
    fn items_of_version_1_are_read() {
        let summary = told(NotificationKind::Summary, 12);
        assert_eq!(item(&item_bytes(&summary).unwrap()).unwrap(), summary);
        let low = told(NotificationKind::LowStock, 0);
        let now = item_bytes(&low).unwrap();
        // Behind the time of the notification stands `merged`, and behind that the rest: 7, 1, one channel, none read.
        let rest = [7, 2, 1, 6].as_slice();
        let end = now.len() - rest.len() - "in-app".len() - 1;
        assert_eq!((now[end - 1], &now[end..end + rest.len()]), (0, rest));
        let mut before = [&now[..end - 1], &now[end..]].concat();
        before[0] = VERSION_1;
        assert_eq!(item(&before).unwrap(), low);
    }
}
