//! Arbitrary events come back as they were.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use rep_core::avro::{Codec, CutFrom, DeadLetter, Event};
use rep_core::{
    ActionType, Currency, InterestReason, InventoryChange, Notification, NotificationKind, Timestamp,
    UserAction,
};

fn id<T>() -> impl Strategy<Value = T>
where
    T: std::str::FromStr + std::fmt::Debug,
    T::Err: std::fmt::Debug,
{
    "[!-~가-힣]{1,40}".prop_map(|text| text.parse::<T>().unwrap())
}

pub(crate) fn any_action() -> impl Strategy<Value = UserAction> {
    let kind = prop::sample::select(ActionType::KNOWN.to_vec());
    let query = "[^ ].{0,60}".prop_filter("blank", |text| !text.trim().is_empty());
    let ids = (id(), id(), id(), option::of(id()));
    (ids, kind, query, any::<bool>(), any::<i64>(), btree_map(".{0,20}", ".{0,20}", 0..8)).prop_map(
        |((trace_id, user_id, product_id, session_id), action_type, query, with_query, ms, metadata)| {
            let search = action_type == ActionType::Search;
            UserAction {
                trace_id,
                user_id,
                action_type,
                product_id: (!search || with_query).then_some(product_id),
                search_query: (search || with_query).then_some(query),
                session_id,
                timestamp: Timestamp::from_ms(ms),
                metadata,
            }
        },
    )
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![0..=2_i64, 0..=i64::MAX]
}

pub(crate) fn any_change() -> impl Strategy<Value = InventoryChange> {
    // Also one that was logged by an earlier release and is not taken any more.
    let currency =
        prop::sample::select(vec![Currency::EUR, Currency::KRW, Currency::recorded("ABC").unwrap()]);
    let stock = (option::of(amount()), amount(), any::<bool>());
    (id(), id(), currency, option::of(amount()), amount(), stock, any::<i64>()).prop_map(
        |(trace_id, product_id, currency, price_before, price_after, stock, ms)| {
            let (stock_before, stock_after, flapping) = stock;
            let timestamp = Timestamp::from_ms(ms);
            InventoryChange {
                trace_id,
                product_id,
                currency,
                price_before,
                price_after,
                stock_before,
                stock_after,
                timestamp,
                flapping,
            }
        },
    )
}

pub(crate) fn any_notification() -> impl Strategy<Value = Notification> {
    use NotificationKind::{BackInStock, LowStock, PriceDrop};
    let kind = prop::sample::select(vec![BackInStock, LowStock, PriceDrop, NotificationKind::Unknown]);
    use InterestReason::{Carted, Similar, Viewed, Wishlisted};
    let reason = prop::sample::select(vec![Carted, Wishlisted, Viewed, Similar, InterestReason::Unknown]);
    (any_change(), id(), id(), ".{0,60}", kind, reason).prop_map(
        |(change, notification_id, user_id, product_name, kind, reason)| Notification {
            notification_id,
            trace_id: change.trace_id,
            user_id,
            product_id: change.product_id,
            product_name,
            kind,
            reason,
            currency: change.currency,
            price_before: change.price_before,
            price_after: change.price_after,
            stock_after: change.stock_after,
            timestamp: change.timestamp,
            merged: 0,
        },
    )
}

pub(crate) fn any_letter() -> impl Strategy<Value = DeadLetter> {
    let place = (0..=i32::MAX.cast_unsigned(), 0..=i64::MAX.cast_unsigned(), 0..=i32::MAX.cast_unsigned());
    let cut = option::of((0..=i64::MAX.cast_unsigned(), "[0-9a-f]{64}"));
    let value = (option::of(vec(any::<u8>(), 0..40)), vec(any::<u8>(), 0..200), cut);
    (place, ".{0,40}", ".{0,80}", any::<i64>(), value).prop_map(
        |((partition, offset, attempts), word, error, ms, (key, payload, cut))| DeadLetter {
            topic: word.clone(),
            partition,
            offset,
            group: word.clone(),
            reason: word,
            error,
            attempts,
            failed_at: Timestamp::from_ms(ms),
            key,
            payload,
            cut_from: cut.map(|(bytes, sha256)| CutFrom { bytes, sha256 }),
        },
    )
}

fn comes_back<E: Event + PartialEq + std::fmt::Debug>(event: &E) -> Result<(), TestCaseError> {
    let codec = Codec::with_sequential_ids();
    let bytes = codec.encode(event).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(
        &codec.decode::<E>(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?,
        event
    );
    Ok(())
}

proptest! {
    #[test]
    fn actions(event in any_action()) { comes_back(&event)?; }

    #[test]
    fn inventory_changes(event in any_change()) { comes_back(&event)?; }

    #[test]
    fn notifications(event in any_notification()) { comes_back(&event)?; }

    #[test]
    fn dead_letters(event in any_letter()) { comes_back(&event)?; }
}
