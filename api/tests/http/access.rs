//! Who may call what: each operation that the OpenAPI document names, asked by each kind of caller.

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::auth::{OPERATOR, guarded, token};
use crate::support::World;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Everybody,
    /// Every caller with a token.
    Callers,
    /// The shopper whom it is about, and operators.
    Own,
    Operators,
}

use Access::{Callers, Everybody, Operators, Own};

/// An operation that is not here fails the test: who adds one decides who may call it.
const ACCESS: [(&str, Access); 38] = [
    ("deleteProduct", Operators),
    ("eraseUser", Own),
    ("getDeadLetter", Operators),
    ("getHistory", Own),
    ("getLiveHistory", Operators),
    ("getLiveness", Everybody),
    ("getMetrics", Operators),
    ("getNotificationSettings", Own),
    ("getPreference", Own),
    ("getProduct", Callers),
    ("getReadiness", Everybody),
    ("getRecommendations", Own),
    ("getSimilarProducts", Callers),
    ("getStatus", Operators),
    ("importProducts", Operators),
    ("issueTicket", Own),
    ("listCategories", Callers),
    ("listDeadLetters", Operators),
    ("listNotifications", Own),
    ("listProducts", Callers),
    ("listRecentEvents", Operators),
    ("listTopics", Operators),
    ("listUsers", Operators),
    ("markNotificationRead", Own),
    ("openNotificationSocket", Own),
    ("patchProduct", Operators),
    ("postEvents", Callers),
    ("postRecommendations", Own),
    ("postSearch", Own),
    ("postSimilarProducts", Callers),
    ("putNotificationSettings", Own),
    ("putProduct", Operators),
    ("replayDeadLetter", Operators),
    ("search", Own),
    ("streamChanges", Own),
    ("streamLive", Operators),
    ("streamNotifications", Own),
    ("streamTopic", Operators),
];

/// The path with what it is about filled in: `shopper` where it is about one.
fn filled(path: &str, operation: &Value, shopper: &str) -> String {
    let of_shopper = path.starts_with("/users/");
    let id = if of_shopper { shopper } else { "tent-1" };
    let mut filled = path.replace("{id}", id).replace("{topic}", "user.action.v1");
    if path.starts_with("/dead-letters/") {
        filled = path.replace("{id}", "0-0");
    }
    let takes = |name: &str| {
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        parameters.iter().any(|parameter| parameter["name"] == name)
    };
    let mut query = Vec::new();
    if takes("userId") {
        query.push(format!("userId={shopper}"));
    }
    if takes("q") {
        query.push("q=tent".to_owned());
    }
    if query.is_empty() { filled } else { format!("{filled}?{}", query.join("&")) }
}

/// The status alone: streams do not end.
async fn status(world: &World, method: &str, path: &str, token: Option<&str>) -> u16 {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = Body::from(r#"{"userId": "ann", "actionType": "CLICK", "productId": "tent-1"}"#);
    world.router.clone().oneshot(request.body(body).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn each_operation_is_open_to_those_it_is_for_and_to_nobody_else() {
    let world = guarded().filled().await;
    let document = world.get("/openapi.json").await.expect(200);
    let (ann, ben) = (token("ann"), token("ben"));
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let (_, access) = ACCESS
                .into_iter()
                .find(|(named, _)| *named == id)
                .unwrap_or_else(|| panic!("who may call `{id}` ({method} {path})?"));
            found.push(id.to_owned());
            let path = filled(path, operation, "ann");
            let told = [
                status(&world, &method.to_uppercase(), &path, None).await,
                status(&world, &method.to_uppercase(), &path, Some("a guess")).await,
                status(&world, &method.to_uppercase(), &path, Some(&ben)).await,
                status(&world, &method.to_uppercase(), &path, Some(&ann)).await,
                status(&world, &method.to_uppercase(), &path, Some(OPERATOR)).await,
            ];
            let may = match access {
                Everybody => [true; 5],
                // What `ann` does is told by a token of `ben`: refused event by event.
                Callers => [false, false, true, true, true],
                Own => [false, false, false, true, true],
                Operators => [false, false, false, false, true],
            };
            for ((status, may), refusal) in told.iter().zip(may).zip([401, 401, 403, 403, 403]) {
                let is_right = if may { !matches!(status, 401 | 403) } else { *status == refusal };
                assert!(
                    is_right,
                    "{id}: nobody, a guess, another, the shopper, an operator are told {told:?}"
                );
            }
        }
    }
    found.sort();
    assert_eq!(found, ACCESS.map(|(id, _)| id), "of these only some are there");
}

#[tokio::test]
async fn what_a_shopper_says_of_another_is_taken_from_nobody() {
    let world = guarded().filled().await;
    assert_eq!(status(&world, "POST", "/events", Some(&token("ben"))).await, 400);
    assert_eq!(status(&world, "POST", "/events", Some(&token("ann"))).await, 202);
}
