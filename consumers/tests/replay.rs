//! Crashes at every step: nothing lost, nothing twice.
//!
//! A crash is a step of a port (before or after its effect) that never returns, and the role dropped there.
//! Stores are of both kinds: those that keep every write at once, and those that keep what follows from the
//! log only with the offsets it follows from.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::time::Duration;

use rep_consumers::behaviour::BehaviourConfig;
use rep_core::{ActionType, Topic};
use support::events::{action, search, trace_id};
use support::fold::{assert_same, offline};
use support::world::{Running, World};

const KINDS: [ActionType; 4] =
    [ActionType::Click, ActionType::Purchase, ActionType::RemoveFromCart, ActionType::Wishlist];
const CRASHES: u32 = 4;

/// Shoppers who act, search, repeat themselves, and now and then send rubbish.
fn feed(world: &World) {
    for n in 0..60 {
        world.append(&action(&format!("t{n}"), n % 5, KINDS[n % 4], n % 6, world.now()));
        if n % 10 == 3 {
            let query = format!("query {}", n % 4);
            world.append(&search(&format!("s{n}"), n % 5, &query, world.now()));
        } else if n % 10 == 6 {
            let repeated = n - 5;
            let trace = format!("t{repeated}");
            world.append(&action(&trace, repeated % 5, KINDS[n % 4], n % 6, world.now()));
        } else if n % 10 == 9 {
            world.log.append_now(Topic::UserAction, b"u1", vec![1, 2, u8::try_from(n).unwrap()]);
        }
    }
}

fn config() -> BehaviourConfig {
    let mut config = BehaviourConfig { bulk_documents: 8, ..BehaviourConfig::default() };
    config.consume.records_max = 11;
    // With calls of 3 ms, commits fall between batches.
    config.consume.commit_interval = Duration::from_millis(10);
    config
}

/// Runs until the crash, or until everything is done; gives whether it crashed.
async fn run_once(world: &World, role: Running) -> bool {
    tokio::select! {
        () = world.faults.crashed() => {
            role.kill().await;
            true
        }
        () = world.until_drained("behaviour", Topic::UserAction) => {
            world.faults.crash_after(None);
            role.stop().await.unwrap();
            false
        }
    }
}

/// Gives how often it crashed.
async fn crash_every(steps: u32, rolls_back: bool) -> u32 {
    let world = World::with_products(6);
    feed(&world);
    world.faults.slow(Duration::from_millis(3));
    let expected = offline(&world.codec, &world.log.all(Topic::UserAction));
    let context = format!("crash every {steps} steps, roll back {rolls_back}");
    let mut crashes = 0;
    for crash in 0.. {
        // Each life gets a little further, and the last one is spared.
        world.faults.crash_after((crash < CRASHES).then_some(steps + crash));
        if !run_once(&world, world.run_behaviour(config())).await {
            break;
        }
        crashes += 1;
        if rolls_back {
            world.roll_back();
        }
    }
    let state = world.stores.state.lock();
    assert_same(&state.derived.preferences, &expected, &context);
    let events = 60 + 6;
    assert_eq!(state.derived.documents.len(), events, "{context}: documents");
    let mut documents = state.derived.documents.values();
    let first = documents.find(|document| document.action.trace_id == trace_id("t1")).unwrap();
    assert_eq!(first.action.action_type, KINDS[1], "{context}: the first of two stands");
    let popularity: f64 = state.derived.popularity.values().sum();
    assert!((popularity - 15.0 * (1.0 + 10.0 + 3.0)).abs() < 1e-6, "{context}: popularity {popularity}");
    drop(state);
    let mut parked: Vec<_> = world.dead_letters().into_iter().map(|l| (l.partition, l.offset)).collect();
    parked.sort_unstable();
    parked.dedup();
    assert_eq!(parked.len(), 6, "{context}: dead letters");
    crashes
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_step_loses_and_doubles_nothing() {
    let mut crashes = 0;
    for steps in 0..160 {
        for rolls_back in [false, true] {
            crashes += crash_every(steps, rolls_back).await;
        }
    }
    assert!(crashes >= 400, "only {crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_the_whole_log_changes_nothing() {
    let world = World::with_products(6);
    feed(&world);
    let role = world.run_behaviour(config());
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
    let (before, popularity) = {
        let state = world.stores.state.lock();
        (state.derived.preferences.clone(), state.derived.popularity.clone())
    };
    world.log.forget_commits();
    let role = world.run_behaviour(config());
    world.until_drained("behaviour", Topic::UserAction).await;
    let stats = role.stop().await.unwrap();
    let state = world.stores.state.lock();
    assert_eq!(state.derived.preferences, before);
    assert_eq!(state.derived.popularity, popularity);
    assert_eq!((stats.duplicates, stats.dead_lettered, stats.indexed), (6, 6, 66));
}
