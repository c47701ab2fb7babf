//! The suite of [`BehaviourStore`].
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

mod interest;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::interest::*;
use self::interest::{expect_interest, expect_settled};
use super::support::{
    Subject, action, at, commit_something, eventually, meeting_users, new_product, new_trace, new_user,
    position,
};
use crate::ports::StoreErrorKind;
use crate::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome};
use crate::{ActionType, EventId, InterestReason, SessionId, UserAction, UserId};

/// Makes every sentence of the suite a test; `$make` gives a [`Subject`].
#[macro_export]
macro_rules! behaviour_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            behaviour,
            $make,
            [
                a_document_comes_back_as_it_was,
                a_redelivery_and_a_repeat_are_told_apart_and_the_first_stands,
                one_call_follows_the_same_rules_as_many,
                of_concurrent_repeats_one_is_taken,
                shoppers_may_share_a_trace_id,
                positions_are_those_of_the_first_record_or_none,
                history_is_newest_first_in_one_order,
                pages_of_history_neither_skip_nor_repeat,
                history_shows_one_shopper_only,
                shoppers_whose_hashes_meet_share_no_document_and_no_interest,
                a_cursor_that_is_not_ours_is_refused,
                interest_is_ordered_by_reason_then_newest,
                interest_before_a_moment_is_left_out,
                bought_given_up_or_disliked_is_no_interest,
                a_wish_and_the_cart_are_taken_back_apart,
                interest_follows_the_time_of_actions_in_any_order,
                a_late_older_action_undoes_nothing_newer,
                concurrent_and_repeated_actions_agree_with_the_rules,
                erasure_forgets_the_shopper_but_not_the_events,
                the_count_is_at_least_what_was_taken,
                what_was_taken_is_there_after_the_next_commit,
            ]
        );
    };
}

fn document(action: UserAction, offset: u64) -> BehaviourDocument {
    BehaviourDocument { action, position: position(3, offset), appended_at: at(0) }
}

async fn index_all(store: &dyn BehaviourStore, actions: Vec<UserAction>) {
    let documents: Vec<_> = actions.into_iter().zip(0..).map(|(a, offset)| document(a, offset)).collect();
    let count = documents.len();
    assert_eq!(store.index(documents).await.unwrap(), vec![IndexOutcome::Created; count]);
}

async fn history(store: &dyn BehaviourStore, user: &UserId, page: usize) -> Vec<BehaviourDocument> {
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let found = store.history(user, cursor.as_deref(), page).await.unwrap();
        assert!(found.items.len() <= page);
        items.extend(found.items);
        cursor = found.next;
        if cursor.is_none() {
            return items;
        }
    }
}

/// The whole history, once it holds `count` documents.
async fn history_of(store: &dyn BehaviourStore, user: &UserId, count: usize) -> Vec<BehaviourDocument> {
    eventually("history shows what was taken", async || {
        let items = history(store, user, 100).await;
        (items.len() == count).then_some(items)
    })
    .await
}

/// A document comes back as it was, whatever its fields hold.
pub async fn a_document_comes_back_as_it_was(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let user = UserId::new(format!("{}-쇼핑객", new_user())).unwrap();
    let search = UserAction {
        trace_id: new_trace(),
        user_id: user.clone(),
        action_type: ActionType::Search,
        product_id: None,
        search_query: Some("빨간 신발 \"42\" \n\u{1F45F}".to_owned()),
        session_id: Some(SessionId::new("visit-1").unwrap()),
        timestamp: at(7),
        metadata: BTreeMap::from([("page".to_owned(), String::new()), ("a b".to_owned(), "ü".to_owned())]),
    };
    let kept = document(search, 11);
    store.index(vec![kept.clone()]).await.unwrap();
    assert_eq!(history_of(&**store, &user, 1).await, [kept]);
}

/// The same record again is a redelivery; the same event from another record is a repeat, and the first stands.
pub async fn a_redelivery_and_a_repeat_are_told_apart_and_the_first_stands(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (user, product) = (new_user(), new_product());
    let first = document(action(&user, ActionType::Click, &product, at(1)), 5);
    let mut repeat = document(first.action.clone(), 6);
    repeat.action.timestamp = at(2);
    assert_eq!(store.index(vec![first.clone()]).await.unwrap(), [IndexOutcome::Created]);
    for _ in 0..2 {
        assert_eq!(store.index(vec![first.clone()]).await.unwrap(), [IndexOutcome::Redelivered]);
        assert_eq!(store.index(vec![repeat.clone()]).await.unwrap(), [IndexOutcome::Duplicate]);
    }
    assert_eq!(history_of(&**store, &user, 1).await, [first]);
}

/// Repeats within one call are told apart as those of many calls are.
pub async fn one_call_follows_the_same_rules_as_many(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (user, product) = (new_user(), new_product());
    let a = document(action(&user, ActionType::Click, &product, at(1)), 1);
    let b = document(action(&user, ActionType::Click, &product, at(2)), 2);
    let again = document(a.action.clone(), 3);
    let outcomes = store.index(vec![a.clone(), again, b.clone(), a.clone()]).await.unwrap();
    use IndexOutcome::{Created, Duplicate, Redelivered};
    assert_eq!(outcomes, [Created, Duplicate, Created, Redelivered]);
    assert_eq!(history_of(&**store, &user, 2).await, [b, a]);
}

/// Of repeats that come at one time, one is taken.
pub async fn of_concurrent_repeats_one_is_taken(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    for _ in 0..20 {
        let (user, trace, product) = (new_user(), new_trace(), new_product());
        let calls: Vec<_> = (0..8)
            .map(|offset| {
                let store = store.clone();
                let act = UserAction {
                    trace_id: trace.clone(),
                    ..action(&user, ActionType::Click, &product, at(1))
                };
                tokio::spawn(async move { store.index(vec![document(act, offset)]).await.unwrap().remove(0) })
            })
            .collect();
        let mut created = 0;
        for call in calls {
            match call.await.unwrap() {
                IndexOutcome::Created => created += 1,
                outcome => assert_eq!(outcome, IndexOutcome::Duplicate),
            }
        }
        assert_eq!(created, 1);
    }
}

/// Trace ids are chosen by clients: what one shopper sent with the trace id of another is an event of its own, and
/// tells nothing of the other's, also after one of them was erased.
pub async fn shoppers_may_share_a_trace_id(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (ann, ben, product) = (new_user(), new_user(), new_product());
    let of_ann = action(&ann, ActionType::Click, &product, at(1));
    let of_ben = UserAction {
        trace_id: of_ann.trace_id.clone(),
        ..action(&ben, ActionType::Purchase, &product, at(2))
    };
    let (first, second) = (document(of_ann.clone(), 1), document(of_ben.clone(), 2));
    assert_eq!(store.index(vec![first.clone()]).await.unwrap(), [IndexOutcome::Created]);
    assert_eq!(store.positions(&[of_ben.event_id()]).await.unwrap(), [None]);
    assert_eq!(store.index(vec![second.clone()]).await.unwrap(), [IndexOutcome::Created]);
    let both = [of_ann.event_id(), of_ben.event_id()];
    let positions = [Some(first.position), Some(second.position)];
    assert_eq!(store.positions(&both).await.unwrap(), positions);
    assert_eq!(history_of(&**store, &ben, 1).await, std::slice::from_ref(&second));
    assert_eq!(store.erase(&ann).await.unwrap(), 1);
    assert_eq!(store.positions(&both).await.unwrap(), positions);
    assert_eq!(history_of(&**store, &ben, 1).await, [second]);
}

/// `positions` tells from which record each event was taken, and `None` for what was never seen.
pub async fn positions_are_those_of_the_first_record_or_none(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (user, product) = (new_user(), new_product());
    let actions: Vec<UserAction> =
        (0..200).map(|i| action(&user, ActionType::View, &product, at(i))).collect();
    index_all(&**store, actions.clone()).await;
    store.index(vec![document(actions[4].clone(), 999)]).await.unwrap();
    let unseen = action(&user, ActionType::View, &product, at(0));
    let mut ids: Vec<EventId<'_>> = actions.iter().map(UserAction::event_id).collect();
    ids.insert(100, unseen.event_id());
    let found = store.positions(&ids).await.unwrap();
    let mut expected: Vec<_> = (0..200).map(|offset| Some(position(3, offset))).collect();
    expected.insert(100, None);
    assert_eq!(found, expected);
    assert_eq!(store.positions(&ids[98..102]).await.unwrap(), expected[98..102]);
    assert!(store.positions(&[]).await.unwrap().is_empty());
}

/// History is ordered by the action's time, newest first; those of one moment keep one order.
pub async fn history_is_newest_first_in_one_order(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (user, product) = (new_user(), new_product());
    let times = [5, 1, 9, 5, -2_000_000_000_000, 9, 5, 0];
    let mut actions: Vec<_> = times.map(|ms| action(&user, ActionType::View, &product, at(ms))).into();
    index_all(&**store, actions.clone()).await;
    let found = history_of(&**store, &user, times.len()).await;
    assert!(found.is_sorted_by(|a, b| a.action.timestamp >= b.action.timestamp));
    let mut found_actions: Vec<_> = found.iter().map(|d| d.action.clone()).collect();
    let by_trace = |a: &UserAction, b: &UserAction| a.trace_id.cmp(&b.trace_id);
    found_actions.sort_by(by_trace);
    actions.sort_by(by_trace);
    assert_eq!(found_actions, actions);
    assert_eq!(history_of(&**store, &user, times.len()).await, found);
}

/// Pages of history follow on each other without a gap or a repeat, also while newer actions come in.
pub async fn pages_of_history_neither_skip_nor_repeat(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (user, product) = (new_user(), new_product());
    let actions = (0..25).map(|i| action(&user, ActionType::View, &product, at(i / 3))).collect();
    index_all(&**store, actions).await;
    let whole = history_of(&**store, &user, 25).await;
    for page in [1, 2, 5, 24, 25, 26] {
        assert_eq!(history(&**store, &user, page).await, whole);
    }
    let first = store.history(&user, None, 10).await.unwrap();
    index_all(&**store, vec![action(&user, ActionType::View, &product, at(100))]).await;
    let second = store.history(&user, first.next.as_deref(), 15).await.unwrap();
    assert!(first.items.iter().chain(&second.items).eq(whole.iter()));
    assert_eq!(second.next, None);
}

/// An unknown shopper has an empty history, and nobody sees what belongs to another.
pub async fn history_shows_one_shopper_only(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (one, product) = (new_user(), new_product());
    let longer = UserId::new(format!("{one}1")).unwrap();
    let act = |user: &UserId| action(user, ActionType::View, &product, at(0));
    index_all(&**store, vec![act(&one), act(&longer), act(&longer)]).await;
    assert_eq!(history_of(&**store, &longer, 2).await.len(), 2);
    assert!(history_of(&**store, &one, 1).await.iter().all(|d| d.action.user_id == one));
    let unknown = store.history(&new_user(), None, 10).await.unwrap();
    assert!(unknown.items.is_empty() && unknown.next.is_none());
}

/// Two shoppers whose ids meet in a fast hash act at one moment on one product: both are interested, each has a history,
/// and one's erasure takes nothing of the other's.
pub async fn shoppers_whose_hashes_meet_share_no_document_and_no_interest(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let ((one, other), product) = (meeting_users(), new_product());
    let act = |user: &UserId| action(user, ActionType::View, &product, at(0));
    index_all(&**store, vec![act(&one), act(&other)]).await;
    for user in [&one, &other] {
        assert_eq!(history_of(&**store, user, 1).await[0].action.user_id, *user);
    }
    eventually("both are interested", async || {
        let interested = store.interested(&product, at(0), 10).await.unwrap();
        (interested.len() == 2).then_some(())
    })
    .await;
    store.erase(&one).await.unwrap();
    eventually("the other one stays", async || {
        let interested = store.interested(&product, at(0), 10).await.unwrap();
        (interested.len() == 1 && interested[0].user_id == other).then_some(())
    })
    .await;
    assert_eq!(history_of(&**store, &other, 1).await.len(), 1);
}

/// A cursor that is not ours is refused as invalid.
pub async fn a_cursor_that_is_not_ours_is_refused(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let signs = "+f".repeat(10);
    for cursor in
        ["", "x", "zz".repeat(20).as_str(), "00", "日本語".repeat(6).as_str(), &"0".repeat(5000), &signs]
    {
        let error = store.history(&new_user(), Some(cursor), 10).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{cursor}");
    }
}

/// Erasure forgets documents and interest of one shopper; a repeat of theirs still has no effect.
pub async fn erasure_forgets_the_shopper_but_not_the_events(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (gone, product) = (new_user(), new_product());
    let stays = UserId::new(format!("{gone}1")).unwrap();
    let first = document(action(&gone, ActionType::AddToCart, &product, at(1)), 1);
    store.index(vec![first.clone()]).await.unwrap();
    index_all(
        &**store,
        vec![
            action(&gone, ActionType::Purchase, &product, at(2)),
            action(&stays, ActionType::View, &product, at(3)),
        ],
    )
    .await;
    history_of(&**store, &gone, 2).await;
    assert_eq!(store.erase(&gone).await.unwrap(), 2);
    history_of(&**store, &gone, 0).await;
    expect_interest(&**store, &product, at(0), &[(&stays, InterestReason::Viewed, at(3))]).await;
    expect_settled(&**store, &product, std::slice::from_ref(&gone), at(0), &[]).await;
    assert_eq!(history_of(&**store, &stays, 1).await.len(), 1);
    assert_eq!(store.erase(&gone).await.unwrap(), 0);
    let repeat = document(first.action.clone(), 9);
    let outcomes = store.index(vec![first, repeat]).await.unwrap();
    assert_eq!(outcomes, [IndexOutcome::Redelivered, IndexOutcome::Duplicate]);
    history_of(&**store, &gone, 0).await;
}

/// `count` counts the documents kept.
pub async fn the_count_is_at_least_what_was_taken(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (user, product) = (new_user(), new_product());
    index_all(&**store, (0..50).map(|i| action(&user, ActionType::View, &product, at(i))).collect()).await;
    // Others may add and erase meanwhile: no more can be said here.
    eventually("documents are counted", async || (store.count().await.unwrap() >= 50).then_some(())).await;
}

/// Taken documents are durable no later than the next commit of the group whose records they are.
pub async fn what_was_taken_is_there_after_the_next_commit(subject: &mut impl Subject) {
    let (user, product) = (new_user(), new_product());
    let act = action(&user, ActionType::AddToCart, &product, at(1));
    let kept = document(act.clone(), 4);
    subject.ports().behaviour.index(vec![kept.clone()]).await.unwrap();
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    let store = &subject.ports().behaviour;
    assert_eq!(store.index(vec![kept.clone()]).await.unwrap(), [IndexOutcome::Redelivered]);
    assert_eq!(store.positions(&[act.event_id()]).await.unwrap(), [Some(kept.position)]);
    assert_eq!(history_of(&**store, &user, 1).await, [kept]);
    let since = at(1).minus(Duration::from_millis(1));
    expect_interest(&**store, &product, since, &[(&user, InterestReason::Carted, at(1))]).await;
}
