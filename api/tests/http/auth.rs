//! Who may call.

use rep_api::{ApiConfig, Auth, BearerAuth, Rate, TokenRules, UserTokens};
use rep_core::{Timestamp, Topic, UserId};
use serde_json::json;

use crate::support::{NOW_MS, World};

pub(crate) const OPERATOR: &str = "an operator's token of 32 bytes ...";
const SECRET: &[u8] = b"a secret that is long enough ...";

pub(crate) fn guarded() -> World {
    let bearer = BearerAuth::new(&[OPERATOR.to_owned()], Some(tokens())).unwrap();
    World::with(ApiConfig { auth: Auth::Bearer(bearer), ..ApiConfig::default() })
}

fn tokens() -> UserTokens {
    UserTokens::new(SECRET, TokenRules::default()).unwrap()
}

pub(crate) fn token(user: &str) -> String {
    let (now, until) = (Timestamp::from_ms(NOW_MS), Timestamp::from_ms(NOW_MS + 60_000));
    tokens().mint(&UserId::new(user).unwrap(), now, until).unwrap()
}

async fn status(world: &World, method: &str, path: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    world.send(method, path, &headers, "{}").await.status.as_u16()
}

#[tokio::test]
async fn without_a_token_there_is_little_to_see() {
    let world = guarded().filled().await;
    for path in ["/livez", "/readyz", "/openapi.json", "/docs/"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    for path in [
        "/recommendations?userId=ann",
        "/products",
        "/status",
        "/metrics",
        "/live",
        "/live/history",
        "/users",
        "/topics",
        "/dead-letters",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.expect(401);
    }
    assert_eq!(status(&world, "GET", "/products", "not a token").await, 401);
    world.clock.advance(61_000);
    assert_eq!(status(&world, "GET", "/products", &token("ann")).await, 401);
}

#[tokio::test]
async fn a_shopper_sees_only_their_own() {
    let world = guarded().filled().await;
    let ann = token("ann");
    for (path, own) in [
        ("/recommendations?userId=USER", 200),
        ("/search?q=tent&userId=USER", 200),
        ("/users/USER/preference", 404),
        ("/users/USER/history", 200),
        ("/users/USER/notification-settings", 200),
        ("/notifications?userId=USER", 200),
    ] {
        assert_eq!(status(&world, "GET", &path.replace("USER", "ann"), &ann).await, own, "{path}");
        assert_eq!(status(&world, "GET", &path.replace("USER", "ben"), &ann).await, 403, "{path}");
    }
    for path in ["/notifications/stream?userId=ben", "/users/ben/changes", "/notifications/ws?userId=ben"] {
        assert_eq!(status(&world, "GET", path, &ann).await, 403, "{path}");
    }
    assert_eq!(status(&world, "DELETE", "/users/ben", &ann).await, 403);
    assert_eq!(status(&world, "POST", "/notifications/ticket?userId=ben", &ann).await, 403);
    for (method, path) in [
        ("PUT", "/products/tent-1"),
        ("PATCH", "/products/tent-1"),
        ("DELETE", "/products/tent-1"),
        ("POST", "/products"),
        ("GET", "/users"),
        ("GET", "/status"),
        ("GET", "/live"),
        ("GET", "/live/history"),
        ("GET", "/metrics"),
        ("GET", "/events/recent"),
        ("GET", "/topics"),
        ("GET", "/topics/user.action.v1/events"),
        ("GET", "/dead-letters"),
        ("GET", "/dead-letters/0-0"),
        ("POST", "/dead-letters/0-0/replay"),
    ] {
        assert_eq!(status(&world, method, path, &ann).await, 403, "{method} {path}");
    }
    assert_eq!(status(&world, "GET", "/products/tent-1", &ann).await, 200);
    assert_eq!(status(&world, "GET", "/users", OPERATOR).await, 200);
}

#[tokio::test]
async fn a_shopper_speaks_only_for_themselves() {
    let world = guarded().filled().await;
    let bearer = format!("Bearer {}", token("ann"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let event = |user: &str| json!({"userId": user, "actionType": "CLICK", "productId": "tent-1"});
    let both = json!([event("ann"), event("ben")]).to_string();
    let body = world.send("POST", "/events", &headers, both).await.expect(202);
    assert_eq!(body["results"][0]["status"], "accepted");
    assert_eq!(body["results"][1]["errors"][0]["field"], "userId");
    world.send("POST", "/events", &headers, event("ben").to_string()).await.expect(400);
}

#[tokio::test]
async fn a_ticket_opens_one_stream_of_one_shopper() {
    let world = guarded();
    let bearer = format!("Bearer {}", token("ann"));
    let ticket = || async {
        let headers = [("authorization", bearer.as_str())];
        let body = world.send("POST", "/notifications/ticket?userId=ann", &headers, "").await.expect(200);
        body["ticket"].as_str().unwrap().to_owned()
    };
    let open = |path: String| {
        let request = axum::http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
        let router = world.router.clone();
        async move { tower::ServiceExt::oneshot(router, request).await.unwrap().status().as_u16() }
    };
    let first = ticket().await;
    assert_eq!(open(format!("/notifications/stream?userId=ann&ticket={first}")).await, 200);
    assert_eq!(open(format!("/notifications/stream?userId=ann&ticket={first}")).await, 401);
    assert_eq!(open(format!("/notifications/stream?userId=ben&ticket={}", ticket().await)).await, 403);
    assert_eq!(open(format!("/notifications?userId=ann&ticket={}", ticket().await)).await, 401);
    let late = ticket().await;
    world.clock.advance(30_000);
    assert_eq!(open(format!("/users/ann/changes?ticket={late}")).await, 401);
}

/// As the dashboard mounts it: which routes are public and which are streams does not depend on the prefix.
#[tokio::test]
async fn below_a_prefix_the_routes_are_the_same() {
    let world = guarded();
    let nested = axum::Router::new().nest("/api", world.router.clone());
    let status = async |path: &str| {
        let request = axum::http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
        tower::ServiceExt::oneshot(nested.clone(), request).await.unwrap().status().as_u16()
    };
    for path in ["/api/livez", "/api/readyz", "/api/openapi.json"] {
        assert_eq!(status(path).await, 200, "{path}");
    }
    assert_eq!(status("/api/products").await, 401);
    let bearer = format!("Bearer {OPERATOR}");
    for stream in ["/live", "/notifications/stream?userId=ann", "/users/ann/changes"] {
        let headers = [("authorization", bearer.as_str())];
        let body = world.send("POST", "/notifications/ticket", &headers, "").await.expect(200);
        let mark = if stream.contains('?') { '&' } else { '?' };
        let path = format!("/api{stream}{mark}ticket={}", body["ticket"].as_str().unwrap());
        assert_eq!((status(&path).await, status(&path).await), (200, 401), "{stream}");
    }
}

#[tokio::test]
async fn an_open_api_serves_only_its_own_names_and_pages() {
    let world = World::stocked().await;
    world.send("GET", "/products", &[("host", "localhost:8080")], "").await.expect(200);
    world.send("GET", "/products", &[("host", "evil.example")], "").await.expect(403);
    let own = [
        ("host", "localhost:8080"),
        ("origin", "http://localhost:8080"),
        ("content-type", "application/json"),
    ];
    let event = json!({"userId": "u", "actionType": "CLICK", "productId": "tent-1"}).to_string();
    world.send("POST", "/events", &own, event.clone()).await.expect(202);
    let foreign = [("host", "localhost:8080"), ("origin", "http://evil.example")];
    world.send("POST", "/events", &foreign, event).await.expect(403);
    let reading = world.send("GET", "/products", &foreign, "").await;
    assert!(!reading.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn nothing_is_read_of_a_body_before_its_sender_may_send_it() {
    let world = guarded().filled().await;
    let shopper = format!("Bearer {}", token("ann"));
    for (bearer, expected) in [(shopper.as_str(), 403), ("Bearer none", 401)] {
        for (method, path) in [
            ("POST", "/products"),
            ("PUT", "/products/x"),
            ("PATCH", "/products/x"),
            ("DELETE", "/products/x"),
            ("POST", "/dead-letters/0-1/replay"),
        ] {
            // It never ends: a server that reads it never answers.
            let body =
                axum::body::Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
            let headers =
                [("authorization", bearer), ("content-type", "application/json"), ("idempotency-key", "k")];
            let answer = world.send(method, path, &headers, body).await;
            assert_eq!(answer.status, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_key_of_a_safe_method_is_ignored() {
    let world = guarded().filled().await;
    let bearer = format!("Bearer {OPERATOR}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    for _ in 0..2 {
        let answer = world.send("GET", "/products", &headers, "").await;
        assert!(!answer.headers.contains_key("idempotent-replayed"));
        answer.expect(200);
    }
}

#[tokio::test]
async fn events_of_a_shopper_count_one_by_one() {
    let bearer = BearerAuth::new(&[OPERATOR.to_owned()], Some(tokens())).unwrap();
    let events_rate = Some(Rate { per_second: 1, burst: 10 });
    let config = ApiConfig { auth: Auth::Bearer(bearer), events_rate, ..ApiConfig::default() };
    let world = World::with(config).filled().await;
    let (ann, ben) = (format!("Bearer {}", token("ann")), format!("Bearer {}", token("ben")));
    let operator = format!("Bearer {OPERATOR}");
    let send = async |bearer: &str, user: &str, count: usize| {
        let event = json!({"userId": user, "actionType": "CLICK", "productId": "tent-1"});
        let headers = [("authorization", bearer), ("content-type", "application/json")];
        world.send("POST", "/events", &headers, json!(vec![event; count]).to_string()).await
    };
    send(&ann, "ann", 11).await.expect(413);
    send(&ann, "ann", 8).await.expect(202);
    let appended = world.log.all(Topic::UserAction).len();
    let refused = send(&ann, "ann", 8).await;
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    refused.expect(429);
    assert_eq!(world.log.all(Topic::UserAction).len(), appended, "nothing of it was taken");
    send(&ben, "ben", 8).await.expect(202);
    send(&operator, "ann", 100).await.expect(202);
}

#[tokio::test]
async fn tokens_that_are_no_good_count_before_they_are_looked_at() {
    let bearer = BearerAuth::new(&[OPERATOR.to_owned()], Some(tokens())).unwrap();
    let rate = Some(Rate { per_second: 1, burst: 3 });
    let world = World::with(ApiConfig { auth: Auth::Bearer(bearer), rate, ..ApiConfig::default() });
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(status(&world, "GET", "/status", "a guess").await);
    }
    assert_eq!(told, [401, 401, 401, 429]);
}
