//! The edge itself: shapes of refusals, bounds, health.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_api::{ApiConfig, Limits, Rate};
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let world = World::new();
    world.get("/nowhere").await.expect(404);
    let wrong = world.send("DELETE", "/recommendations", &[], "").await;
    assert_eq!(wrong.headers["allow"], "GET,HEAD,POST");
    assert_eq!(wrong.expect(405)["type"], "urn:rep:problem:method-not-allowed");
    world.get("/products/%FF").await.expect(400);
    world.get(&format!("/products/{}", "x".repeat(200))).await.expect(400);
    world.get("/products/a%20b").await.expect(400);
}

#[tokio::test]
async fn a_panic_is_an_answer_that_says_nothing() {
    let world = World::stocked().await;
    world.catalog.panics.store(true, Ordering::SeqCst);
    let body = world.get("/products/tent-1").await.expect(500);
    assert_eq!(body["type"], "urn:rep:problem:internal");
    world.catalog.panics.store(false, Ordering::SeqCst);
    world.get("/products/tent-1").await.expect(200);
}

#[tokio::test]
async fn trace_ids_are_taken_and_told() {
    let world = World::new();
    let answer = world.send("GET", "/nowhere", &[("x-trace-id", "mine-1")], "").await;
    assert_eq!(answer.headers["x-trace-id"], "mine-1");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = world.send("GET", "/livez", &[("traceparent", parent)], "").await;
    assert_eq!(answer.headers["x-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_ended() {
    let limits = Limits { request_time_max: Duration::from_secs(1), ..Limits::default() };
    let embed_wait = Duration::from_secs(60);
    let world = World::with(ApiConfig { limits, embed_wait, ..ApiConfig::default() });
    world.embedder.hang();
    let answer = world.get("/search?q=tent").await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.expect(503);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_refused_at_once() {
    let limits = Limits { requests_at_once_max: 0, ..Limits::default() };
    let world = World::with(ApiConfig { limits, ..ApiConfig::default() });
    let answer = world.get("/products").await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.expect(503);
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test]
async fn who_asks_too_often_has_to_wait() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let world = World::with(ApiConfig { rate, ..ApiConfig::default() });
    world.get("/livez").await.expect(200);
    world.get("/livez").await.expect(200);
    let refused = world.get("/livez").await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect(429);
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let world = World::new();
    assert_eq!(world.get("/readyz").await.expect(200), json!({"ready": true, "status": "ok", "missing": []}));
    world.status.log_is_down.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let body = world.get("/readyz").await.expect(503);
    assert_eq!(body["missing"], json!([{"name": "log", "status": "down", "detail": "disk"}]));
}

#[tokio::test]
async fn what_is_served_beside_the_product() {
    let world = World::new();
    assert_eq!(world.get("/metrics").await.text, "rep_up 1\n");
    assert_eq!(world.get("/openapi.json").await.expect(200)["info"]["title"], "REP API");
    let docs = world.get("/docs/").await;
    assert!(docs.text.contains("swagger-ui"), "{}", docs.text);
    let status = world.get("/status").await.expect(200);
    assert_eq!((&status["windowS"], &status["latencyMs"]["append"]["count"]), (&json!(10.0), &json!(0)));
}

#[tokio::test]
async fn bodies_that_there_is_no_memory_for_are_refused_at_once() {
    let limits = Limits { bodies_bytes_max: 64 << 10, ..Limits::default() };
    let world = World::with(ApiConfig { limits, ..ApiConfig::default() }).filled().await;
    let event = json!({"userId": "ann", "actionType": "CLICK", "productId": "tent-1"}).to_string();
    let json = [("content-type", "application/json")];
    // One that does not say how long it is takes all there is, and one beside it finds no room.
    let (send, frames) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(1);
    let body = axum::body::Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(frames));
    let slow = world.send("POST", "/events", &json, body);
    let beside = async {
        send.send(Ok(String::new())).await.unwrap();
        let refused = world.send("POST", "/events", &json, event.clone()).await;
        assert_eq!(refused.headers["retry-after"], "1");
        refused.expect(503);
        world.get("/products/tent-1").await.expect(200);
        send.send(Ok(event.clone())).await.unwrap();
        drop(send);
    };
    let (slow, ()) = tokio::join!(slow, beside);
    slow.expect(202);
    world.send("POST", "/events", &json, event.clone()).await.expect(202);
}
