//! The control routes, in process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use rep_core::ActionType;
use rep_simulator::RunnerConfig;
use rep_simulator::http::{openapi, router};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::{Bench, bench};
use tower::ServiceExt;

async fn send(router: &Router, method: &str, path: &str, body: Option<Value>) -> Response {
    let request = Request::builder().method(method).uri(path);
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    router.clone().oneshot(request.unwrap()).await.unwrap()
}

async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

async fn call(router: &Router, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let response = send(router, method, path, body).await;
    let status = response.status();
    assert!(response.headers().contains_key("x-trace-id"));
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(
        kind == "application/problem+json",
        status.is_client_error() || status == 503,
        "{status} {kind}"
    );
    (status, json_of(response).await)
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_from_start_to_stop() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    let router = router(simulator);
    let (status, body) = call(&router, "GET", "/simulator", None).await;
    assert_eq!(status, 200);
    assert_eq!(body["state"], "stopped");
    assert_eq!(body["totals"]["events"], 0);
    assert!(body.get("startedAt").is_none());

    let wish = json!({"users": 500, "rate": 200, "scenario": "cold-start", "seed": 7});
    let (status, body) = call(&router, "POST", "/simulator/start", Some(wish)).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["state"], &body["users"], &body["scenario"], &body["seed"], &body["targetRate"]),
        (&json!("running"), &json!(500), &json!("cold-start"), &json!(7), &json!(200.0))
    );
    assert_eq!(body["startedAt"], "2026-06-01T00:00:00.000Z");
    assert_eq!(call(&router, "POST", "/simulator/start", None).await.0, StatusCode::CONFLICT);

    tokio::time::sleep(Duration::from_secs(5)).await;
    let (_, body) = call(&router, "GET", "/simulator", None).await;
    assert!((body["actualRate"].as_f64().unwrap() - 200.0).abs() < 4.0, "{body}");
    assert!(body["totals"]["byAction"]["VIEW"].as_u64().unwrap() > 300, "{body}");
    assert!(body["totals"]["sessions"].as_u64().unwrap() > 50 && body["late"] == 0);

    let patch = json!({"rate": 50.5, "scenario": "bot-attack"});
    let (status, body) = call(&router, "PATCH", "/simulator", Some(patch)).await;
    assert_eq!(
        (status, &body["rate"], &body["scenario"]),
        (StatusCode::OK, &json!(50.5), &json!("bot-attack"))
    );

    let (status, body) = call(&router, "POST", "/simulator/stop", None).await;
    assert_eq!(
        (status, &body["state"], &body["actualRate"]),
        (StatusCode::OK, &json!("stopped"), &json!(0.0))
    );
    assert_eq!(body["totals"]["events"].as_u64().unwrap() as usize, log.actions().len());
    assert_eq!(call(&router, "POST", "/simulator/stop", None).await.0, 200);
    assert_eq!(call(&router, "POST", "/simulator/start", None).await.0, 200, "it can start again");
    call(&router, "POST", "/simulator/stop", None).await;
}

#[tokio::test]
async fn the_shape_of_a_stopped_simulator() {
    let router = router(bench(RunnerConfig::default()).simulator);
    let (_, body) = call(&router, "GET", "/simulator", None).await;
    assert_eq!(
        body,
        json!({
            "state": "stopped", "scenario": "steady", "seed": 42, "users": 20_000,
            "rate": 100.0, "targetRate": 0.0, "actualRate": 0.0, "changeRate": 0.2,
            "totals": {
                "events": 0, "sessions": 0,
                "byAction": {
                    "VIEW": 0, "CLICK": 0, "SEARCH": 0, "ADD_TO_CART": 0, "REMOVE_FROM_CART": 0,
                    "WISHLIST": 0, "REMOVE_FROM_WISHLIST": 0, "PURCHASE": 0, "DISLIKE": 0
                },
                "priceChanges": 0, "stockChanges": 0, "failedChanges": 0, "failed": 0, "missed": 0, "acts": 0
            },
            "late": 0, "inFlight": 0, "inFlightMax": 4
        })
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let router = router(bench(RunnerConfig::default()).simulator);
    let cases = [
        (json!({"rate": 0}), vec!["rate"]),
        (json!({"rate": 200_001}), vec!["rate"]),
        (json!({"rate": "fast"}), vec!["rate"]),
        (json!({"users": 0}), vec!["users"]),
        (json!({"users": 200_001}), vec!["users"]),
        (json!({"users": 1.5}), vec!["users"]),
        (json!({"seed": -1}), vec!["seed"]),
        (json!({"scenario": "apocalypse"}), vec!["scenario"]),
        (json!({"changeRate": -1}), vec!["changeRate"]),
        (json!({"users": "x", "rat": 3}), vec!["users", "rat"]),
    ];
    for (body, wrong) in cases {
        let (status, problem) = call(&router, "POST", "/simulator/start", Some(body.clone())).await;
        assert_eq!((status, fields(&problem)), (StatusCode::BAD_REQUEST, wrong), "{body}");
        assert_eq!(problem["type"], "urn:rep:problem:invalid-request");
        assert_eq!(problem["status"], 400);
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    for body in [json!({"rate": -5}), json!({"scenario": 3}), json!({"users": 10}), json!({"x": 1})] {
        assert_eq!(call(&router, "PATCH", "/simulator", Some(body)).await.0, 400);
    }
    assert_eq!(call(&router, "POST", "/simulator/start", Some(json!([1]))).await.0, 400);
    assert_eq!(call(&router, "GET", "/simulator/nothing", None).await.0, 404);
    assert_eq!(call(&router, "DELETE", "/simulator", None).await.0, 405);
    let (_, body) = call(&router, "GET", "/simulator", None).await;
    assert_eq!(body["state"], "stopped", "nothing of it had an effect");
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused() {
    let router = router(bench(RunnerConfig::default()).simulator);
    let post = async |kind: &str, body: Vec<u8>| {
        let request = Request::post("/simulator/start").header("content-type", kind).body(Body::from(body));
        router.clone().oneshot(request.unwrap()).await.unwrap().status()
    };
    assert_eq!(post("application/json", b"{".to_vec()).await, 400);
    assert_eq!(post("application/json", b"\xff\xfe".to_vec()).await, 400);
    assert_eq!(post("text/plain", b"{}".to_vec()).await, 415);
    assert_eq!(post("application/json", vec![b' '; 20_000]).await, 413);
}

#[tokio::test]
async fn one_action_as_one_shopper() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    let router = router(simulator);
    let click = json!({"userId": "me", "actionType": "CLICK", "productId": "p-000001"});
    let (status, body) = call(&router, "POST", "/simulator/act", Some(click)).await;
    assert_eq!(status, 202);
    let actions = log.actions();
    assert_eq!(actions.len(), 1);
    assert_eq!(body["traceId"], actions[0].trace_id.as_str());
    assert_eq!((actions[0].user_id.as_str(), actions[0].action_type), ("me", ActionType::Click));
    assert_eq!(actions[0].metadata["source"], "simulator");
    let search = json!({"userId": "me", "actionType": "SEARCH", "searchQuery": "러닝화"});
    assert_eq!(call(&router, "POST", "/simulator/act", Some(search)).await.0, 202);
    assert_eq!(log.actions()[1].session_id, actions[0].session_id);

    let cases = [
        (json!({}), vec!["userId", "actionType"]),
        (json!({"userId": "a b", "actionType": "CLICK", "productId": "p"}), vec!["userId"]),
        (json!({"userId": "me", "actionType": "FLY", "productId": "p"}), vec!["actionType"]),
        (json!({"userId": "me", "actionType": "UNKNOWN", "productId": "p"}), vec!["actionType"]),
        (json!({"userId": "me", "actionType": "CLICK"}), vec!["productId"]),
        (json!({"userId": "me", "actionType": "SEARCH"}), vec!["searchQuery"]),
        (json!({"userId": "me", "actionType": "SEARCH", "searchQuery": " "}), vec!["searchQuery"]),
        (json!({"userId": "me", "actionType": "CLICK", "productId": "p", "price": 1}), vec!["price"]),
    ];
    for (body, wrong) in cases {
        let (status, problem) = call(&router, "POST", "/simulator/act", Some(body.clone())).await;
        assert_eq!((status, fields(&problem)), (StatusCode::BAD_REQUEST, wrong), "{body}");
    }
    assert_eq!(log.actions().len(), 2);
    let (_, body) = call(&router, "GET", "/simulator", None).await;
    assert_eq!(body["totals"]["acts"], 2);
}

#[tokio::test]
async fn a_log_that_is_away_is_told() {
    let Bench { simulator, log, .. } = bench(RunnerConfig::default());
    let router = router(simulator);
    assert_eq!(send(&router, "GET", "/readyz", None).await.status(), 200);
    log.is_away.store(true, Ordering::SeqCst);
    let click = || Some(json!({"userId": "me", "actionType": "CLICK", "productId": "p"}));
    let response = send(&router, "POST", "/simulator/act", click()).await;
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
    );
    assert!(!json_of(response).await.to_string().contains("away\""), "the source stays inside");
    let response = send(&router, "GET", "/readyz", None).await;
    assert_eq!(response.status(), 503);
    assert_eq!(json_of(response).await["missing"][0]["name"], "log");
    assert_eq!(send(&router, "GET", "/livez", None).await.status(), 200);
    log.is_away.store(false, Ordering::SeqCst);
    assert_eq!(send(&router, "POST", "/simulator/act", click()).await.status(), 202);
    assert_eq!(send(&router, "GET", "/readyz", None).await.status(), 200);
}

#[tokio::test]
async fn scenarios_are_listed_and_traces_kept() {
    let router = router(bench(RunnerConfig::default()).simulator);
    let (_, body) = call(&router, "GET", "/simulator/scenarios", None).await;
    let ids: Vec<&str> =
        body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    for id in ["steady", "flash-sale", "price-war", "cold-start", "bot-attack"] {
        assert!(ids.contains(&id));
    }
    assert!(body["items"][0]["name"].is_string() && body["items"][0]["description"].is_string());
    let given = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::get("/livez").header("traceparent", format!("00-{given}-00f067aa0ba902b7-01"));
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["x-trace-id"], given);
}

#[test]
fn every_route_is_documented() {
    let document = serde_json::to_value(openapi()).unwrap();
    for (path, method) in [
        ("/simulator", "get"),
        ("/simulator", "patch"),
        ("/simulator/start", "post"),
        ("/simulator/stop", "post"),
        ("/simulator/scenarios", "get"),
        ("/simulator/act", "post"),
        ("/livez", "get"),
        ("/readyz", "get"),
    ] {
        assert!(document["paths"][path][method]["responses"].is_object(), "{method} {path}");
    }
    let status = &document["components"]["schemas"]["Status"]["properties"];
    for field in ["targetRate", "actualRate", "startedAt", "totals", "late"] {
        assert!(status[field].is_object(), "{field}: {status}");
    }
    let start = &document["components"]["schemas"]["StartRequest"];
    assert!(start["properties"]["rate"].is_object() && start.get("required").is_none(), "{start}");
}
