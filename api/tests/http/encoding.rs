//! Bodies that come compressed, or in another encoding of characters.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_compression::tokio::write::{GzipEncoder, ZlibEncoder};
use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use rep_api::{ApiConfig, Limits};
use rep_core::Topic;
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use crate::support::World;

const GZIP: (&str, &str) = ("content-encoding", "gzip");
const JSON: (&str, &str) = ("content-type", "application/json");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

fn event() -> String {
    json!({"userId": "u", "actionType": "CLICK", "productId": "tent-1"}).to_string()
}

async fn written<E: AsyncWrite + Unpin>(mut encoder: E, text: &[u8]) -> E {
    encoder.write_all(text).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder
}

async fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    written(GzipEncoder::new(Vec::new()), text.as_ref()).await.into_inner()
}

async fn deflate(text: impl AsRef<[u8]>) -> Vec<u8> {
    written(ZlibEncoder::new(Vec::new()), text.as_ref()).await.into_inner()
}

#[tokio::test]
async fn compressed_events_and_products_are_taken() {
    let world = World::stocked().await;
    world.send("POST", "/events", &[JSON, GZIP], gzip(event()).await).await.expect(202);
    world
        .send("POST", "/events", &[JSON, ("content-encoding", "GZIP")], gzip(event()).await)
        .await
        .expect(202);
    let deflated = deflate(event()).await;
    world.send("POST", "/events", &[JSON, ("content-encoding", "deflate")], deflated).await.expect(202);
    world.send("POST", "/events", &[JSON, ("content-encoding", "identity")], event()).await.expect(202);
    // Two members one after the other are one gzip.
    let mut members = gzip(event() + "\n").await;
    members.extend(gzip(event()).await);
    let body = world.send("POST", "/events", &[LINES, GZIP], members).await.expect(202);
    assert_eq!(body["results"].as_array().unwrap().len(), 2);
    assert_eq!(world.log.all(Topic::UserAction).len(), 6);
    let product = json!({"name": "p", "category": "c", "price": "1.00", "stock": 1}).to_string();
    world.send("PUT", "/products/p", &[JSON, GZIP], gzip(product).await).await.expect(201);
    let keyed = [JSON, GZIP, ("idempotency-key", "k")];
    world.send("POST", "/events", &keyed, gzip(event()).await).await.expect(202);
    let again = world.send("POST", "/events", &[JSON, ("idempotency-key", "k")], event()).await;
    assert_eq!(again.headers["idempotent-replayed"], "true", "the same, however it is sent");
}

#[tokio::test]
async fn what_is_not_what_it_says_is_refused_with_that() {
    let world = World::stocked().await;
    let whole = gzip(event()).await;
    let cut = whole[..whole.len() - 6].to_vec();
    let mut spoilt = whole.clone();
    spoilt[whole.len() - 6] ^= 1;
    for kind in [JSON, LINES] {
        for body in [event().into_bytes(), cut.clone(), spoilt.clone(), deflate(event()).await] {
            let problem = world.send("POST", "/events", &[kind, GZIP], body).await.expect(400);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("`gzip`") && detail.contains("Content-Encoding"), "{detail}");
        }
    }
    for other in ["br", "zstd", "gzip, gzip", "nonsense"] {
        let answer = world.send("POST", "/events", &[JSON, ("content-encoding", other)], event()).await;
        assert_eq!(answer.headers["accept-encoding"], "gzip, deflate, identity");
        let problem = answer.expect(415);
        assert!(problem["detail"].as_str().unwrap().contains(&format!("`{other}`")), "{problem}");
    }
    assert!(world.log.all(Topic::UserAction).is_empty());
}

#[tokio::test]
async fn limits_are_of_what_a_body_becomes() {
    let world = World::stocked().await;
    let spaces = gzip(vec![b' '; 64 << 20]).await;
    assert!(spaces.len() < 100_000);
    for (kind, path) in [(JSON, "/events"), (LINES, "/events"), (JSON, "/products"), (LINES, "/products")] {
        world.send("POST", path, &[kind, GZIP], spaces.clone()).await.expect(413);
    }
    let lines = gzip(vec![b'\n'; 64 << 20]).await;
    world.send("POST", "/events", &[LINES, GZIP], lines).await.expect(413);
    // As much as may come plain may come compressed.
    let padded = format!("{}{}", event(), " ".repeat((1 << 20) - event().len()));
    world.send("POST", "/events", &[JSON, GZIP], gzip(&padded).await).await.expect(202);
    world.send("POST", "/events", &[JSON, GZIP], gzip(padded + " ").await).await.expect(413);
    // What inflates to nothing is no way around.
    let nothing: Vec<u8> = gzip("").await.repeat(1 << 19);
    assert!(nothing.len() > 8 << 20);
    world.send("POST", "/events", &[JSON, GZIP], nothing).await.expect(413);
}

/// A body that says how long it is, tells when it is read, and does not come.
struct Stuck(Arc<Notify>);

impl hyper::body::Body for Stuck {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.notify_one();
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(10)
    }
}

#[tokio::test]
async fn room_for_bodies_is_kept_for_what_they_may_become() {
    let limits = Limits { bodies_bytes_max: 8 << 20, ..Limits::default() };
    let world = World::with(ApiConfig { limits, ..ApiConfig::default() }).filled().await;
    for (headers, expected) in [(vec![JSON], 202), (vec![JSON, GZIP], 503)] {
        let mut stuck = axum::http::Request::post("/events");
        for (name, value) in headers {
            stuck = stuck.header(name, value);
        }
        let read = Arc::new(Notify::new());
        let stuck = stuck.body(Body::new(Stuck(Arc::clone(&read)))).unwrap();
        let stuck = tokio::spawn(world.router.clone().oneshot(stuck));
        read.notified().await;
        assert_eq!(world.send("POST", "/events", &[JSON], event()).await.status, expected);
        stuck.abort();
        let _ = stuck.await;
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_and_utf_16_is_named() {
    let world = World::stocked().await;
    let marked = format!("\u{FEFF}{}", event());
    world.send("POST", "/events", &[JSON], marked.clone()).await.expect(202);
    let body = world.send("POST", "/events", &[LINES], format!("{marked}\n{}", event())).await.expect(202);
    assert!(
        body["results"].as_array().unwrap().iter().all(|result| result["status"] == "accepted"),
        "{body}"
    );
    let product = json!({"name": "p", "category": "c", "price": "1.00", "stock": 1}).to_string();
    world.send("PUT", "/products/p", &[JSON], format!("\u{FEFF}{product}")).await.expect(201);
    for mark in ["", "\u{FEFF}"] {
        let units: Vec<u16> = format!("{mark}{}", event()).encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (kind, bytes) in [(JSON, &little), (JSON, &big), (LINES, &little), (LINES, &big)] {
            let problem = world.send("POST", "/events", &[kind], bytes.clone()).await.expect(400);
            assert!(problem["detail"].as_str().unwrap().contains("UTF-16"), "{problem}");
        }
    }
}
