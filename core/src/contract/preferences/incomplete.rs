//! Shoppers whose state is of another model, or lacks what they did before it took this one.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::support::{Subject, action, at, erasure, eventually, new_product, new_user, position};
use super::{direction, load_one, state, store_one};
use crate::ports::preferences::{
    Fold, FoldRules, FoldStep, Folded, Incomplete, PreferenceStore, Recall, StoreOutcome,
};
use crate::{ActionType, Earlier, ModelId, Preference, Remembered, Share, TasteRules, UnitVector, UserId};

fn model() -> ModelId {
    ModelId::new("contract-model").unwrap()
}

/// A state of another model, in which one action was folded at offset 9.
fn of_another_model(user: &UserId) -> Preference {
    Preference { model: ModelId::new("former-model").unwrap(), ..state(user, position(1, 9)) }
}

/// A state that took the model after offset 9.
fn lacking(user: &UserId) -> Preference {
    let mut state = of_another_model(user);
    state.change_model(&model(), at(50), true);
    state
}

async fn fold_one(store: &dyn PreferenceStore, fold: Fold<'_>) -> Folded {
    let model = model();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(60) };
    store.fold(&[fold], &rules).await.unwrap()[0]
}

/// What is remembered of `of`: one purchase of what `vector` stands for.
fn purchase(of: &Earlier, vector: &UnitVector) -> Remembered {
    let mut share = Share::default();
    share.add(vector, 1.0, at(5), TasteRules::default().half_life);
    Remembered { of: of.clone(), share, waiting: Vec::new() }
}

async fn add(store: &dyn PreferenceStore, user: &UserId, remembered: &Remembered) -> Folded {
    fold_one(store, Fold::recalling(user, Recall::Add(remembered))).await
}

/// All who are listed, by way of all the pages.
async fn listed(store: &dyn PreferenceStore) -> HashMap<UserId, Incomplete> {
    let (mut cursor, mut found) = (None::<String>, HashMap::new());
    loop {
        let page = store.incomplete(cursor.as_deref(), 2).await.unwrap();
        assert!(page.total >= page.items.len());
        found.extend(page.items.into_iter().map(|one| (one.user_id.clone(), one)));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn until_listed(store: &dyn PreferenceStore, user: &UserId, expected: Option<Incomplete>) {
    store.flush().await.unwrap();
    let what = format!("{user} is listed as {expected:?}");
    eventually(&what, async || (listed(store).await.get(user) == expected.as_ref()).then_some(())).await;
}

/// Shoppers are listed while their state is of another model, or lacks what was before. What they lack is added once,
/// changes neither count nor position, and makes nobody who is not there.
pub async fn who_is_not_whole_is_listed_and_remembered_once(subject: &mut impl Subject) {
    let store = &*subject.ports().preferences;
    let users: Vec<UserId> = (0..5).map(|_| new_user()).collect();
    let whole = new_user();
    store_one(store, state(&whole, position(1, 9))).await;
    for user in &users {
        assert_eq!(store_one(store, of_another_model(user)).await, StoreOutcome::Stored);
    }
    let user = &users[2];
    for user in &users {
        until_listed(store, user, Incomplete::of(&of_another_model(user), &model())).await;
    }
    assert!(!listed(store).await.contains_key(&whole));

    let folded = fold_one(store, Fold::recalling(user, Recall::TakeModel)).await;
    assert!(folded.restarted && !folded.remembered && !folded.stale);
    assert_eq!(fold_one(store, Fold::recalling(user, Recall::TakeModel)).await, Folded::default());
    let took = load_one(store, user).await.unwrap();
    let earlier = took.earlier.clone().unwrap();
    assert_eq!((&took.model, took.model_since, &took.vector), (&model(), at(60), &None));
    assert_eq!(earlier, Earlier { until: position(1, 9), waits: Vec::new() });
    until_listed(store, user, Incomplete::of(&took, &model())).await;

    let vector = direction(user, 0.0);
    let remembered = purchase(&earlier, &vector);
    let other = purchase(&Earlier { until: position(1, 8), ..earlier.clone() }, &vector);
    assert_eq!(add(store, user, &other).await, Folded::default());
    // Of a state of another model nothing is known.
    assert_eq!(add(store, &users[3], &remembered).await, Folded::default());
    assert_eq!(load_one(store, &users[3]).await, Some(of_another_model(&users[3])));

    assert!(add(store, user, &remembered).await.remembered);
    let complete = load_one(store, user).await.unwrap();
    assert!(complete.vector.as_ref().unwrap().cosine(&vector) > 1.0 - 1e-5);
    assert_eq!((complete.position, complete.action_count), (took.position, took.action_count));
    assert_eq!(complete.earlier, None);
    assert!((complete.sums.mass - 1.0).abs() < 1e-5, "{}", complete.sums.mass);
    until_listed(store, user, None).await;
    assert_eq!(add(store, user, &remembered).await, Folded::default(), "once");
    assert_eq!(load_one(store, user).await.unwrap(), complete);
    assert!(listed(store).await.contains_key(&users[4]), "others still are");

    let nobody = new_user();
    assert_eq!(add(store, &nobody, &remembered).await, Folded::default());
    assert_eq!(fold_one(store, Fold::recalling(&nobody, Recall::TakeModel)).await, Folded::default());
    assert_eq!(load_one(store, &nobody).await, None);
}

/// Of several who remember the same while the shopper acts, one adds its share, and no action is lost.
pub async fn remembering_side_by_side_adds_one_share(subject: &mut impl Subject) {
    let store = subject.ports().preferences.clone();
    let user = new_user();
    store_one(&*store, lacking(&user)).await;
    let vector = direction(&user, 0.0);
    let remembered = Arc::new(purchase(&lacking(&user).earlier.unwrap(), &vector));
    let rememberers: Vec<_> = (0..3)
        .map(|_| {
            let (store, user, remembered) = (store.clone(), user.clone(), Arc::clone(&remembered));
            tokio::spawn(async move {
                let mut folded = add(&*store, &user, &remembered).await;
                while folded.stale {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    folded = add(&*store, &user, &remembered).await;
                }
                u32::from(folded.remembered)
            })
        })
        .collect();
    for offset in 10..30 {
        let click = action(&user, ActionType::Click, &new_product(), at(5));
        loop {
            let (position, embedding) = (position(1, offset), Some(&vector));
            let step = FoldStep { action: &click, position, logged_at: at(5), embedding };
            if !fold_one(&*store, Fold::of(&user, vec![step])).await.stale {
                break;
            }
        }
    }
    let mut added = 0;
    for rememberer in rememberers {
        added += rememberer.await.unwrap();
    }
    let state = load_one(&*store, &user).await.unwrap();
    assert_eq!((added, state.action_count, state.earlier), (1, 10 + 20, None));
    let expected = 1.0 + 20.0 * ActionType::Click.taste_weight();
    assert!((state.sums.mass - expected).abs() < 1e-3, "{} is not {expected}", state.sums.mass);
}

/// What is lacked is so after reopening, and what was remembered is whole then.
pub async fn what_is_lacked_is_there_after_reopening(subject: &mut impl Subject) {
    let user = new_user();
    let store = &*subject.ports().preferences;
    store_one(store, lacking(&user)).await;
    store.flush().await.unwrap();
    subject.reopen().await;
    let store = &*subject.ports().preferences;
    until_listed(store, &user, Incomplete::of(&lacking(&user), &model())).await;
    let vector = direction(&user, 0.0);
    assert!(add(store, &user, &purchase(&lacking(&user).earlier.unwrap(), &vector)).await.remembered);
    store.flush().await.unwrap();
    subject.reopen().await;
    let store = &*subject.ports().preferences;
    assert!(load_one(store, &user).await.unwrap().vector.unwrap().cosine(&vector) > 1.0 - 1e-5);
    until_listed(store, &user, None).await;
}

/// Who is erased lacks nothing.
pub async fn erasure_forgets_what_is_lacked(subject: &mut impl Subject) {
    let user = new_user();
    let store = &*subject.ports().preferences;
    store_one(store, lacking(&user)).await;
    until_listed(store, &user, Incomplete::of(&lacking(&user), &model())).await;
    assert!(store.erase(&user, erasure(1, None)).await.unwrap());
    until_listed(store, &user, None).await;
    let remembered = purchase(&lacking(&user).earlier.unwrap(), &direction(&user, 0.0));
    assert_eq!(add(store, &user, &remembered).await, Folded::default());
    assert_eq!(load_one(store, &user).await, None);
}
