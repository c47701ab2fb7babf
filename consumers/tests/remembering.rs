//! A change of model: taste comes back from the documents, whether the shopper acts again or not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rep_consumers::behaviour::BehaviourConfig;
use rep_core::ports::StoreErrorKind;
use rep_core::{ActionType, ModelId, Preference, Topic, UserId};
use support::embedder::{HashEmbedder, MODEL, Mood, vector_by};
use support::events::{action, product, product_id, search, user_id};
use support::fold::offline;
use support::world::{Running, World};

const FORMER: &str = "former-8";
const PRODUCTS: usize = 12;
const SHOPPERS: usize = 5;
const KINDS: [ActionType; 6] = [
    ActionType::View,
    ActionType::Click,
    ActionType::Purchase,
    ActionType::AddToCart,
    ActionType::RemoveFromCart,
    ActionType::Dislike,
];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// From now on everything is embedded by `model`.
fn embed_by(world: &mut World, model: &str) {
    world.embedder = Arc::new(HashEmbedder::of(model));
    let mut state = world.stores.state.lock();
    state.model = Some(ModelId::new(model).unwrap());
    for entry in state.products.values_mut() {
        entry.vector = Some(vector_by(model, &entry.product.passage()));
    }
}

/// What shoppers did in the last months: more than a state remembers, in no order of time.
fn act(world: &World, round: usize, count: usize) {
    for n in 0..count {
        let (user, id) = (n % SHOPPERS, format!("r{round}-{n}"));
        let at = world.now().minus(DAY / 24 * ((n * 7919) % 4000) as u32);
        let event = if n % 9 == 4 {
            search(&id, user, &format!("query {}", n % 7), at)
        } else {
            action(&id, user, KINDS[(n / SHOPPERS) % 5 + usize::from(n % 11 == 0)], (n * 31) % PRODUCTS, at)
        };
        world.append(&event);
    }
}

async fn run_out(world: &World) {
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
}

/// Shoppers who acted under the former model, and a world of the new one.
async fn changed() -> World {
    let mut world = World::with_products(PRODUCTS);
    embed_by(&mut world, FORMER);
    act(&world, 0, 150 * SHOPPERS);
    run_out(&world).await;
    let states = world.stores.state.lock().derived.preferences.clone();
    assert!(states.values().all(|state| state.model.as_str() == FORMER && state.vector.is_some()));
    embed_by(&mut world, MODEL);
    world
}

fn states(world: &World) -> HashMap<UserId, Preference> {
    world.stores.state.lock().derived.preferences.clone()
}

fn is_whole(state: &Preference) -> bool {
    state.model.as_str() == MODEL && state.earlier.is_none() && state.pending.is_empty()
}

async fn until_whole(world: &World) {
    world.until("all are whole", || states(world).values().all(is_whole)).await;
}

/// Asserts that all have the taste of whoever did the same under the new model from the beginning.
fn assert_taste(world: &World) {
    let expected = offline(&world.codec, &world.log.all(Topic::UserAction));
    let kept = states(world);
    assert_eq!(kept.len(), expected.len());
    for (user, expected) in expected {
        let kept = &kept[&user];
        assert_eq!(kept.action_count, expected.action_count);
        let (kept, expected) = (kept.vector.as_ref().unwrap(), expected.vector.as_ref().unwrap());
        let pairs = kept.as_slice().iter().zip(expected.as_slice());
        let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 1e-4, "{user}: {apart}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_act_again_has_their_taste_back() {
    let world = changed().await;
    let before = states(&world);
    let began = world.now();
    let role = world.run_behaviour(BehaviourConfig::default());
    until_whole(&world).await;
    assert!(world.now().since(began) < Duration::from_secs(60));
    assert_taste(&world);
    for (user, state) in states(&world) {
        let before = &before[&user];
        assert_eq!((state.position, state.action_count), (before.position, before.action_count));
        assert_eq!((state.recent, state.purchased), (before.recent.clone(), before.purchased.clone()));
    }
    let remembered = states(&world);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(states(&world), remembered, "and once");
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_acts_meanwhile_loses_nothing_and_gains_nothing() {
    let world = changed().await;
    world.faults.slow(Duration::from_millis(20));
    let role = world.run_behaviour(BehaviourConfig::default());
    for round in 1..30 {
        act(&world, round, 2 * SHOPPERS);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    world.until_drained("behaviour", Topic::UserAction).await;
    until_whole(&world).await;
    assert_taste(&world);
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn several_roles_and_a_model_that_comes_and_goes_add_one_share() {
    let mut world = changed().await;
    // Away before anybody is remembered, and back again; those who act are folded under each.
    for (round, model) in (1..).zip([MODEL, FORMER, MODEL, FORMER]) {
        embed_by(&mut world, model);
        act(&world, round, 2 * SHOPPERS);
        let role = world.run_behaviour(BehaviourConfig::default());
        world.until_drained("behaviour", Topic::UserAction).await;
        tokio::time::sleep(Duration::from_secs(7)).await;
        role.stop().await.unwrap();
    }
    embed_by(&mut world, MODEL);
    world.faults.slow(Duration::from_millis(50));
    let roles: Vec<Running> = (0..3).map(|_| world.run_behaviour(BehaviourConfig::default())).collect();
    until_whole(&world).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_taste(&world);
    for role in roles {
        role.stop().await.unwrap();
    }
}

/// Runs until the crash, or until everybody is whole; gives whether it crashed.
async fn run_once(world: &World) -> bool {
    let role = world.run_behaviour(BehaviourConfig::default());
    let whole = async {
        world.until_drained("behaviour", Topic::UserAction).await;
        until_whole(world).await;
    };
    tokio::select! {
        () = world.faults.crashed() => {
            role.kill().await;
            true
        }
        () = whole => {
            world.faults.crash_after(None);
            role.stop().await.unwrap();
            false
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_at_any_step_it_is_remembered_once() {
    let mut crashes = 0;
    for steps in (0..60).step_by(3) {
        let world = changed().await;
        act(&world, 1, SHOPPERS);
        for crash in 0.. {
            assert!(crash < 20, "it ends");
            world.faults.crash_after((crash < 3).then_some(steps * (crash + 1)));
            if !run_once(&world).await {
                break;
            }
            crashes += 1;
            if steps % 2 == 0 {
                world.roll_back();
            }
        }
        assert_taste(&world);
    }
    assert!(crashes > 30, "{crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_embedded_yet_waits_and_what_is_in_no_catalogue_is_passed_over() {
    let world = changed().await;
    let gone = product_id(3);
    let bare = product_id(5);
    let (before, expected) = {
        let mut state = world.stores.state.lock();
        state.products.remove(&gone);
        // Enough others that one without a vector is few.
        for n in 100..140 {
            let entry = state.products[&product_id(1)].clone();
            state.products.insert(product_id(n), entry);
        }
        let before = state.products[&bare].clone();
        state.products.get_mut(&bare).unwrap().vector = None;
        (before, vector_by(MODEL, &product(5).passage()))
    };
    assert_eq!(before.vector, Some(expected));
    *world.embedder.mood.lock() = Mood::Overloaded;
    let role = world.run_behaviour(BehaviourConfig::default());
    let lacking = || states(&world).values().filter(|state| state.earlier.is_some()).count();
    world.until("all took the model", || lacking() == SHOPPERS).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(lacking(), SHOPPERS, "searches need the model");
    *world.embedder.mood.lock() = Mood::Well;
    world.until("they are remembered", || lacking() == 0).await;
    let waiting: usize = states(&world).values().map(|state| state.pending.len()).sum();
    assert!(waiting > 0 && states(&world).values().all(|state| state.vector.is_some()));
    world.stores.state.lock().products.insert(bare, before);
    until_whole(&world).await;
    role.stop().await.unwrap();

    // All actions but those on what is in no catalogue.
    let records = world.log.all(Topic::UserAction);
    let on_gone = |record: &rep_core::ports::log::Record| {
        let action: rep_core::UserAction = world.codec.decode(&record.value).unwrap();
        action.product_id == Some(gone.clone())
    };
    let records: Vec<_> = records.into_iter().filter(|record| !on_gone(record)).collect();
    let expected = offline(&world.codec, &records);
    for (user, state) in states(&world) {
        let cosine = state.vector.unwrap().cosine(expected[&user].vector.as_ref().unwrap());
        assert!(cosine > 1.0 - 1e-5, "{user}: {cosine}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_remembered_before_their_documents_are_there() {
    let mut world = changed().await;
    embed_by(&mut world, FORMER);
    // Documents are refused while states go on, and the model changes meanwhile.
    world.faults.away("index");
    act(&world, 1, 20 * SHOPPERS);
    let role = world.run_behaviour(BehaviourConfig::default());
    let counted = |world: &World| states(world).values().map(|state| state.action_count).sum::<u64>();
    world.until("states go on", || counted(&world) == 170 * SHOPPERS as u64).await;
    role.kill().await;
    assert_eq!(world.documents(), 150 * SHOPPERS);
    embed_by(&mut world, MODEL);
    let role = world.run_behaviour(BehaviourConfig::default());
    let took = || states(&world).values().all(|state| state.model.as_str() == MODEL);
    world.until("all took the model", took).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(states(&world).values().all(|state| state.earlier.is_some()), "documents are missing");
    world.faults.heal("index");
    until_whole(&world).await;
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_taste(&world);
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whose_documents_cannot_be_read_holds_up_nobody_else() {
    let world = changed().await;
    world.faults.fail("history", StoreErrorKind::Corrupt, 1);
    let role = world.run_behaviour(BehaviourConfig::default());
    let whole = || states(&world).values().filter(|state| is_whole(state)).count();
    world.until("the others are whole", || whole() == SHOPPERS - 1).await;
    until_whole(&world).await;
    assert_taste(&world);
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_role_of_an_old_model_leaves_shoppers_to_a_newer_one() {
    let mut world = changed().await;
    embed_by(&mut world, FORMER);
    let old = world.run_behaviour(BehaviourConfig::default());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let new_model = ModelId::new("newer-8").unwrap();
    let now = world.now();
    let user = user_id(1);
    let take = |world: &World| {
        let mut state = world.stores.state.lock();
        state.derived.preferences.get_mut(&user).unwrap().change_model(&new_model, now, true);
    };
    take(&world);
    tokio::time::sleep(Duration::from_secs(3100)).await;
    assert_eq!(states(&world)[&user].model, new_model);
    world.until("nobody came for an hour", || states(&world)[&user].model.as_str() == FORMER).await;
    old.stop().await.unwrap();
}
