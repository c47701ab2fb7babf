//! Streams: exact resumption, explicit gaps, bounds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use rep_api::{ApiConfig, StreamLimits};
use rep_core::ActionType;

use crate::support::sse::Reader;
use crate::support::{NOW_MS, World};

async fn sequences(reader: &mut Reader, count: usize) -> Vec<u64> {
    let mut sequences = Vec::new();
    while sequences.len() < count {
        let event = reader.next().await.expect("the stream ended");
        assert_eq!(event.name, "notification");
        assert_eq!(event.id, Some(event.data["sequence"].to_string()));
        sequences.push(event.data["sequence"].as_u64().unwrap());
    }
    sequences
}

const STREAM: &str = "/notifications/stream?userId=ann";

#[tokio::test]
async fn a_new_reader_hears_what_comes_and_a_returning_one_what_it_missed() {
    let world = World::new();
    world.notifications.tell("ann", 1).await;
    let mut reader = Reader::open(&world, STREAM, None).await;
    world.notifications.tell("ben", 1).await;
    world.notifications.tell("ann", 2).await;
    world.notifications.tell("ann", 3).await;
    assert_eq!(sequences(&mut reader, 2).await, [2, 3]);
    drop(reader);
    world.notifications.tell("ann", 4).await;
    let mut again = Reader::open(&world, STREAM, Some("2")).await;
    world.notifications.tell("ann", 5).await;
    assert_eq!(sequences(&mut again, 3).await, [3, 4, 5]);
    let mut all = Reader::open(&world, "/notifications/stream?userId=ann&lastSequence=0", None).await;
    assert_eq!(sequences(&mut all, 5).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_is_lost_is_said() {
    let world = World::new();
    for number in 1..=6 {
        world.notifications.tell("ann", number).await;
    }
    world.notifications.forget("ann", 2);
    let mut reader = Reader::open(&world, STREAM, Some("1")).await;
    let gap = reader.next().await.unwrap();
    assert_eq!((gap.name.as_str(), gap.data), ("gap", serde_json::json!({"after": 1, "next": 5})));
    assert_eq!(sequences(&mut reader, 2).await, [5, 6]);
}

#[tokio::test]
async fn an_inbox_that_began_anew_is_said_and_followed() {
    let world = World::new();
    world.notifications.tell("ann", 1).await;
    let mut reader = Reader::open(&world, STREAM, Some("40")).await;
    assert_eq!(reader.next().await.unwrap().name, "gap");
    assert_eq!(sequences(&mut reader, 1).await, [1]);
    world.send("DELETE", "/users/ann", &[], "").await.expect(200);
    world.notifications.tell("ann", 2).await;
    assert_eq!(reader.next().await.unwrap().name, "gap");
    assert_eq!(sequences(&mut reader, 1).await, [1]);
}

#[tokio::test]
async fn a_receiver_that_fell_behind_catches_up_from_the_store() {
    let world = World::new();
    let mut reader = Reader::open(&world, STREAM, None).await;
    // Announcements are lost, then one comes that does not follow.
    world.notifications.silent.store(true, Ordering::SeqCst);
    for number in 1..=3 {
        world.notifications.tell("ann", number).await;
    }
    world.notifications.silent.store(false, Ordering::SeqCst);
    world.notifications.tell("ann", 4).await;
    assert_eq!(sequences(&mut reader, 4).await, [1, 2, 3, 4]);
    // More at once than a receiver holds.
    for number in 5..=20 {
        world.notifications.tell("ann", number).await;
    }
    assert_eq!(sequences(&mut reader, 16).await, (5..=20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_is_dropped_and_its_place_is_free() {
    let streams = StreamLimits { queue_max: 2, per_user_max: 1, ..StreamLimits::default() };
    let world = World::with(ApiConfig { streams, ..ApiConfig::default() });
    let mut stalled = Reader::open(&world, STREAM, None).await;
    let second = world.get(STREAM).await;
    assert_eq!(second.headers["retry-after"], "5");
    second.expect(429);
    for number in 1..=8 {
        world.notifications.tell("ann", number).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut fresh = Reader::open(&world, STREAM, Some("0")).await;
    assert_eq!(sequences(&mut fresh, 8).await.len(), 8);
    let mut left = 0;
    while stalled.next().await.is_some() {
        left += 1;
    }
    assert!(left <= 2, "{left} were queued");
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_in_number_pinged_and_ended_by_shutdown() {
    let streams = StreamLimits { total_max: 2, ..StreamLimits::default() };
    let world = World::with(ApiConfig { streams, ..ApiConfig::default() });
    let mut first = Reader::open(&world, STREAM, None).await;
    let _second = Reader::open(&world, "/live", None).await;
    world.get("/users/ann/changes").await.expect(503);
    let frame = first.frames.next().await.unwrap().unwrap();
    assert!(frame.starts_with(b": open") || frame.starts_with(b"retry"), "{frame:?}");
    let began = tokio::time::Instant::now();
    let ping = first.frames.next().await.unwrap().unwrap();
    assert_eq!((&ping[..], began.elapsed().as_secs()), (&b": ping\n\n"[..], 25));
    world.state.shutdown_token().cancel();
    assert_eq!(first.next().await, None);
}

#[tokio::test]
async fn changes_of_taste_are_told_to_their_shopper() {
    let world = World::stocked().await;
    let mut ann = Reader::open(&world, "/users/ann/changes", None).await;
    world.act("ben", ActionType::Click, "tent-2").await;
    world.act("ann", ActionType::Click, "tent-1").await;
    let event = ann.next().await.unwrap();
    assert_eq!(event.name, "preference");
    assert_eq!((&event.data["userId"], &event.data["productId"]), (&"ann".into(), &"tent-1".into()));
    assert_eq!((&event.data["actionType"], &event.data["actionCount"]), (&"CLICK".into(), &1.into()));
    for field in ["traceId", "eventAt", "loggedAt", "appliedAt"] {
        assert!(event.data[field].is_string(), "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_watch_cost_one_sample_a_second() {
    let world = World::new();
    let mut readers = Vec::new();
    for _ in 0..50 {
        readers.push(Reader::open(&world, "/live", None).await);
    }
    let watching = readers.iter_mut().map(|reader| async {
        for _ in 0..3 {
            let event = reader.next().await.unwrap();
            assert_eq!((event.name.as_str(), &event.data["mode"]), ("live", &"embedded".into()));
        }
    });
    futures::future::join_all(watching).await;
    assert!(world.status.asked.load(Ordering::SeqCst) <= 4);
    drop(readers);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let asked = world.status.asked.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.status.asked.load(Ordering::SeqCst), asked, "nobody watches");
}

#[tokio::test(start_paused = true)]
async fn the_last_quarter_of_an_hour_is_there_though_nobody_watched() {
    let world = World::new();
    let before = world.get("/live/history").await.expect(200);
    assert_eq!(before, serde_json::json!({"everyS": 5.0, "keptS": 900.0, "points": []}));
    let keeping = tokio::spawn(world.state.clone().keep_live_history());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let asked = world.status.asked.load(Ordering::SeqCst);
    assert!((715..=721).contains(&asked), "{asked} samples in an hour");
    let history = world.get("/live/history").await.expect(200);
    let points = history["points"].as_array().unwrap();
    assert_eq!(points.len(), 180);
    let at = |point: &serde_json::Value| {
        point["at"].as_str().unwrap().parse::<rep_core::Timestamp>().unwrap().as_ms() - NOW_MS
    };
    assert!(points.windows(2).all(|pair| (4900..5200).contains(&(at(&pair[1]) - at(&pair[0])))), "{history}");
    assert!(at(&points[179]) > 3_590_000);
    assert_eq!(points[0]["latencyMs"]["freshness"], serde_json::json!({"count": 0, "p50": 0.0, "p99": 0.0}));

    // Who watches pays for the points too: there is no sample besides one a second.
    let before = world.status.asked.load(Ordering::SeqCst);
    let mut reader = Reader::open(&world, "/live", None).await;
    for _ in 0..20 {
        reader.next().await.unwrap();
    }
    let asked = world.status.asked.load(Ordering::SeqCst) - before;
    assert!(asked <= 22, "{asked} samples for 20 seconds");

    world.state.shutdown_token().cancel();
    keeping.await.unwrap();
}

#[tokio::test]
async fn last_event_ids_are_checked() {
    let world = World::new();
    for bad in ["-1", "abc", "99999999999999999999999"] {
        world.send("GET", STREAM, &[("last-event-id", bad)], "").await.expect(400);
    }
    assert_eq!(world.get("/notifications/stream").await.bad_fields(), ["userId"]);
    world.get("/notifications/ws?userId=ann").await.expect(400);
}
