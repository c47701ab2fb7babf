//! What goes wrong around the consume loop, and what is promised then.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use std::time::Duration;

use rep_consumers::behaviour::BehaviourConfig;
use rep_consumers::{ConsumeConfig, DEAD_LETTERS_KEPT, RoleError};
use rep_core::ports::StoreErrorKind;
use rep_core::{ActionType, Topic, partition_of};
use support::events::{action, product_id, user_id};
use support::faults::FOR_EVER;
use support::fold::{assert_same, offline};
use support::world::World;

fn feed(world: &World, count: usize) {
    for n in 0..count {
        world.append(&action(&format!("f{n}"), n % 7, ActionType::Click, n % 3, world.now()));
    }
}

/// Wrong in every way, with the code each must get.
fn poison(world: &World) -> Vec<(Vec<u8>, &'static str)> {
    let good = world.codec.encode(&action("good", 1, ActionType::Click, 1, world.now())).unwrap();
    let mut bad_magic = good.clone();
    bad_magic[0] = 7;
    let mut unknown_schema = good.clone();
    unknown_schema[1..5].copy_from_slice(&99_u32.to_be_bytes());
    let truncated = good[..good.len() - 3].to_vec();
    // A string length of 1e9, as Avro writes it: zigzag, base 128.
    let mut length_bomb = good[..5].to_vec();
    length_bomb.extend([0x80, 0xa8, 0xd6, 0xb9, 0x07]);
    let mut broken_utf8 = good.clone();
    broken_utf8[6] = 0xff;
    let mut trailing = good.clone();
    trailing.push(0);
    let past = action("past", 1, ActionType::Click, 1, rep_core::Timestamp::from_ms(0));
    vec![
        (Vec::new(), "BAD_LENGTH"),
        (bad_magic, "BAD_MAGIC"),
        (unknown_schema, "UNKNOWN_SCHEMA"),
        (truncated, "MALFORMED"),
        (length_bomb, "MALFORMED"),
        (broken_utf8, "MALFORMED"),
        (trailing, "MALFORMED"),
        (world.codec.encode(&past).unwrap(), "INVALID"),
    ]
}

#[tokio::test(start_paused = true)]
async fn poison_is_parked_alone_with_its_bytes_and_the_partition_moves_on() {
    let world = World::with_products(3);
    let poison = poison(&world);
    for (payload, _) in &poison {
        feed_one(&world, payload);
        world.log.append_now(Topic::UserAction, b"u1", payload.clone());
    }
    feed_one(&world, b"end");
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    let summaries = role.stats.dead_letters();
    let stats = role.stop().await.unwrap();
    assert_eq!(stats.dead_lettered, poison.len() as u64);
    assert_eq!(stats.indexed, poison.len() as u64 + 1);
    assert_eq!(summaries.len(), poison.len());
    let letters = world.dead_letters();
    let source = world.log.all(Topic::UserAction);
    for (payload, reason) in &poison {
        let letter = letters.iter().find(|letter| &letter.payload == payload).expect("parked");
        assert_eq!(letter.reason, *reason);
        assert_eq!((letter.topic.as_str(), letter.group.as_str()), ("user.action.v1", "behaviour"));
        assert_eq!((letter.attempts, letter.key.as_deref()), (1, Some(&b"u1"[..])));
        assert!(!letter.error.is_empty());
        let original = source.iter().find(|record| record.value == *payload).unwrap();
        let place = (original.position.partition, original.position.offset);
        assert_eq!(place, (letter.partition, letter.offset));
    }
}

fn feed_one(world: &World, salt: &[u8]) {
    let trace = format!("g{:032x}", rep_core::stable_hash128(salt));
    world.append(&action(&trace, 1, ActionType::Click, 1, world.now()));
}

#[tokio::test(start_paused = true)]
async fn the_newest_dead_letters_are_kept_for_display() {
    let world = World::new();
    for n in 0..120_u8 {
        world.log.append_now(Topic::UserAction, b"u1", vec![9, n]);
    }
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    let kept = role.stats.dead_letters();
    assert_eq!(kept.len(), DEAD_LETTERS_KEPT);
    assert_eq!(kept[0].position.offset, 119);
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_record() {
    let world = World::with_products(5);
    world.stores.state.lock().cursed.insert(product_id(4));
    for n in 0..40 {
        let product = if n == 17 || n == 31 { 4 } else { n % 3 };
        world.append(&action(&format!("t{n}"), n % 5, ActionType::Click, product, world.now()));
    }
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.indexed, stats.dead_lettered), (38, 2));
    for letter in world.dead_letters() {
        assert_eq!(
            (letter.reason.as_str(), letter.error.as_str()),
            ("PANIC", "panicked: product `p4` is cursed")
        );
    }
    let good: Vec<_> = world
        .log
        .all(Topic::UserAction)
        .into_iter()
        .filter(|record| !world.dead_letters().iter().any(|letter| letter.payload == record.value))
        .collect();
    let kept = world.stores.state.lock().derived.preferences.clone();
    assert_same(&kept, &offline(&world.codec, &good), "without the cursed");
}

#[tokio::test(start_paused = true)]
async fn stores_that_are_away_pause_the_role_and_lose_nothing() {
    for operation in ["index", "positions", "vectors", "load", "store", "popularity", "commit", "poll"] {
        let world = World::with_products(3);
        feed(&world, 50);
        world.faults.away(operation);
        let role = world.run_behaviour(BehaviourConfig::default());
        tokio::time::sleep(Duration::from_secs(60)).await;
        let stats = role.stats.snapshot();
        assert!(stats.paused > 0 && stats.retries > 5, "{operation}: {stats:?}");
        assert_eq!(world.log.lag("behaviour", Topic::UserAction), 50, "{operation}: nothing is committed");
        let polls = world.faults.calls("poll");
        if !["index", "poll"].contains(&operation) {
            feed(&world, 0);
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(world.faults.calls("poll"), polls, "{operation}: polling stops");
        }
        world.faults.heal(operation);
        world.until_drained("behaviour", Topic::UserAction).await;
        assert_eq!(role.stats.snapshot().paused, 0, "{operation}");
        let stats = role.stop().await.unwrap();
        assert_eq!((stats.indexed, stats.dead_lettered), (50, 0), "{operation}");
        let kept = world.stores.state.lock().derived.preferences.clone();
        assert_same(&kept, &offline(&world.codec, &world.log.all(Topic::UserAction)), operation);
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_away_stops_polling_before_memory_fills() {
    let world = World::with_products(3);
    let mut config = BehaviourConfig { bulk_documents: 10, bulks_in_flight: 2, ..BehaviourConfig::default() };
    config.consume.records_max = 20;
    world.faults.away("index");
    feed(&world, 1_000);
    let role = world.run_behaviour(config);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let received = role.stats.snapshot().received;
    assert!(received <= 20 * 3, "{received} records in memory");
    world.faults.heal("index");
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!(role.stop().await.unwrap().indexed, 1_000);
}

/// A purchase must not be taken before the view that led to it.
#[tokio::test(start_paused = true)]
async fn an_index_that_stumbles_takes_the_documents_of_a_partition_in_order() {
    let world = World::with_products(3);
    let config = BehaviourConfig { bulk_documents: 10, ..BehaviourConfig::default() };
    world.faults.fail("index", rep_core::ports::StoreErrorKind::Unavailable, 5);
    feed(&world, 1_000);
    let role = world.run_behaviour(config);
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!(role.stop().await.unwrap().indexed, 1_000);
    let taken = world.stores.state.lock().taken.clone();
    for partition in 0..Topic::UserAction.partitions() {
        let offsets = taken.iter().filter(|position| position.partition == partition).map(|p| p.offset);
        assert!(offsets.is_sorted(), "partition {partition}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_that_is_not_parked() {
    let world = World::with_products(3);
    world.faults.away("dlq");
    feed(&world, 20);
    world.log.append_now(Topic::UserAction, b"u1", b"poison".to_vec());
    feed_one(&world, b"after");
    let role = world.run_behaviour(BehaviourConfig::default());
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.log.lag("behaviour", Topic::UserAction), 22);
    let stats = role.stats.snapshot();
    assert_eq!((stats.dead_lettered, stats.paused), (0, 1));
    world.faults.heal("dlq");
    world.until_drained("behaviour", Topic::UserAction).await;
    assert_eq!(world.dead_letters().len(), 1);
    assert_eq!(role.stop().await.unwrap().indexed, 21);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_refused_whole_is_cut_rather_than_stuck() {
    let world = World::new();
    let payload = vec![7_u8; 200_000];
    world.log.append_now(Topic::UserAction, b"u1", payload);
    world.faults.fail("dlq", StoreErrorKind::Invalid, 2);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
    let letter = &world.dead_letters()[0];
    assert_eq!(letter.payload.len(), 64 << 10);
    assert!(letter.error.ends_with("(payload cut from 200000 bytes)"), "{}", letter.error);
    let cut = letter.cut_from.as_ref().unwrap();
    // `head -c 200000 /dev/zero | tr '\0' '\7' | sha256sum`
    assert_eq!(
        (cut.bytes, cut.sha256.as_str()),
        (200_000, "8cfcba83dcfc81a193bb4e52fd3161efb513906f52cbbe2328fac5f1a79c2b6e")
    );
}

/// Wrapped into a dead letter, a record at the limit would be over it.
#[tokio::test(start_paused = true)]
async fn a_record_at_the_limit_is_parked_and_its_partition_goes_on() {
    let world = World::new();
    world.log.append_now(Topic::UserAction, b"u1", vec![0xff_u8; 1 << 20]);
    world.log.append_now(Topic::UserAction, b"u1", vec![0xff_u8; 3]);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
    let letters = world.dead_letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].reason, "BAD_MAGIC");
    assert_eq!(letters[0].cut_from.as_ref().unwrap().bytes, 1 << 20);
    assert_eq!((letters[1].payload.len(), &letters[1].cut_from), (3, &None));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_long_is_parked_as_far_as_it_can_be_read_back() {
    let world = World::new();
    world.log.append_now(Topic::UserAction, b"u1", vec![0_u8; (1 << 20) + 1]);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
    let letter = &world.dead_letters()[0];
    assert_eq!(letter.reason, "BAD_LENGTH");
    assert!(letter.error.ends_with("(payload cut from 1048577 bytes)"), "{}", letter.error);
}

#[tokio::test(start_paused = true)]
async fn what_a_store_refuses_for_good_is_parked_with_its_attempts() {
    let world = World::with_products(3);
    feed(&world, 4);
    world.faults.fail("load", StoreErrorKind::Corrupt, FOR_EVER);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    let stats = role.stop().await.unwrap();
    assert_eq!((stats.dead_lettered, stats.indexed), (4, 0));
    assert!(world.dead_letters().iter().all(|letter| letter.reason == "CORRUPT"));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains() {
    let world = World::with_products(3);
    feed(&world, 30);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("vectors", || role.stats.snapshot().received == 30).await;
    assert_eq!(world.documents(), 0, "documents still wait for their bulk");
    let before = world.now();
    let stats = role.stop().await.unwrap();
    assert!(world.now().since(before) < Duration::from_millis(100));
    assert_eq!((stats.processed, stats.indexed, world.documents()), (30, 30, 30));
    assert_eq!(world.log.lag("behaviour", Topic::UserAction), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_cannot_drain_ends_within_its_bound_and_says_so() {
    let world = World::with_products(3);
    feed(&world, 30);
    world.faults.away("index");
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("vectors", || role.stats.snapshot().received == 30).await;
    let before = world.now();
    let error = role.stop().await.unwrap_err();
    assert!(matches!(error, RoleError::NotDrained { in_flight: 30 }), "{error}");
    let took = world.now().since(before);
    assert!(took >= Duration::from_secs(19) && took <= Duration::from_secs(21), "{took:?}");
    assert_eq!(world.log.lag("behaviour", Topic::UserAction), 30, "nothing is committed");
    world.faults.heal("index");
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until_drained("behaviour", Topic::UserAction).await;
    role.stop().await.unwrap();
    let kept = world.stores.state.lock().derived.preferences.clone();
    assert_same(&kept, &offline(&world.codec, &world.log.all(Topic::UserAction)), "after the second run");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_before_the_group_is_joined_ends_at_once() {
    let world = World::new();
    world.faults.away("subscribe");
    let role = world.run_behaviour(BehaviourConfig::default());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let before = world.now();
    role.stop().await.unwrap();
    assert_eq!(world.now(), before);
}

#[tokio::test(start_paused = true)]
async fn revoked_partitions_are_finished_and_committed_before_they_go() {
    let world = World::with_products(3);
    feed(&world, 70);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("vectors", || role.stats.snapshot().received == 70).await;
    assert_eq!(world.documents(), 0);
    let partition = partition_of(user_id(1).as_str().as_bytes(), 12);
    world.log.revoke(&[partition]);
    world.until("released", || world.faults.calls("release") == 1).await;
    assert_eq!(
        world.log.committed("behaviour", Topic::UserAction, partition),
        world.log.end(Topic::UserAction, partition)
    );
    let history = world.log.state.lock().history.clone();
    let place = |prefix: &str| history.iter().position(|entry| entry.starts_with(prefix)).unwrap();
    assert!(place(&format!("commit {partition} ")) < place(&format!("release {partition}")));
    // The others go on, and the partition that went is not touched again.
    feed_one(&world, b"foreign now");
    world.append(&action("other", 2, ActionType::Click, 1, world.now()));
    let other = partition_of(user_id(2).as_str().as_bytes(), 12);
    assert_ne!(partition, other);
    let caught_up = || {
        world.log.committed("behaviour", Topic::UserAction, other) == world.log.end(Topic::UserAction, other)
    };
    world.until("others", caught_up).await;
    role.stop().await.unwrap();
    assert_eq!(world.log.lag("behaviour", Topic::UserAction), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_cannot_finish_lets_go_within_its_bound() {
    let world = World::with_products(3);
    feed(&world, 70);
    world.faults.away("index");
    let consume = ConsumeConfig { revoke_max: Duration::from_secs(5), ..ConsumeConfig::default() };
    let role = world.run_behaviour(BehaviourConfig { consume, ..BehaviourConfig::default() });
    world.until("vectors", || role.stats.snapshot().received == 70).await;
    let partition = partition_of(user_id(1).as_str().as_bytes(), 12);
    let before = world.now();
    world.log.revoke(&[partition]);
    world.until("released", || world.faults.calls("release") == 1).await;
    assert!(world.now().since(before) <= Duration::from_secs(6));
    assert_eq!(
        world.log.committed("behaviour", Topic::UserAction, partition),
        0,
        "the next member begins there"
    );
    world.faults.heal("index");
    let mine = world.log.end(Topic::UserAction, partition);
    world.until("others", || world.log.lag("behaviour", Topic::UserAction) == mine).await;
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn partitions_lost_unasked_are_forgotten_and_the_rest_is_committed() {
    let world = World::with_products(3);
    feed(&world, 70);
    let role = world.run_behaviour(BehaviourConfig::default());
    world.until("vectors", || role.stats.snapshot().received == 70).await;
    let partition = partition_of(user_id(1).as_str().as_bytes(), 12);
    world.log.seize(&[partition]);
    let mine = world.log.end(Topic::UserAction, partition);
    world.until("the rest", || world.log.lag("behaviour", Topic::UserAction) == mine).await;
    role.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_ends_the_role() {
    let world = World::new();
    world.faults.fail("poll", StoreErrorKind::Corrupt, FOR_EVER);
    let role = world.run_behaviour(BehaviourConfig::default());
    let error = role.task.await.unwrap().unwrap_err();
    assert!(matches!(error, RoleError::Store { stage: "poll", .. }), "{error}");
}

#[tokio::test]
async fn a_config_out_of_range_is_refused() {
    let world = World::new();
    let role = world.run_behaviour(BehaviourConfig { bulk_documents: 0, ..BehaviourConfig::default() });
    let error = role.task.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "`bulk_documents` must be from 1 to 10000, got 0");
}
