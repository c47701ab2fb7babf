//! What a shopper did before they were erased stays without effect, however often it is read again.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use super::super::support::{Subject, at, commit_something, erasure, new_product, new_user, position};
use super::waiting::{click, model};
use super::{direction, load_one};
use crate::ports::preferences::{Fold, FoldRules, FoldStep, PreferenceStore};
use crate::{TasteRules, UserId};

async fn fold(store: &dyn PreferenceStore, user: &UserId, offset: u64) {
    let (model, action, vector) = (model(), click(user, &new_product(), 5), direction(user, 0.0));
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(3) };
    let step = FoldStep {
        action: &action,
        position: position(4, offset),
        logged_at: at(2),
        embedding: Some(&vector),
    };
    store.fold(&[Fold::of(user, vec![step])], &rules).await.unwrap();
}

/// Nothing that an erasure covers is folded in again: not what the state covered, not what stood behind it in the log,
/// not after reopening, and not after the shopper came back.
pub async fn what_an_erasure_covers_is_never_folded_in_again(subject: &mut impl Subject) {
    let (known, unknown) = (new_user(), new_user());
    let store = &*subject.ports().preferences;
    fold(store, &known, 3).await;
    assert!(store.erase(&known, erasure(1, Some(position(4, 5)))).await.unwrap());
    assert!(!store.erase(&unknown, erasure(1, Some(position(4, 5)))).await.unwrap());
    for reopened in [false, true] {
        if reopened {
            commit_something(&*subject.ports().log).await;
            subject.reopen().await;
        }
        let store = &*subject.ports().preferences;
        for user in [&known, &unknown] {
            for offset in [2, 3, 4, 5] {
                fold(store, user, offset).await;
            }
            assert_eq!(load_one(store, user).await, None);
        }
    }
    let store = &*subject.ports().preferences;
    for user in [&known, &unknown] {
        for offset in [5, 6, 3] {
            fold(store, user, offset).await;
        }
        assert_eq!(load_one(store, user).await.unwrap().action_count, 1);
    }
    let expected = Some(erasure(1, Some(position(4, 5))));
    assert_eq!(store.erased(&[unknown, known]).await.unwrap(), [expected, expected]);
}
