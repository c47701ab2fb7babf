//! The behaviour role: vectors at once, documents in bulk, repeats without effect.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_consumers::behaviour::BehaviourConfig;
use rep_core::ports::behaviour::IndexOutcome;
use rep_core::{ActionType, ModelId, Preference, Topic};
use support::embedder::{Mood, vector_of};
use support::events::{action, product, product_id, search, trace_id, user_id};
use support::fold::{assert_same, offline};
use support::world::World;

const ACTIONS: [ActionType; 5] =
    [ActionType::View, ActionType::Click, ActionType::AddToCart, ActionType::Purchase, ActionType::Dislike];

#[tokio::test(start_paused = true)]
async fn vectors_move_at_once_and_documents_follow_in_bulk() {
    let world = World::with_products(10);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.append(&action("t1", 1, ActionType::Click, 3, world.now()));
    let before = world.now();
    world.until("the vector", || !world.stores.state.lock().derived.preferences.is_empty()).await;
    assert!(world.now().since(before) <= Duration::from_millis(20), "a vector waits for no bulk");
    assert_eq!(world.documents(), 0);
    world.until("the document", || world.documents() == 1).await;
    let waited = world.now().since(before);
    assert!(waited >= Duration::from_millis(900) && waited <= Duration::from_millis(1100), "{waited:?}");
    world.until_drained("behaviour", Topic::UserAction).await;

    for n in 0..4000 {
        world.append(&action(&format!("b{n}"), n % 50, ACTIONS[n % 5], n % 10, world.now()));
    }
    let before = world.now();
    world.until("the full bulks", || world.documents() >= 2001).await;
    assert!(world.now().since(before) < Duration::from_millis(100), "full bulks do not wait");
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!(world.stores.state.lock().bulk_max, 500);

    let stats = role.stop().await.unwrap();
    assert_eq!((stats.received, stats.processed, stats.indexed), (4001, 4001, 4001));
    let expected = offline(&world.codec, &world.log.all(Topic::UserAction));
    let state = world.stores.state.lock();
    assert_same(&state.derived.preferences, &expected, "stream");
    assert_eq!(state.changes.len(), 4001);
    let change = state.changes.iter().find(|change| change.trace_id == trace_id("t1")).unwrap();
    assert_eq!((&change.user_id, change.product_id.as_ref()), (&user_id(1), Some(&product_id(3))));
    assert!(change.event_at <= change.logged_at && change.logged_at <= change.applied_at);
}

#[tokio::test(start_paused = true)]
async fn a_products_vector_is_read_again_once_it_is_old() {
    let world = World::with_products(2);
    let kept = Duration::from_secs(60);
    let role = world.run_behaviour(BehaviourConfig { vectors_kept: kept, ..BehaviourConfig::default() });
    let taste = |n: usize| {
        let state = world.stores.state.lock();
        state.derived.preferences.get(&user_id(n)).and_then(|preference| preference.vector.clone())
    };
    let click = async |n: usize| {
        world.append(&action(&format!("t{n}"), n, ActionType::Click, 1, world.now()));
        world.until("the vector", || taste(n).is_some()).await;
        taste(n).unwrap()
    };
    let before = click(1).await;
    let new = vector_of("another text");
    world.stores.state.lock().products.get_mut(&product_id(1)).unwrap().vector = Some(new.clone());
    assert_eq!(click(2).await, before);
    tokio::time::sleep(kept).await;
    assert_eq!(click(3).await, new);
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_repeat_has_no_effect_wherever_the_first_is() {
    let world = World::with_products(3);
    let event = action("same", 1, ActionType::Purchase, 1, world.now());
    // In one batch.
    for _ in 0..3 {
        world.append(&event);
    }
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("the batch", || role.stats.snapshot().duplicates == 2).await;
    // While the document waits for its bulk.
    assert_eq!(world.documents(), 0);
    world.append(&event);
    world.until("the pending repeat", || role.stats.snapshot().duplicates == 3).await;
    // Once it is indexed.
    world.until_drained("behaviour", Topic::UserAction).await;
    world.append(&event);
    world.until("the late repeat", || role.stats.snapshot().duplicates == 4).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.processed, stats.indexed, stats.duplicates), (5, 1, 4));
    let state = world.stores.state.lock();
    let preference = &state.derived.preferences[&user_id(1)];
    assert_eq!((preference.action_count, preference.recent.len()), (1, 1));
    assert_eq!(state.derived.popularity[&product_id(1)], 10.0);
}

#[tokio::test(start_paused = true)]
async fn each_document_of_a_bulk_is_settled_alone() {
    let world = World::with_products(3);
    let failed = |retryable| IndexOutcome::Failed { retryable, reason: "429 or 400".to_owned() };
    {
        let mut state = world.stores.state.lock();
        state.scripted.insert(trace_id("later"), [failed(true), failed(true)].into());
        state.scripted.insert(trace_id("never"), [failed(true), failed(false)].into());
        state.scripted.insert(trace_id("raced"), [IndexOutcome::Duplicate].into());
        state.cursed_documents.insert(trace_id("cursed"));
    }
    for trace in ["a", "later", "b", "never", "raced", "c", "cursed", "a"] {
        world.append(&action(trace, 1, ActionType::Click, 1, world.now()));
    }
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.indexed, stats.dead_lettered, stats.duplicates), (4, 2, 2));
    assert_eq!(stats.indexed + stats.dead_lettered + stats.duplicates, stats.received);
    let mut letters: Vec<_> = world.dead_letters().into_iter().map(|l| (l.reason, l.attempts)).collect();
    letters.sort();
    assert_eq!(letters, [("PANIC".to_owned(), 1), ("REFUSED".to_owned(), 2)]);
    assert_eq!(world.documents(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_search_holds_up_its_shopper_and_nobody_else() {
    let world = World::with_products(3);
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_millis(200));
    let role = world.run_behaviour(BehaviourConfig::default());
    let began = world.now();
    world.append(&search("s1", 1, "red shoes", began));
    world.append(&action("c1", 1, ActionType::Click, 1, began));
    world.append(&action("c2", 2, ActionType::Click, 1, began));
    let state_of = |user| world.stores.state.lock().derived.preferences.get(&user_id(user)).cloned();
    world.until("the shopper who does not search", || state_of(2).is_some()).await;
    assert!(world.now().since(began) < Duration::from_millis(50));
    assert_eq!(state_of(1), None, "the click waits behind the search");
    // What comes while others are held: more of the same shopper, a repeat, somebody else.
    world.append(&action("c3", 1, ActionType::Click, 2, began));
    world.append(&search("s1", 1, "red shoes", began));
    world.append(&action("c4", 3, ActionType::Click, 1, began));
    world.until("another", || state_of(3).is_some()).await;
    assert!(world.now().since(began) < Duration::from_millis(100));
    world.until_drained("behaviour", Topic::UserAction).await;
    let kept = world.stores.state.lock().derived.preferences.clone();
    assert_same(&kept, &offline(&world.codec, &world.log.all(Topic::UserAction)), "held");
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.indexed, stats.duplicates, stats.dead_lettered), (5, 1, 0));
    assert_eq!(world.documents(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_finished_when_the_role_stops() {
    let world = World::with_products(3);
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_millis(200));
    let role = world.run_behaviour(BehaviourConfig::default());
    world.append(&search("s1", 1, "red shoes", world.now()));
    world.append(&action("c2", 2, ActionType::Click, 1, world.now()));
    world.until("the other", || !world.stores.state.lock().derived.preferences.is_empty()).await;
    assert_eq!(role.stop().await.unwrap().indexed, 2);
    assert_eq!(world.log.lag("behaviour", Topic::UserAction), 0);
    let state = world.stores.state.lock().derived.preferences[&user_id(1)].clone();
    assert_eq!(state.vector.unwrap(), vector_of("red shoes"));
}

#[tokio::test(start_paused = true)]
async fn searches_move_the_vector_and_a_hanging_model_does_not_stop_the_stream() {
    let world = World::with_products(3);
    let role = world.run_behaviour(BehaviourConfig::default());
    for n in 0..3 {
        world.append(&search(&format!("s{n}"), n, "red shoes", world.now()));
    }
    world.until("the searches", || world.stores.state.lock().derived.preferences.len() == 3).await;
    assert_eq!(world.embedder.calls.load(Ordering::Relaxed), 1, "one call for one distinct query");
    let state = world.stores.state.lock().derived.preferences[&user_id(0)].clone();
    assert_eq!(state.vector.unwrap(), vector_of("red shoes"));

    *world.embedder.mood.lock() = Mood::Hangs;
    let before = world.now();
    world.append(&search("h0", 7, "blue", world.now()));
    world.append(&action("h1", 8, ActionType::Click, 1, world.now()));
    world.until("degraded", || world.stores.state.lock().derived.preferences.len() == 5).await;
    assert!(world.now().since(before) < Duration::from_millis(300));
    let (before, calls) = (world.now(), world.embedder.calls.load(Ordering::Relaxed));
    world.append(&search("h2", 9, "green", world.now()));
    world.until("in the cool-down", || world.stores.state.lock().derived.preferences.len() == 6).await;
    assert!(world.now().since(before) < Duration::from_millis(50), "not even asked");
    assert_eq!(world.embedder.calls.load(Ordering::Relaxed), calls);

    *world.embedder.mood.lock() = Mood::Well;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.append(&search("h3", 9, "green", world.now()));
    world
        .until("recovered", || world.stores.state.lock().derived.preferences[&user_id(9)].vector.is_some())
        .await;
    world.until_drained("behaviour", Topic::UserAction).await;
    let state = world.stores.state.lock().derived.preferences[&user_id(7)].clone();
    assert_eq!((state.action_count, state.vector), (1, None), "the search counts, but moves nothing");
    assert_eq!(role.stop().await.unwrap().dead_lettered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_vector_of_another_model_starts_anew_and_keeps_its_counts() {
    let world = World::with_products(3);
    let mut old = Preference::new(user_id(1), ModelId::new("old-model").unwrap());
    old.vector = Some(vector_of("something else"));
    old.action_count = 41;
    world.stores.state.lock().derived.preferences.insert(user_id(1), old);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.append(&action("t", 1, ActionType::Click, 2, world.now()));
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
    let new = world.stores.state.lock().derived.preferences[&user_id(1)].clone();
    assert_eq!((new.model.as_str(), new.action_count), ("hash-8", 42));
    assert_eq!(new.vector.unwrap(), vector_of(&product(2).passage()));
}

#[tokio::test(start_paused = true)]
async fn a_stale_write_is_folded_again_once_and_then_dropped() {
    let world = World::with_products(3);
    world.stores.state.lock().stale = 1;
    let role = world.run_behaviour(BehaviourConfig::default());
    world.append(&action("t1", 1, ActionType::Click, 1, world.now()));
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!(world.stores.state.lock().derived.preferences[&user_id(1)].action_count, 1);
    world.stores.state.lock().stale = 2;
    world.append(&action("t2", 1, ActionType::Click, 1, world.now()));
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!(world.stores.state.lock().derived.preferences[&user_id(1)].action_count, 1);
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.processed, stats.indexed, stats.dead_lettered), (2, 2, 0));
}
