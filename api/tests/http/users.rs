//! What is known of shoppers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_api::ApiConfig;
use rep_core::{ActionType, Topic};
use serde_json::json;

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
