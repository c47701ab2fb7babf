//! Folding from memory: others change the same shoppers, and memory is never what counts.

use std::sync::Arc;

use rep_backends::redis::RedisPreferences;
use rep_backends::saving::Saves;
use rep_core::contract::support::{Subject, action, at, erasure, new_product, new_user, position};
use rep_core::ports::preferences::{Fold, FoldRules, FoldStep, Folded, PreferenceStore};
use rep_core::{ActionType, Embedding, ModelId, Preference, Settlement, TasteRules, UnitVector, UserId};

use crate::cache::{command, forget};
use crate::subject::OnRedis;

fn embedding(of: u64) -> UnitVector {
    UnitVector::normalised((1..=16).map(|n| ((of * 31 + n) as f32).sin()).collect()).unwrap()
}

/// What has come of one click of `user` at each of `offsets`.
fn offline(user: &UserId, offsets: &[u64]) -> Preference {
    let mut preference = Preference::new(user.clone(), ModelId::new("contract-model").unwrap());
    for offset in offsets {
        let click = action(user, ActionType::Click, &new_product(), at(0));
        preference.fold(
            &click,
            position(3, *offset),
            Embedding::Known(&embedding(*offset)),
            TasteRules::default(),
        );
    }
    preference
}

async fn fold(store: &RedisPreferences, user: &UserId, offset: u64) -> Folded {
    let click = action(user, ActionType::Click, &new_product(), at(0));
    let embedding = embedding(offset);
    let model = ModelId::new("contract-model").unwrap();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(0) };
    let (position, embedding) = (position(3, offset), Some(&embedding));
    let step = FoldStep { action: &click, position, logged_at: at(0), embedding };
    let folds = [Fold::of(user, vec![step])];
    store.fold(&folds, &rules).await.unwrap()[0]
}

async fn stands(store: &RedisPreferences, user: &UserId) -> Option<(u64, Option<UnitVector>)> {
    let state = store.load(std::slice::from_ref(user)).await.unwrap().remove(0);
    state.map(|state| (state.action_count, state.vector))
}

fn told(preference: Preference) -> Option<(u64, Option<UnitVector>)> {
    Some((preference.action_count, preference.vector))
}

/// The store as one process has it, and as another that began later.
async fn two_processes() -> (Arc<RedisPreferences>, OnRedis) {
    let mut subject = OnRedis::fresh().await;
    let first = subject.preferences.clone();
    subject.reopen().await;
    (first, subject)
}

#[tokio::test]
async fn what_another_process_folded_meanwhile_counts() {
    let (first, subject) = two_processes().await;
    let (second, user) = (&subject.preferences, new_user());
    for offset in 1..=6 {
        let store = if offset % 3 == 0 { second } else { &first };
        assert_eq!(fold(store, &user, offset).await, Folded::default());
    }
    assert_eq!(stands(&first, &user).await, told(offline(&user, &[1, 2, 3, 4, 5, 6])));
    // Who kept an older state takes the newer one to the backup.
    first.save().await.unwrap();
    assert_eq!(subject.kept.states.lock()[&user].1, 6);
    // And who was away for long changes nothing any more.
    assert_eq!(fold(&first, &user, 2).await, Folded::default());
    assert_eq!(stands(second, &user).await.unwrap().0, 6);
}

#[tokio::test]
async fn an_erased_shopper_stays_away_whatever_a_process_remembers() {
    let (first, subject) = two_processes().await;
    let user = new_user();
    fold(&first, &user, 1).await;
    assert!(subject.preferences.erase(&user, erasure(0, None)).await.unwrap());
    first.save().await.unwrap();
    assert!(subject.kept.states.lock().is_empty());
    assert_eq!(fold(&first, &user, 2).await, Folded::default());
    assert_eq!(stands(&first, &user).await, told(offline(&user, &[2])));
}

#[tokio::test]
async fn what_redis_lost_before_it_was_saved_is_put_back() {
    let subject = OnRedis::fresh().await;
    let (store, user) = (&subject.preferences, new_user());
    let key = format!("{}user:preference:{user}", subject.config.prefix);
    fold(store, &user, 1).await;
    store.save().await.unwrap();
    let first: String = command(&subject, &["GET", &key]).await;
    fold(store, &user, 2).await;
    // As after a failover to a replica that had less, or nothing.
    let _: () = command(&subject, &["SET", &key, &first]).await;
    assert_eq!(fold(store, &user, 3).await, Folded::default());
    assert_eq!(stands(store, &user).await, told(offline(&user, &[1, 2, 3])));
    forget(&subject, &user).await;
    assert_eq!(fold(store, &user, 3).await, Folded::default(), "once more, and it counts once");
    assert_eq!(fold(store, &user, 4).await, Folded::default());
    assert_eq!(stands(store, &user).await, told(offline(&user, &[1, 2, 3, 4])));
    // Saving finds it, too.
    let _: () = command(&subject, &["SET", &key, &first]).await;
    store.save().await.unwrap();
    assert_eq!(told(subject.kept.states.lock()[&user].0.clone()), told(offline(&user, &[1, 2, 3, 4])));
    assert_eq!(stands(store, &user).await, told(offline(&user, &[1, 2, 3, 4])));
}

#[tokio::test]
async fn an_erased_shopper_who_begins_anew_is_not_taken_for_a_loss() {
    let (first, subject) = two_processes().await;
    let user = new_user();
    for offset in 1..=3 {
        fold(&first, &user, offset).await;
    }
    subject.preferences.erase(&user, erasure(0, None)).await.unwrap();
    // Another process folds: fewer changes, and a later place.
    fold(&subject.preferences, &user, 4).await;
    first.save().await.unwrap();
    fold(&first, &user, 5).await;
    assert_eq!(stands(&first, &user).await, told(offline(&user, &[4, 5])));
}

#[tokio::test]
async fn what_redis_lost_is_put_back_whatever_was_settled_meanwhile() {
    let (first, subject) = two_processes().await;
    let (second, user) = (&subject.preferences, new_user());
    let products = [new_product(), new_product(), new_product()];
    let model = ModelId::new("contract-model").unwrap();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(0) };
    for (product, offset) in products.iter().zip(1..) {
        let click = action(&user, ActionType::Click, product, at(0));
        let step =
            FoldStep { action: &click, position: position(3, offset), logged_at: at(0), embedding: None };
        first.fold(&[Fold::of(&user, vec![step])], &rules).await.unwrap();
    }
    first.save().await.unwrap();
    fold(&first, &user, 4).await;
    // Redis loses it, and another process settles in what the backup has: an earlier state of more changes.
    forget(&subject, &user).await;
    let settle = async |product, of| {
        let vector = embedding(of);
        let settled = vec![(product, Settlement::Vector(&vector))];
        let folds = [Fold { settled, ..Fold::of(&user, Vec::new()) }];
        second.fold(&folds, &rules).await.unwrap()[0].settled
    };
    for (product, offset) in products.iter().zip(1..) {
        assert_eq!(settle(product, offset).await, 1);
    }
    second.save().await.unwrap();
    first.save().await.unwrap();
    assert_eq!(stands(second, &user).await.unwrap().0, 4, "the fourth action is not lost");
    assert_eq!(subject.kept.states.lock()[&user].0.action_count, 4, "nor in the backup");
    for (product, offset) in products.iter().zip(1..) {
        assert_eq!(settle(product, offset).await, 1, "it waits in what was put back");
        assert_eq!(settle(product, offset).await, 0, "and counts once");
    }
    let is = stands(&first, &user).await.unwrap().1.unwrap();
    let due = offline(&user, &[1, 2, 3, 4]).vector.unwrap();
    assert!(is.cosine(&due) > 1.0 - 1e-6, "{is:?} is not {due:?}");
}
