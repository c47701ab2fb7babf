//! One event of each kind with every field set, and one with as few as may be.

use std::collections::BTreeMap;

use rep_core::avro::{CutFrom, DeadLetter};
use rep_core::{
    ActionType, Currency, InterestReason, InventoryChange, Notification, NotificationId, NotificationKind,
    ProductId, SessionId, Timestamp, TraceId, UserAction, UserId,
};

pub(crate) fn full_action() -> UserAction {
    UserAction {
        trace_id: TraceId::new("trace-1").unwrap(),
        user_id: UserId::new("사용자-1").unwrap(),
        action_type: ActionType::Search,
        product_id: Some(ProductId::new("p-9").unwrap()),
        search_query: Some("red shoes".to_owned()),
        session_id: Some(SessionId::new("s-1").unwrap()),
        timestamp: Timestamp::from_ms(1_767_225_600_007),
        metadata: BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]),
    }
}

pub(crate) fn bare_action() -> UserAction {
    UserAction {
        action_type: ActionType::Purchase,
        search_query: None,
        session_id: None,
        timestamp: Timestamp::from_ms(-1),
        metadata: BTreeMap::new(),
        ..full_action()
    }
}

pub(crate) fn full_change() -> InventoryChange {
    InventoryChange {
        trace_id: TraceId::new("trace-2").unwrap(),
        product_id: ProductId::new("p-9").unwrap(),
        currency: Currency::EUR,
        price_before: Some(1990),
        price_after: 1490,
        stock_before: Some(0),
        stock_after: 12,
        timestamp: Timestamp::from_ms(1_767_225_600_007),
        flapping: true,
    }
}

pub(crate) fn bare_change() -> InventoryChange {
    InventoryChange { price_before: None, stock_before: None, flapping: false, ..full_change() }
}

pub(crate) fn full_notification() -> Notification {
    Notification {
        notification_id: NotificationId::new("n-1").unwrap(),
        trace_id: TraceId::new("trace-2").unwrap(),
        user_id: UserId::new("u-1").unwrap(),
        product_id: ProductId::new("p-9").unwrap(),
        product_name: "Red shoes".to_owned(),
        kind: NotificationKind::PriceDrop,
        reason: InterestReason::Similar,
        currency: Currency::EUR,
        price_before: Some(1990),
        price_after: 1490,
        stock_after: 12,
        timestamp: Timestamp::from_ms(1_767_225_600_007),
        merged: 0,
    }
}

pub(crate) fn bare_notification() -> Notification {
    Notification {
        kind: NotificationKind::Unknown,
        reason: InterestReason::Unknown,
        price_before: None,
        ..full_notification()
    }
}

pub(crate) fn full_letter() -> DeadLetter {
    DeadLetter {
        topic: "user.action.v1".to_owned(),
        partition: 11,
        offset: 123_456_789_012,
        group: "behaviour".to_owned(),
        reason: "BAD_MAGIC".to_owned(),
        error: "record begins with byte 0xff".to_owned(),
        attempts: 1,
        failed_at: Timestamp::from_ms(1_767_225_600_007),
        key: Some(b"u-1".to_vec()),
        payload: vec![0xff, 0x00, 0x80],
        cut_from: Some(CutFrom { bytes: 1990, sha256: "5eed".to_owned() }),
    }
}

pub(crate) fn bare_letter() -> DeadLetter {
    DeadLetter { key: None, payload: Vec::new(), cut_from: None, ..full_letter() }
}
