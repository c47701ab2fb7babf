//! Actions on products without a vector: they wait, and have their share of the vector once.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::collections::BTreeMap;

use super::super::support::{
    Subject, at, commit_something, epoch, erasure, new_product, new_trace, new_user,
};
use super::{direction, load_one};
use crate::ports::preferences::{Fold, FoldRules, FoldStep, Folded, PreferenceStore, Waiting};
use crate::{
    ActionType, ModelId, Position, Preference, ProductId, Settlement, TasteRules, UnitVector, UserAction,
    UserId,
};

pub(super) fn click(user: &UserId, product: &ProductId, ms: i64) -> UserAction {
    UserAction {
        trace_id: new_trace(),
        user_id: user.clone(),
        action_type: ActionType::Click,
        product_id: Some(product.clone()),
        search_query: None,
        session_id: None,
        timestamp: at(ms),
        metadata: BTreeMap::new(),
    }
}

pub(super) fn model() -> ModelId {
    ModelId::new("contract-model").unwrap()
}

fn place(offset: u64) -> Position {
    Position { epoch: epoch(), partition: 1, offset }
}

async fn fold_one(store: &dyn PreferenceStore, fold: Fold<'_>) -> Folded {
    let model = model();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(3) };
    store.fold(&[fold], &rules).await.unwrap()[0]
}

/// Folds in an action of `user`, with a vector or without.
async fn act(
    store: &dyn PreferenceStore,
    action: &UserAction,
    offset: u64,
    embedding: Option<&UnitVector>,
) -> Folded {
    let step = FoldStep { action, position: place(offset), logged_at: at(2), embedding };
    fold_one(store, Fold::of(&action.user_id, vec![step])).await
}

async fn settle(
    store: &dyn PreferenceStore,
    user: &UserId,
    product: &ProductId,
    settlement: Settlement<'_>,
) -> Folded {
    fold_one(store, Fold::settling(user, vec![(product, settlement)])).await
}

/// Whether `user` waits for `product`, by way of all the pages.
async fn waits(store: &dyn PreferenceStore, user: &UserId, product: &ProductId) -> bool {
    let wanted = Waiting { product_id: product.clone(), user_id: user.clone() };
    let (mut cursor, mut found) = (None::<String>, false);
    loop {
        let page = store.waiting(cursor.as_deref(), 3).await.unwrap();
        found |= page.items.contains(&wanted);
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

fn near(a: Option<&Preference>, b: &UnitVector) -> bool {
    a.and_then(|state| state.vector.as_ref()).is_some_and(|vector| vector.cosine(b) > 1.0 - 1e-5)
}

/// An action without a vector waits until it is settled, moves the vector then, and does so once. Settling neither
/// needs a new position nor changes it.
pub async fn what_waits_is_listed_and_settled_once(subject: &mut impl Subject) {
    let store = &*subject.ports().preferences;
    let users: Vec<UserId> = (0..5).map(|_| new_user()).collect();
    let (product, other) = (new_product(), new_product());
    let vector = direction(&users[0], 0.0);
    for user in &users {
        let folded = act(store, &click(user, &product, 5), 1, None).await;
        assert_eq!((folded.deferred, folded.dropped, folded.stale), (1, 0, false));
        act(store, &click(user, &other, 6), 2, None).await;
    }
    for user in &users {
        assert!(waits(store, user, &product).await && waits(store, user, &other).await);
        let state = load_one(store, user).await.unwrap();
        assert_eq!((state.action_count, state.pending.len(), &state.vector), (2, 2, &None));
    }

    let user = &users[0];
    let mut changes = store.changes(user);
    let folded = settle(store, user, &product, Settlement::Vector(&vector)).await;
    assert_eq!((folded.settled, folded.stale), (1, false));
    let settled = load_one(store, user).await.unwrap();
    assert!(near(Some(&settled), &vector));
    assert_eq!((settled.position, settled.action_count), (Some(place(2)), 2));
    assert!(!waits(store, user, &product).await && waits(store, user, &other).await);
    assert!(waits(store, &users[1], &product).await, "others still wait");
    let change = super::super::support::eventually("the settled action is announced", async || {
        changes.try_recv().ok().filter(|change| change.product_id.as_ref() == Some(&product))
    });
    assert_eq!(change.await.user_id, *user);

    let again = settle(store, user, &product, Settlement::Vector(&vector)).await;
    assert_eq!((again.settled, again.stale), (0, false));
    assert_eq!(load_one(store, user).await.unwrap(), settled);
    let kept = settle(store, user, &other, Settlement::Unknown { logged_before: at(2) }).await;
    assert_eq!(kept.given_up, 0, "logged then is not before");
    let gone = settle(store, user, &other, Settlement::Unknown { logged_before: at(3) }).await;
    assert_eq!(gone.given_up, 1);
    assert!(!waits(store, user, &other).await);
    let repeated = act(store, &click(user, &product, 5), 2, Some(&vector)).await;
    assert_eq!(repeated, Folded::default());
    assert!(load_one(store, user).await.unwrap().pending.is_empty(), "the fence stands");
    assert_eq!(settle(store, &new_user(), &product, Settlement::Vector(&vector)).await.settled, 0);
}

/// Of actions and settlements of one shopper that meet, each has its effect once.
pub async fn settling_and_folding_side_by_side_lose_nothing(subject: &mut impl Subject) {
    let store = subject.ports().preferences.clone();
    let (user, product) = (new_user(), new_product());
    let vector = direction(&user, 0.0);
    let settler = {
        let (store, user, product, vector) = (store.clone(), user.clone(), product.clone(), vector.clone());
        tokio::spawn(async move {
            let mut settled = 0;
            while settled < 20 {
                let folded = settle(&*store, &user, &product, Settlement::Vector(&vector)).await;
                settled += folded.settled;
                tokio::task::yield_now().await;
            }
        })
    };
    for offset in 1..=20 {
        let action = click(&user, &product, offset);
        let offset = u64::try_from(offset).unwrap();
        while act(&*store, &action, offset, None).await.stale {}
    }
    tokio::time::timeout(std::time::Duration::from_secs(120), settler).await.unwrap().unwrap();
    let state = load_one(&*store, &user).await.unwrap();
    assert_eq!((state.action_count, state.pending.len()), (20, 0));
    // Twenty clicks within 20 ms: twenty times the weight of one.
    let weight = ActionType::Click.taste_weight();
    assert!((state.sums.mass - 20.0 * weight).abs() < 1e-3, "{}", state.sums.mass);
}

/// What waits at a commit waits after reopening, listed as before, and is settled then.
pub async fn what_waits_is_there_after_reopening(subject: &mut impl Subject) {
    let (user, product) = (new_user(), new_product());
    act(&*subject.ports().preferences, &click(&user, &product, 5), 1, None).await;
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    let store = &*subject.ports().preferences;
    assert!(waits(store, &user, &product).await);
    let vector = direction(&user, 0.0);
    assert_eq!(settle(store, &user, &product, Settlement::Vector(&vector)).await.settled, 1);
    assert!(near(load_one(store, &user).await.as_ref(), &vector));
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    let store = &*subject.ports().preferences;
    assert!(near(load_one(store, &user).await.as_ref(), &vector), "the settled state is durable, too");
    assert_eq!(settle(store, &user, &product, Settlement::Vector(&vector)).await.settled, 0);
}

/// Who is erased waits for nothing.
pub async fn erasure_forgets_what_waits(subject: &mut impl Subject) {
    let store = &*subject.ports().preferences;
    let (user, product) = (new_user(), new_product());
    act(store, &click(&user, &product, 5), 1, None).await;
    assert!(store.erase(&user, erasure(1, None)).await.unwrap());
    assert!(!waits(store, &user, &product).await);
    let vector = direction(&user, 0.0);
    assert_eq!(settle(store, &user, &product, Settlement::Vector(&vector)).await, Folded::default());
    assert_eq!(load_one(store, &user).await, None);
}
