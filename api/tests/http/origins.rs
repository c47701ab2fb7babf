//! Pages of other origins: those that are named, and all others.

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use rep_api::{ApiConfig, Auth, BearerAuth};
use rep_core::Topic;
use serde_json::json;
use tower::ServiceExt as _;

use crate::auth::OPERATOR;
use crate::support::World;

const SHOP: (&str, &str) = ("origin", "https://shop.example");
const TEXT: (&str, &str) = ("content-type", "text/plain;charset=UTF-8");
const JSON: (&str, &str) = ("content-type", "application/json");
/// As a browser says it beside the origin.
const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");

fn named(auth: Auth) -> ApiConfig {
    ApiConfig { auth, allowed_origins: vec![SHOP.1.to_owned()], ..ApiConfig::default() }
}

async fn world() -> World {
    World::with(named(Auth::Open)).filled().await
}

fn event() -> String {
    json!({"userId": "u", "actionType": "CLICK", "productId": "tent-1"}).to_string()
}

fn listed(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    values.join(",").to_ascii_lowercase()
}

#[tokio::test]
async fn pages_that_are_named_may_ask_and_read() {
    let world = world().await;
    for (method, path) in [("POST", "/events"), ("GET", "/recommendations"), ("PATCH", "/products/tent-1")] {
        let asked = "authorization,content-type,idempotency-key,last-event-id";
        let preflight =
            [SHOP, ("access-control-request-method", method), ("access-control-request-headers", asked)];
        let answer = world.send("OPTIONS", path, &preflight, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], SHOP.1);
        let allowed = listed(&answer.headers, "access-control-allow-headers");
        assert!(asked.split(',').all(|header| allowed.contains(header)), "{allowed}");
        assert!(
            listed(&answer.headers, "access-control-allow-methods").contains(&method.to_ascii_lowercase())
        );
    }
    let sent = world.send("POST", "/events", &[SHOP, CROSS_SITE, JSON], event()).await;
    assert_eq!(sent.headers["access-control-allow-origin"], SHOP.1);
    assert!(listed(&sent.headers, "vary").contains("origin"));
    sent.expect(202);
    // What was wrong is readable too.
    let refused = world.send("POST", "/events", &[SHOP, JSON], "{").await;
    assert_eq!(refused.headers["access-control-allow-origin"], SHOP.1);
    assert!(listed(&refused.headers, "vary").contains("origin"));
    refused.expect(400);
    for path in ["/notifications/stream?userId=ann", "/users/ann/changes", "/live"] {
        let request = Request::get(path).header(SHOP.0, SHOP.1).header("accept", "text/event-stream");
        let answer = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], SHOP.1, "{path}");
    }
    // There is no connection to upgrade here, and that is all that is wrong.
    for (origin, expected) in [(SHOP, 400), (("origin", "https://evil.example"), 403)] {
        let socket = [
            origin,
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        world.send("GET", "/notifications/ws?userId=ann", &socket, "").await.expect(expected);
    }
}

#[tokio::test]
async fn all_others_may_not() {
    let world = world().await;
    for origin in [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://www.shop.example",
        "https://shop.example.evil.example",
        "null",
    ] {
        let origin = ("origin", origin);
        for headers in [vec![origin, JSON], vec![origin, TEXT], vec![origin, CROSS_SITE, JSON]] {
            let answer = world.send("POST", "/events", &headers, event()).await;
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin:?}");
            answer.expect(403);
        }
        let preflight = [origin, ("access-control-request-method", "POST")];
        let answer = world.send("OPTIONS", "/events", &preflight, "").await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin:?}");
    }
    assert!(world.log.all(Topic::UserAction).is_empty());
}

#[tokio::test]
async fn a_beacon_is_taken_from_a_named_page_alone_and_as_an_event_alone() {
    let world = world().await;
    world.send("POST", "/events", &[SHOP, CROSS_SITE, TEXT], event()).await.expect(202);
    world.send("POST", "/events", &[SHOP, TEXT], "no JSON").await.expect(400);
    for headers in [vec![TEXT], vec![TEXT, CROSS_SITE], vec![TEXT, ("origin", "http://localhost:8080")]] {
        let refused = world.send("POST", "/events", &headers, event()).await.status.as_u16();
        assert!([403, 415].contains(&refused), "{headers:?}: {refused}");
    }
    let product = json!([{"productId": "p", "name": "p", "category": "c", "price": "1.00"}]).to_string();
    world.send("POST", "/products", &[SHOP, TEXT], product).await.expect(415);
    assert_eq!(world.log.all(Topic::UserAction).len(), 1);
    // Where tokens are asked for a beacon has none.
    let bearer = BearerAuth::new(&[OPERATOR.to_owned()], None).unwrap();
    let guarded = World::with(named(Auth::Bearer(bearer))).filled().await;
    let refused = guarded.send("POST", "/events", &[SHOP, TEXT], event()).await;
    assert_eq!(refused.headers["access-control-allow-origin"], SHOP.1);
    refused.expect(401);
    let preflight = [SHOP, ("access-control-request-method", "POST")];
    guarded.send("OPTIONS", "/events", &preflight, "").await.status.is_success().then_some(()).unwrap();
    let token = format!("Bearer {OPERATOR}");
    guarded.send("POST", "/events", &[("authorization", &token), TEXT], event()).await.expect(415);
}
