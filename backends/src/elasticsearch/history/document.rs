//! A notification that was sent, as a document.

use rep_core::{
    Currency, InterestReason, Notification, NotificationId, NotificationKind, ProductId, Timestamp, TraceId,
    UserId,
};
use serde::{Deserialize, Serialize};

use super::{ChannelOutcome, HistoryRecord};
use crate::inbox::in_units_of_today;

/// What is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewRecord<'a> {
    #[serde(flatten)]
    notification: &'a Notification,
    delivered_at: Timestamp,
    outcomes: &'a [ChannelOutcome],
}

impl<'a> NewRecord<'a> {
    pub(super) fn of(record: &'a HistoryRecord) -> Self {
        let HistoryRecord { notification, delivered_at, outcomes } = record;
        Self { notification, delivered_at: *delivered_at, outcomes }
    }
}

/// What is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredRecord {
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
    /// Documents of release 0.1 have none. Their prices are in minor units of before the digits of ISO 4217.
    merged: Option<u32>,
    delivered_at: Timestamp,
    outcomes: Vec<ChannelOutcome>,
}

impl StoredRecord {
    pub(super) fn read(self) -> HistoryRecord {
        let notification = Notification {
            notification_id: self.notification_id,
            trace_id: self.trace_id,
            user_id: self.user_id,
            product_id: self.product_id,
            product_name: self.product_name,
            kind: self.kind,
            reason: self.reason,
            currency: self.currency,
            price_before: self.price_before,
            price_after: self.price_after,
            stock_after: self.stock_after,
            timestamp: self.timestamp,
            merged: self.merged.unwrap_or(0),
        };
        let notification = in_units_of_today(notification, self.merged);
        HistoryRecord { notification, delivered_at: self.delivered_at, outcomes: self.outcomes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::tests::drop_in_guarani;

    #[test]
    fn prices_of_release_0_1_stay_what_they_were() {
        let notification = drop_in_guarani();
        let record =
            HistoryRecord { notification, delivered_at: Timestamp::from_ms(2), outcomes: Vec::new() };
        let mut document = serde_json::to_value(NewRecord::of(&record)).unwrap();
        let read = |document: &serde_json::Value| {
            serde_json::from_value::<StoredRecord>(document.clone()).unwrap().read().notification
        };
        assert_eq!(read(&document), record.notification);
        document.as_object_mut().unwrap().remove("merged").unwrap();
        let earlier = read(&document);
        assert_eq!((earlier.price_before, earlier.price_after), (Some(40_000), 35_000));
    }
}
