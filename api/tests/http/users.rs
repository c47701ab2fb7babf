//! What is known of shoppers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_api::ApiConfig;
use rep_core::avro::DeadLetter;
use rep_core::{ActionType, Topic};
use serde_json::json;

use crate::dead_letters::{letter, park_in_trace};
use crate::support::World;

#[tokio::test]
async fn a_preference_says_where_it_comes_from() {
    let world = World::stocked().await;
    world.get("/users/ann/preference").await.expect(404);
    world.act("ann", ActionType::Purchase, "tent-1").await;
    world.clock.advance(1);
    world.act("ann", ActionType::View, "lamp-1").await;
    let body = world.get("/users/ann/preference").await.expect(200);
    assert_eq!(
        (&body["model"], &body["dimensions"], &body["actionCount"]),
        (&json!("words"), &json!(32), &json!(2))
    );
    let categories: Vec<_> =
        body["topCategories"].as_array().unwrap().iter().map(|c| c["category"].clone()).collect();
    assert_eq!(categories, ["tents", "lamps"]);
    assert!((body["topCategories"][0]["weight"].as_f64().unwrap() - 1.0 / 1.1).abs() < 1e-4);
    assert_eq!(body["recent"][0]["productName"], "lamp model1");
    assert_eq!(body["vectorPreview"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn history_comes_in_pages() {
    let world = World::stocked().await;
    for number in 0..5 {
        world.clock.advance(1_000);
        world.act("ann", ActionType::Click, &format!("tent-{number}")).await;
    }
    let first = world.get("/users/ann/history?limit=3").await.expect(200);
    assert_eq!(first["items"][0]["productId"], "tent-4");
    assert_eq!(first["items"][0]["productName"], "tent model4");
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = world.get(&format!("/users/ann/history?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!((rest["items"].as_array().unwrap().len(), rest.get("nextCursor")), (2, None));
    assert_eq!(world.get("/users/ann/history?cursor=nonsense").await.bad_fields(), ["cursor"]);
    assert_eq!(world.get("/users/nobody/history").await.expect(200), json!({"items": []}));
}

#[tokio::test]
async fn shoppers_are_listed_and_forgotten() {
    let world = World::stocked().await;
    world.act("ann", ActionType::Click, "tent-1").await;
    world.clock.advance(1);
    world.act("ben", ActionType::Click, "tent-1").await;
    world.notifications.tell("ann", 1).await;
    let users = world.get("/users?limit=5").await.expect(200);
    assert_eq!((&users["items"][0]["userId"], &users["items"][1]["userId"]), (&json!("ben"), &json!("ann")));
    let erased = world.send("DELETE", "/users/ann", &[], "").await.expect(200);
    assert_eq!(
        erased,
        json!({"userId": "ann", "preference": true, "behaviourDocuments": 1, "notifications": 1})
    );
    world.get("/users/ann/preference").await.expect(404);
    assert_eq!(world.get("/notifications?userId=ann").await.expect(200)["items"], json!([]));
    let again = world.send("DELETE", "/users/ann", &[], "").await.expect(200);
    assert_eq!(again["preference"], false);
}

#[tokio::test]
async fn nobody_is_erased_while_their_events_are_queued() {
    let erasure_queues = vec![(Topic::UserAction, "behaviour")];
    let erasure_wait = Duration::from_millis(20);
    let world =
        World::with(ApiConfig { erasure_queues, erasure_wait, ..ApiConfig::default() }).filled().await;
    world.act("ann", ActionType::Click, "tent-1").await;
    let refused = world.send("DELETE", "/users/ann", &[], "").await;
    assert_eq!(refused.headers["retry-after"], "5");
    let problem = refused.expect(503);
    assert!(problem["detail"].as_str().unwrap().contains("still queued for `behaviour`"), "{problem}");
    assert_eq!(world.get("/users/ann/preference").await.expect(200)["actionCount"], 1);

    world.log.is_committed.store(true, Ordering::SeqCst);
    let erased = world.send("DELETE", "/users/ann", &[], "").await.expect(200);
    assert_eq!(erased["preference"], true);
    world.get("/users/ann/preference").await.expect(404);
}

/// Acts twice as `ann`, who is erased in between, and as `ben`.
async fn erased_and_back(world: &World) {
    for (user, trace) in [("ann", "t1"), ("ben", "t2")] {
        let event =
            json!({"traceId": trace, "userId": user, "actionType": "SEARCH", "searchQuery": "secret"});
        world.post("/events", &event).await.expect(202);
    }
    // The log's clock of these tests is ahead by a millisecond a record.
    world.clock.advance(10);
    world.send("DELETE", "/users/ann", &[], "").await.expect(200);
}

#[tokio::test]
async fn what_the_log_keeps_of_an_erased_shopper_is_shown_to_nobody() {
    let world = World::stocked().await;
    erased_and_back(&world).await;
    let recent = world.get("/events/recent").await.expect(200);
    let users: Vec<_> = recent["items"].as_array().unwrap().iter().map(|item| &item["userId"]).collect();
    assert_eq!(users, ["ben"]);
    // A reader of the topic is told what it was told before, but for the shopper.
    world.clock.advance(60_000);
    for query in ["fromBeginning=true", "last=10", "last=10&userId=ann"] {
        let told = world.get(&format!("/topics/user.action.v1/events?follow=false&{query}")).await;
        assert_eq!(told.status.as_u16(), 200, "{query}");
        assert!(!told.text.contains("ann"), "{query}: {}", told.text);
        assert_eq!(told.text.contains("ben"), !query.contains("ann"), "{query}");
    }
    let erased = world.preferences.erased.lock().unwrap().clone();
    let (ann, erasure) = erased.iter().next().unwrap();
    let last = world.log.all(Topic::UserAction).into_iter().find(|record| record.key == ann.as_str());
    assert_eq!(erasure.until, last.map(|record| record.position));
}

#[tokio::test]
async fn dead_letters_of_an_erased_shopper_are_gone_and_cannot_be_replayed() {
    let world = World::stocked().await;
    let of = |user: &str| letter("MALFORMED", user, b"secret".to_vec());
    let (hers, his) =
        (park_in_trace(&world, &of("ann"), None).await, park_in_trace(&world, &of("ben"), None).await);
    // A product may have the name of a shopper.
    let of_product = DeadLetter { topic: Topic::ProductInventory.name().to_owned(), ..of("ann") };
    let of_product = park_in_trace(&world, &of_product, None).await;
    erased_and_back(&world).await;
    // Parked again, where the group was set back: the action stood before the last one at the erasure.
    world.clock.advance(1_000);
    let last =
        world.log.all(Topic::UserAction).into_iter().find(|record| record.key == "ann").unwrap().position;
    let origin = DeadLetter { partition: last.partition, offset: last.offset, ..of("ann") };
    let again = park_in_trace(&world, &origin, None).await;
    let later = DeadLetter { offset: last.offset + 1, ..origin };
    for _ in 0..20 {
        // The log of these tests tells the time by its records.
        park_in_trace(&world, &of("cat"), None).await;
    }
    let later = park_in_trace(&world, &later, None).await;

    let listed = world.get("/dead-letters?limit=200").await.expect(200);
    let ids: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    for gone in [&hers, &again] {
        assert!(!ids.contains(&gone.as_str()), "{gone} of {ids:?}");
        world.get(&format!("/dead-letters/{gone}")).await.expect(404);
        world.post(&format!("/dead-letters/{gone}/replay"), &json!({"force": true})).await.expect(404);
    }
    for stays in [&his, &of_product, &later] {
        assert!(ids.contains(&stays.as_str()), "{stays} of {ids:?}");
        world.get(&format!("/dead-letters/{stays}")).await.expect(200);
    }
}

#[tokio::test]
async fn a_key_does_not_keep_a_shopper_from_being_erased_again() {
    let world = World::stocked().await;
    let key = [("idempotency-key", "k1")];
    world.act("ann", ActionType::Click, "tent-1").await;
    assert_eq!(world.send("DELETE", "/users/ann", &key, "").await.expect(200)["preference"], true);
    world.act("ann", ActionType::Click, "tent-1").await;
    assert_eq!(world.send("DELETE", "/users/ann", &key, "").await.expect(200)["preference"], true);
    world.get("/users/ann/preference").await.expect(404);
}
