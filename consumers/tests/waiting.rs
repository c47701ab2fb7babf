//! Actions on products without a vector: they wait in the shopper's state, and count once the vector is there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::sync::Arc;
use std::time::Duration;

use rep_consumers::behaviour::BehaviourConfig;
use rep_core::{ActionType, Embedding, ModelId, Position, Preference, TasteRules, Topic};
use support::embedder::{Mood, vector_of};
use support::events::{action, product, product_id, user_id};
use support::fold::offline;
use support::stores::KeptProduct;
use support::world::World;

/// Puts product `n` into the catalog, with its vector or without.
fn put(world: &World, n: usize, embedded: bool) {
    let product = product(n);
    let vector = embedded.then(|| vector_of(&product.passage()));
    let entry = KeptProduct { vector, product: Arc::new(product) };
    world.stores.state.lock().products.insert(entry.product.product_id.clone(), entry);
}

fn pending(world: &World, user: usize) -> usize {
    world.stores.state.lock().derived.preferences.get(&user_id(user)).map_or(0, |state| state.pending.len())
}

/// Asserts that `user` has the taste that the log gives once every product is embedded.
fn assert_taste(world: &World, user: usize) {
    let expected = &offline(&world.codec, &world.log.all(Topic::UserAction))[&user_id(user)];
    let state = world.stores.state.lock();
    let kept = &state.derived.preferences[&user_id(user)];
    let (kept, expected) = (kept.vector.as_ref().unwrap(), expected.vector.as_ref().unwrap());
    assert!(kept.cosine(expected) > 1.0 - 1e-5, "{kept:?} is not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn an_action_on_a_product_without_a_vector_counts_once_it_has_one() {
    let world = World::with_products(3);
    *world.embedder.mood.lock() = Mood::Overloaded;
    put(&world, 7, false);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.append(&action("t1", 1, ActionType::Purchase, 7, world.now()));
    world.append(&action("t2", 1, ActionType::Click, 2, world.now()));
    world.append(&action("t3", 2, ActionType::Click, 9, world.now()));
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!((pending(&world, 1), pending(&world, 2)), (1, 1), "waits, and the offset is committed");

    put(&world, 7, true);
    world.until("the purchase counts", || pending(&world, 1) == 0).await;
    assert_taste(&world, 1);
    put(&world, 9, true);
    world.until("what was imported after the action counts", || pending(&world, 2) == 0).await;
    // Nothing comes that would be committed.
    let is_kept = || {
        let state = world.stores.state.lock();
        let kept = state.committed.preferences.get(&user_id(2));
        kept.is_some_and(|kept| kept.pending.is_empty() && kept.vector.is_some())
    };
    world.until("it is durable without a commit", is_kept).await;
    assert_taste(&world, 2);
    let before = world.stores.state.lock().derived.preferences[&user_id(1)].clone();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.stores.state.lock().derived.preferences[&user_id(1)], before, "and once");
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_waits_survives_a_kill_and_counts_once() {
    let world = World::new();
    *world.embedder.mood.lock() = Mood::Overloaded;
    put(&world, 7, false);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.append(&action("t1", 1, ActionType::Click, 7, world.now()));
    world.until_drained("behaviour", Topic::UserAction).await;
    world.append(&action("t2", 1, ActionType::Purchase, 7, world.now()));
    world.until("the second waits", || pending(&world, 1) == 2).await;
    // Killed with the second folded and not committed, and the vector coming meanwhile.
    role.kill().await;
    world.roll_back();
    assert_eq!(pending(&world, 1), 1);
    put(&world, 7, true);
    let role = world.run_behaviour(BehaviourConfig::default());
    world
        .until("both count", || {
            let state = world.stores.state.lock();
            let known = &state.derived.preferences[&user_id(1)];
            known.pending.is_empty() && known.action_count == 2
        })
        .await;
    assert_taste(&world, 1);
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_product_that_never_comes_is_given_up_after_a_month() {
    let world = World::new();
    let day = Duration::from_secs(24 * 3600);
    let waits = |user: usize, days: u32| {
        let logged_at = world.now().minus(day * days);
        let action = action(&format!("t{user}"), user, ActionType::Click, 5, logged_at);
        let mut state = Preference::new(user_id(user), ModelId::new("hash-8").unwrap());
        let position = Position { epoch: 1, partition: 0, offset: 1 };
        state.fold(&action, position, Embedding::Awaited(logged_at), TasteRules::default());
        world.stores.state.lock().derived.preferences.insert(user_id(user), state);
    };
    waits(1, 31);
    waits(2, 29);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("the older one is given up", || pending(&world, 1) == 0).await;
    assert_eq!(pending(&world, 2), 1, "that product may still be imported");
    let known = world.stores.state.lock().derived.preferences[&user_id(1)].clone();
    assert_eq!((known.action_count, known.vector), (1, None));
    assert_eq!(known.recent[0].product_id, product_id(5));
    role.stop().await.unwrap();
}
