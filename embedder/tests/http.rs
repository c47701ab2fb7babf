//! The service as a caller sees it, in process.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use rep_embedder::http::{BODY_BYTES_MAX, EmbedService, router};
use rep_embedder::{EmbedderOptions, OnnxEmbedder};
use serde_json::{Value, json};
use tower::ServiceExt;

fn service(options: EmbedderOptions) -> Router {
    let options = EmbedderOptions { runtime: Some(support::runtime()), ..options };
    let embedder = OnnxEmbedder::load(&support::english_model(), options).unwrap();
    let manifest = embedder.manifest().clone();
    router(EmbedService::new(Arc::new(embedder), manifest))
}

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Value, Option<String>) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let wait = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let expected = if status.is_success() { "application/json" } else { "application/problem+json" };
    assert_eq!(content_type, expected);
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 24).await.unwrap()).unwrap();
    if !status.is_success() {
        assert_eq!(body["status"], status.as_u16());
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    }
    (status, body, wait)
}

/// Status and text of a probe, which says how the process is in a shape of its own.
async fn probe(router: &Router, path: &str) -> (StatusCode, String) {
    let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn post(router: &Router, body: impl Into<Body>) -> (StatusCode, Value, Option<String>) {
    let request = Request::post("/embed").header("content-type", "application/json");
    send(router, request.body(body.into()).unwrap()).await
}

async fn get(router: &Router, path: &str) -> (StatusCode, Value, Option<String>) {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn embeds_in_order() {
    let router = service(EmbedderOptions::default());
    let body = json!({ "texts": ["hiking boots", "", "한국어"], "kind": "query" });
    let (status, answer, _) = post(&router, body.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&answer["model"], &answer["dimensions"]), (&json!("all-MiniLM-L6-v2"), &json!(384)));
    let embeddings = answer["embeddings"].as_array().unwrap();
    assert_eq!(embeddings.len(), 3);
    assert!(embeddings.iter().all(|embedding| embedding.as_array().unwrap().len() == 384));
    let (_, alone, _) = post(&router, json!({ "texts": ["한국어"], "kind": "query" }).to_string()).await;
    let first = |value: &Value| value[0].as_f64().unwrap();
    assert!((first(&alone["embeddings"][0]) - first(&embeddings[2])).abs() < 1e-5);
    assert_eq!(get(&router, "/model").await.1["maxTokens"], 256);
    assert_eq!(probe(&router, "/readyz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn errors_are_problems_with_fields() {
    let router = router(EmbedService::loading());
    let (status, body, _) = post(&router, r#"{"texts": "a"}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["errors"][0], json!({ "field": "texts", "message": "must be an array of strings" }));
    assert_eq!(body["errors"][1]["field"], "kind");
    let (status, _, _) = post(&router, vec![b' '; BODY_BYTES_MAX + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(get(&router, "/nothing").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&router, "/embed").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn not_ready_until_a_model_is_there() {
    let router = router(EmbedService::loading());
    for (status, body, wait) in
        [get(&router, "/model").await, post(&router, r#"{"texts": ["a"], "kind": "query"}"#).await]
    {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body["detail"].as_str().unwrap().contains("not loaded"));
        assert_eq!(wait.as_deref(), Some("2"));
    }
    let (status, body) = probe(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["ready"], &body["missing"][0]["name"]), (&json!(false), &json!("model")));
    assert_eq!(probe(&router, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
}

#[tokio::test]
async fn overload_says_when_to_come_back() {
    let options = EmbedderOptions { query_wait_max: Duration::from_nanos(1), ..EmbedderOptions::default() };
    let router = service(options);
    let body = json!({ "texts": vec!["soft cotton shirt"; 64], "kind": "query" });
    let (status, body, wait) = post(&router, body.to_string()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body["detail"].as_str().unwrap().contains("overloaded"));
    assert!(wait.is_some());
}
