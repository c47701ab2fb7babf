//! The backup of preference states.

use std::sync::Arc;

use rep_backends::SystemClock;
use rep_backends::elasticsearch::{ElasticsearchPreferences, IndexKind};
use rep_core::contract::support::{at, new_product, new_trace, new_user, position};
use rep_core::ports::StoreErrorKind;
use rep_core::{
    ActionType, ModelId, PendingAction, Preference, Purchase, RecentAction, Split, Sums, UnitVector, UserId,
};

use crate::server::Space;

fn backup(space: &Space) -> ElasticsearchPreferences {
    ElasticsearchPreferences::new(space.client.clone(), Arc::new(SystemClock))
}

fn state(user: &UserId, count: u64) -> Preference {
    let at = at(i64::try_from(count).unwrap());
    let numbers: Vec<f32> = (1_u8..=24).map(|i| 1.0 / f32::from(i) + count as f32 / 7.0).collect();
    let product = new_product();
    let split = Split { liked: vec![0.1; 24], refused: vec![f32::MIN_POSITIVE; 24] };
    let action_type = ActionType::Wishlist;
    let waits =
        PendingAction { trace_id: new_trace(), product_id: new_product(), action_type, at, logged_at: at };
    Preference {
        vector: Some(UnitVector::normalised(numbers).unwrap()),
        action_count: count,
        updated_at: at,
        position: Some(position(2, count)),
        recent: [RecentAction { product_id: product.clone(), action_type: ActionType::Click, at, event: 9 }]
            .into(),
        purchased: [Purchase { product_id: product.clone(), at }].into(),
        sums: Sums { mass: 0.1_f32 + 0.2, at, split: Some(Box::new(split)) },
        pending: vec![waits],
        ..Preference::new(user.clone(), ModelId::new("m").unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_comes_back_as_it_was_and_at_once() {
    let space = Space::with(IndexKind::Preference).await;
    let backup = backup(&space);
    let (one, two, nobody) = (new_user(), new_user(), new_user());
    let empty = Preference::new(two.clone(), ModelId::new("m").unwrap());
    let states = [(state(&one, 3), 7), (empty, 0)];
    backup.save(&states).await.unwrap();
    let asked = [two, nobody, one.clone(), one];
    let loaded = backup.load(&asked).await.unwrap();
    let [filled, empty] = states.map(Some);
    assert_eq!(loaded, [empty, None, filled.clone(), filled]);
    assert!(backup.load(&[]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greatest_version_stands_whatever_the_order_of_saves() {
    let space = Space::with(IndexKind::Preference).await;
    let backup = backup(&space);
    let user = new_user();
    let newer = (state(&user, 9), 9);
    backup.save(&[(state(&user, 3), 3), newer.clone(), (state(&user, 5), 5)]).await.unwrap();
    backup.save(&[(state(&user, 8), 8)]).await.unwrap();
    assert_eq!(backup.load(std::slice::from_ref(&user)).await.unwrap(), [Some(newer)]);
    let again = (state(&user, 10), 9);
    backup.save(std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(
        backup.load(std::slice::from_ref(&user)).await.unwrap(),
        [Some(again)],
        "one version saved again"
    );
    let beyond = backup.save(&[(state(&user, 1), u64::MAX)]).await.unwrap_err();
    assert_eq!(beyond.kind(), StoreErrorKind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_state_is_gone_and_a_late_save_does_not_bring_it_back() {
    let space = Space::with(IndexKind::Preference).await;
    let backup = backup(&space);
    let (user, other) = (new_user(), new_user());
    backup.save(&[(state(&user, 4), 4), (state(&other, 1), 1)]).await.unwrap();
    assert!(backup.erase(&user).await.unwrap());
    assert!(!backup.erase(&user).await.unwrap());
    backup.save(&[(state(&user, 3), 3)]).await.unwrap();
    let loaded = backup.load(&[user.clone(), other]).await.unwrap();
    assert!(loaded[0].is_none() && loaded[1].is_some());
    backup.save(&[(state(&user, 9), 9)]).await.unwrap();
    assert!(backup.load(&[user]).await.unwrap()[0].is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_read_is_left_out() {
    let space = Space::with(IndexKind::Preference).await;
    let backup = backup(&space);
    let (user, other) = (new_user(), new_user());
    backup.save(&[(state(&user, 4), 4), (state(&other, 1), 1)]).await.unwrap();
    let path = format!("{}user_preference_index/_update/{user}", space.namespace);
    space.raw("POST", &path, Some(serde_json::json!({ "doc": { "preferenceVector": [2.0, 2.0] } })));
    let loaded = backup.load(&[user, other]).await.unwrap();
    assert!(loaded[0].is_none() && loaded[1].is_some());
}
