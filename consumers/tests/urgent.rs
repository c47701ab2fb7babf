//! An action on a product without a vector has it embedded at once, and waits for it within bounds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_consumers::behaviour::BehaviourConfig;
use rep_core::ports::StoreErrorKind;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Urgency;
use rep_core::{ActionType, Preference, Topic, UnitVector};
use support::embedder::{Mood, vector_of};
use support::events::{action, product, product_id, user_id};
use support::world::World;

/// A world with `with` products that have a vector, and `without` more that have none.
async fn world(with: usize, without: usize) -> World {
    let world = World::with_products(with);
    world.stores.put((with..with + without).map(product).collect()).await.unwrap();
    world
}

fn click(world: &World, trace: &str, user: usize, product: usize) {
    world.append(&action(trace, user, ActionType::Click, product, world.now()));
}

fn state_of(world: &World, user: usize) -> Option<Preference> {
    world.stores.state.lock().derived.preferences.get(&user_id(user)).cloned()
}

fn passage_of(n: usize) -> UnitVector {
    vector_of(&product(n).passage())
}

fn kept(world: &World, n: usize) -> Option<UnitVector> {
    world.stores.state.lock().products[&product_id(n)].vector.clone()
}

fn calls(world: &World) -> u32 {
    world.embedder.calls.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn it_is_embedded_at_once_and_holds_up_its_shoppers_alone() {
    let world = world(2, 2).await;
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_millis(100));
    let began = world.now();
    click(&world, "c1", 1, 2);
    click(&world, "c2", 1, 0);
    click(&world, "c3", 2, 0);
    click(&world, "c4", 3, 2);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("the shopper of a product that has one", || state_of(&world, 2).is_some()).await;
    assert!(world.now().since(began) < Duration::from_millis(50));
    assert!(state_of(&world, 1).is_none() && state_of(&world, 3).is_none(), "they wait");
    world.until("those who wait", || state_of(&world, 1).is_some() && state_of(&world, 3).is_some()).await;
    assert!(world.now().since(began) < Duration::from_millis(150));
    assert_eq!(state_of(&world, 3).unwrap().vector, Some(passage_of(2)));
    assert_eq!(state_of(&world, 1).unwrap().action_count, 2, "in the order of the log");
    assert_eq!((calls(&world), world.embedder.urgencies()), (1, vec![Urgency::Urgent]));
    world.until("it is in the catalogue", || kept(&world, 2) == Some(passage_of(2))).await;

    click(&world, "c5", 4, 2);
    world.until("another", || state_of(&world, 4).is_some()).await;
    assert_eq!((state_of(&world, 4).unwrap().vector, calls(&world)), (Some(passage_of(2)), 1));
    assert_eq!(role.stop().await.unwrap().indexed, 5);
    assert_eq!(kept(&world, 3), None, "nobody acted on it");
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_bounded_and_the_vector_comes_all_the_same() {
    let world = world(0, 1).await;
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_secs(2));
    let role = world.run_behaviour(BehaviourConfig::default());
    for user in 1..4 {
        let began = world.now();
        click(&world, &format!("c{user}"), user, 0);
        world.until("it goes on without", || state_of(&world, user).is_some()).await;
        let waited = world.now().since(began);
        assert!(waited >= Duration::from_millis(250) && waited < Duration::from_millis(300), "{waited:?}");
        assert_eq!(state_of(&world, user).unwrap().vector, None);
    }
    world.until("the vector", || kept(&world, 0) == Some(passage_of(0))).await;
    assert_eq!(calls(&world), 1, "what is under way is not begun again");
    assert_eq!(role.stop().await.unwrap().indexed, 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_embeds_so_many_and_leaves_the_rest_to_the_backlog() {
    let world = world(0, 9).await;
    for n in 0..9 {
        click(&world, &format!("c{n}"), n, n);
    }
    let config = BehaviourConfig { products_at_once: 5, ..BehaviourConfig::default() };
    let role = world.run_behaviour(config);
    world.until_drained("behaviour", Topic::UserAction).await;
    // Which of them is a matter of the partitions that their shoppers are in.
    let moved: Vec<usize> = (0..9).filter(|n| state_of(&world, *n).unwrap().vector.is_some()).collect();
    let embedded: Vec<usize> = (0..9).filter(|n| kept(&world, *n).is_some()).collect();
    assert_eq!((moved.len(), &moved), (5, &embedded));
    role.stop().await.unwrap();

    let off = BehaviourConfig { products_at_once: 0, ..BehaviourConfig::default() };
    let (role, before) = (world.run_behaviour(off), calls(&world));
    let bare = (0..9).find(|n| kept(&world, *n).is_none()).unwrap();
    click(&world, "off", 10, bare);
    world.until("without", || state_of(&world, 10).is_some()).await;
    assert_eq!((state_of(&world, 10).unwrap().vector, calls(&world)), (None, before));
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_more_than_can_be_done_the_newest_are_done() {
    const AT_ONCE: usize = 16;
    let world = world(0, 3 * AT_ONCE).await;
    *world.embedder.mood.lock() = Mood::Slow(Duration::from_secs(5));
    let role = world.run_behaviour(BehaviourConfig::default());
    for wave in 0..3 {
        for n in wave * AT_ONCE..(wave + 1) * AT_ONCE {
            click(&world, &format!("c{n}"), n, n);
        }
        let last = (wave + 1) * AT_ONCE - 1;
        world.until("the wave goes on without", || state_of(&world, last).is_some()).await;
    }
    let embedded =
        |wave: usize| (wave * AT_ONCE..(wave + 1) * AT_ONCE).filter(|n| kept(&world, *n).is_some()).count();
    world.until("the newest two", || embedded(1) + embedded(2) == 2 * AT_ONCE).await;
    assert_eq!(embedded(0), 0, "they were left to the backlog");
    assert_eq!(role.stop().await.unwrap().indexed, 3 * AT_ONCE as u64);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_away_is_left_alone_for_a_while() {
    let world = world(1, 3).await;
    *world.embedder.mood.lock() = Mood::Overloaded;
    let role = world.run_behaviour(BehaviourConfig::default());
    click(&world, "c1", 1, 1);
    world.until("it goes on without", || state_of(&world, 1).is_some()).await;
    let (before, asked) = (world.now(), calls(&world));
    click(&world, "c2", 2, 2);
    world.until("not even asked", || state_of(&world, 2).is_some()).await;
    assert!(world.now().since(before) < Duration::from_millis(50));
    assert_eq!((calls(&world), state_of(&world, 2).unwrap().vector), (asked, None));

    *world.embedder.mood.lock() = Mood::Well;
    tokio::time::sleep(Duration::from_secs(3)).await;
    click(&world, "c3", 3, 3);
    world.until("it is back", || state_of(&world, 3).is_some()).await;
    assert_eq!(state_of(&world, 3).unwrap().vector, Some(passage_of(3)));
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_text_and_a_catalogue_that_takes_no_vectors_harm_no_other() {
    let world = world(0, 4).await;
    world.embedder.refused.lock().insert(product(1).passage());
    world.faults.fail("set_vectors", StoreErrorKind::Unavailable, 1);
    for n in 0..4 {
        click(&world, &format!("c{n}"), n, n);
    }
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    for n in 0..4 {
        assert_eq!(state_of(&world, n).unwrap().vector, (n != 1).then(|| passage_of(n)), "{n}");
    }
    click(&world, "again", 9, 0);
    world.until("again", || state_of(&world, 9).is_some()).await;
    assert_eq!(state_of(&world, 9).unwrap().vector, Some(passage_of(0)));
    assert_eq!(role.stop().await.unwrap().dead_lettered, 0);
}

#[tokio::test(start_paused = true)]
async fn where_all_have_a_vector_the_catalogue_is_asked_for_vectors_alone() {
    let world = world(3, 0).await;
    let role = world.run_behaviour(BehaviourConfig::default());
    for n in 0..30 {
        click(&world, &format!("c{n}"), n, n % 3);
    }
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!((world.faults.calls("get"), calls(&world)), (0, 0));
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_role_is_killed_is_done_by_the_next() {
    let world = world(0, 1).await;
    *world.embedder.mood.lock() = Mood::Hangs;
    let role = world.run_behaviour(BehaviourConfig::default());
    click(&world, "c1", 1, 0);
    world.until("it is asked for", || calls(&world) == 1).await;
    role.kill().await;
    world.roll_back();
    assert!(state_of(&world, 1).is_none());
    *world.embedder.mood.lock() = Mood::Well;
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("the next", || state_of(&world, 1).is_some()).await;
    let state = state_of(&world, 1).unwrap();
    assert_eq!((state.vector, state.action_count), (Some(passage_of(0)), 1));
    role.stop().await.unwrap();
}
