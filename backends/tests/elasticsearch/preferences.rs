//! The backup of preference states.

use std::sync::Arc;

use rep_backends::SystemClock;
use rep_backends::elasticsearch::{ElasticsearchPreferences, Finding, IndexKind};
use rep_backends::redis::{PreferenceBackup, SavedIncomplete};
use rep_core::contract::support::{at, erasure, eventually, new_product, new_trace, new_user, position};
use rep_core::ports::StoreErrorKind;
use rep_core::ports::preferences::Incomplete;
use rep_core::{
    ActionType, Earlier, ModelId, PendingAction, Preference, Purchase, RecentAction, Split, Sums, UnitVector,
    UserId,
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
        model_since: at,
        earlier: Some(Earlier { until: position(2, u64::MAX), waits: vec![u64::MAX, 0] }),
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
    let (last, earlier) = (erasure(7, Some(position(1, 9))), erasure(5, Some(position(1, 4))));
    assert!(backup.erase(&user, last).await.unwrap());
    assert!(!backup.erase(&user, earlier).await.unwrap());
    assert_eq!(backup.erased(&[other.clone(), user.clone()]).await.unwrap(), [None, Some(last)]);
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

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_whole_under_a_model_is_found_page_by_page() {
    let space = Space::with(IndexKind::Preference).await;
    let backup = backup(&space);
    let model = |name: &str| ModelId::new(name).unwrap();
    let mut users: Vec<UserId> = (0..5).map(|_| new_user()).collect();
    users.sort_unstable();
    let whole = |user: &UserId| Preference { earlier: None, ..state(user, 1) };
    let other = |user: &UserId| Preference { model: model("other"), ..whole(user) };
    let bare = |user: &UserId| Preference::new(user.clone(), model("other"));
    let states = [
        state(&users[0], 1), // lacks something
        whole(&users[1]),
        other(&users[2]),
        bare(&users[3]),
        whole(&users[4]),
    ];
    backup.save(&states.clone().map(|state| (state, 1))).await.unwrap();
    let incomplete = |state: &Preference, name: &str| Incomplete::of(state, &model(name));
    let expected: Vec<Incomplete> = states.iter().filter_map(|state| incomplete(state, "m")).collect();
    assert_eq!(expected.len(), 3);
    let found = async |name: &str, after: Option<&UserId>, limit| {
        PreferenceBackup::incomplete(&backup, &model(name), after, limit).await.unwrap()
    };
    let first = SavedIncomplete { items: expected[..2].to_vec(), total: 3 };
    eventually("what was saved is found", async || (found("m", None, 2).await == first).then_some(())).await;
    let rest = SavedIncomplete { items: expected[2..].to_vec(), total: 3 };
    assert_eq!(found("m", Some(&users[2]), 2).await, rest);
    assert_eq!(found("other", None, 10).await.total, 3, "of that model, others are not");
    backup.save(&[(whole(&users[0]), 2)]).await.unwrap();
    eventually("it is whole", async || (found("m", None, 10).await.total == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_before_gets_the_fields_of_a_change_of_model() {
    let space = Space::empty().await;
    let alias = format!("{}{}", space.namespace, IndexKind::Preference.alias());
    let indices = space.indices("m", 8).only(&[IndexKind::Preference]);
    indices.apply().await.unwrap();
    let mut made = space.raw("GET", &format!("{alias}/_mapping"), None);
    let (index, mapping) = made.as_object_mut().unwrap().iter_mut().next().unwrap();
    let mut mapping = mapping["mappings"].take();
    for field in ["earlier", "modelSince"] {
        mapping["properties"].as_object_mut().unwrap().remove(field).unwrap();
    }
    space.raw("DELETE", index, None);
    let settings = serde_json::json!({ "number_of_shards": 1 });
    let before = serde_json::json!({ "settings": settings, "mappings": mapping, "aliases": { &alias: {} } });
    space.raw("PUT", index, Some(before));
    let missing = |plan: &rep_backends::elasticsearch::IndexPlan| -> Vec<String> {
        let field = |finding: &Finding| match finding {
            Finding::FieldMissing { field, .. } => Some(field.clone()),
            _ => None,
        };
        plan.findings.iter().filter_map(field).collect()
    };
    assert_eq!(missing(&indices.plan().await.unwrap()[0]), ["earlier", "modelSince"]);
    indices.apply().await.unwrap();
    assert_eq!(missing(&indices.plan().await.unwrap()[0]), Vec::<String>::new());
    let backup = backup(&space);
    let user = new_user();
    let state = (state(&user, 3), 1);
    backup.save(std::slice::from_ref(&state)).await.unwrap();
    assert_eq!(backup.load(&[user]).await.unwrap(), [Some(state)]);
}
