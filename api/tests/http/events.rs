//! `POST /events` and `GET /events/recent`.

use std::sync::atomic::Ordering;

use rep_core::{ActionType, Timestamp, Topic, UserAction, partition_of};
use serde_json::{Value, json};

use crate::support::World;

fn click(user: &str) -> Value {
    json!({"userId": user, "actionType": "CLICK", "productId": "tent-1"})
}

#[tokio::test]
async fn one_event_is_durable_when_it_is_answered() {
    let world = World::stocked().await;
    let event = json!({
        "traceId": "t-1", "userId": "ann", "actionType": "ADD_TO_CART", "productId": "tent-1",
        "sessionId": "s-1", "timestamp": "2026-09-21T14:13:19.500Z", "metadata": {"page": "home", "place": 3},
    });
    let body = world.post("/events", &event).await.expect(202);
    let partition = partition_of(b"ann", 12);
    assert_eq!(
        body,
        json!({
            "results": [{"traceId": "t-1", "status": "accepted", "partition": partition, "offset": 0}],
            "acceptedAt": "2026-09-21T14:13:20.000Z", "durableAt": "2026-09-21T14:13:20.000Z",
        })
    );
    let action: UserAction = world.codec.decode(&world.log.all(Topic::UserAction)[0].value).unwrap();
    assert_eq!(action.metadata["place"], "3");
    assert_eq!(action.timestamp.to_string(), "2026-09-21T14:13:19.500Z");
}

#[tokio::test]
async fn what_is_left_out_is_made_and_unknown_products_are_taken_with_a_warning() {
    let world = World::stocked().await;
    let event = json!({"userId": "ann", "actionType": "CLICK", "productId": "ghost", "colour": "red"});
    let body = world.post("/events", &event).await.expect(202);
    let result = &body["results"][0];
    assert_eq!(result["traceId"].as_str().unwrap().len(), 32);
    assert_eq!(
        result["warnings"],
        json!(["`colour` is not known and was ignored", "product `ghost` is not in the catalogue"])
    );
    let search = json!({"userId": "ann", "actionType": "SEARCH", "searchQuery": "텐트"});
    world.post("/events", &search).await.expect(202);
}

/// Trace ids are chosen by clients: one shopper cannot silence another by sending theirs first, nor learn where it lies.
#[tokio::test]
async fn a_trace_id_of_another_shopper_is_no_repeat() {
    let world = World::stocked().await;
    let with_id = |user: &str| {
        let mut event = click(user);
        event["traceId"] = json!("order-17");
        event
    };
    let first = world.post("/events", &with_id("ann")).await.expect(202);
    world.consume().await;
    let answer = world.post("/events", &json!([with_id("ben"), with_id("ben")])).await.expect(202);
    let (of_ann, of_ben) = (&first["results"][0], &answer["results"]);
    assert_eq!(of_ben[0]["status"], "accepted");
    assert_eq!(of_ben[1]["status"], "duplicate");
    let position = |result: &serde_json::Value| (result["partition"].clone(), result["offset"].clone());
    assert_eq!(position(&of_ben[1]), position(&of_ben[0]));
    assert_ne!(position(&of_ben[0]), position(of_ann));
}

#[tokio::test]
async fn a_repeated_trace_id_is_accepted_and_appended_once() {
    let world = World::stocked().await;
    let mut event = click("ann");
    event["traceId"] = json!("t-1");
    let both = world.post("/events", &json!([event, event])).await.expect(202);
    assert_eq!(both["results"][0]["status"], "accepted");
    assert_eq!(both["results"][1]["status"], "duplicate");
    assert_eq!(both["results"][0]["offset"], both["results"][1]["offset"]);
    world.consume().await;
    let later = world.post("/events", &event).await.expect(202);
    assert_eq!(later["results"][0]["status"], "duplicate");
    assert_eq!(world.log.all(Topic::UserAction).len(), 1);
}

#[tokio::test]
async fn a_bad_event_is_refused_with_every_field_that_is_wrong() {
    let world = World::new();
    let cases = [
        (json!({}), vec!["userId", "actionType"]),
        (json!({"userId": 5, "actionType": "TELEPORT"}), vec!["userId", "actionType"]),
        (json!({"userId": "u", "actionType": "UNKNOWN"}), vec!["actionType"]),
        (json!({"userId": "a b", "actionType": "CLICK"}), vec!["userId"]),
        (json!({"userId": "u", "actionType": "CLICK"}), vec!["productId"]),
        (json!({"userId": "u", "actionType": "SEARCH"}), vec!["searchQuery"]),
        (json!({"userId": "u", "actionType": "SEARCH", "searchQuery": "x".repeat(600)}), vec!["searchQuery"]),
        (json!({"userId": "u", "actionType": "CLICK", "productId": "p".repeat(200)}), vec!["productId"]),
        (
            json!({"userId": "u", "actionType": "CLICK", "productId": "p", "timestamp": "NaN"}),
            vec!["timestamp"],
        ),
        (json!({"userId": "u", "actionType": "CLICK", "productId": "p", "timestamp": 12}), vec!["timestamp"]),
        (
            json!({"userId": "u", "actionType": "CLICK", "productId": "p", "timestamp": "2026-09-21T14:19:00Z"}),
            vec!["timestamp"],
        ),
        (
            json!({"userId": "u", "actionType": "CLICK", "productId": "p", "timestamp": "1999-01-01T00:00:00Z"}),
            vec!["timestamp"],
        ),
        (json!({"userId": "u", "actionType": "CLICK", "productId": "p", "metadata": [1]}), vec!["metadata"]),
        (json!({"userId": "u", "actionType": "CLICK", "productId": "p", "traceId": ""}), vec!["traceId"]),
        (json!("text"), vec![""]),
    ];
    for (event, fields) in cases {
        let answer = world.post("/events", &event).await;
        assert_eq!((answer.status.as_u16(), answer.bad_fields()), (400, fields), "{event}");
    }
    assert!(world.log.all(Topic::UserAction).is_empty());
}

/// However old: what happened counts by its own time. The present in seconds and an unset clock are refused.
#[tokio::test]
async fn events_of_any_age_are_taken_from_the_year_2000_on() {
    let world = World::stocked().await;
    let of = |time: &str| json!({"userId": "ann", "actionType": "CLICK", "productId": "tent-1", "timestamp": time});
    for time in ["2000-01-01T00:00:00Z", "2011-05-01T12:00:00+09:00", "2026-09-21T14:18:20Z"] {
        world.post("/events", &of(time)).await.expect(202);
    }
    for time in ["1999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1970-01-21T15:16:40Z"] {
        let answer = world.post("/events", &of(time)).await;
        assert_eq!(answer.bad_fields(), ["timestamp"], "{time}");
    }
    assert_eq!(world.log.all(Topic::UserAction).len(), 3);
}

#[tokio::test]
async fn a_wish_can_be_taken_back() {
    let world = World::stocked().await;
    let event = json!({"userId": "ann", "actionType": "REMOVE_FROM_WISHLIST", "productId": "tent-1"});
    world.post("/events", &event).await.expect(202);
    let action: UserAction = world.codec.decode(&world.log.all(Topic::UserAction)[0].value).unwrap();
    assert_eq!(action.action_type, ActionType::RemoveFromWishlist);
    let nothing = json!({"userId": "ann", "actionType": "REMOVE_FROM_WISHLIST"});
    assert_eq!(world.post("/events", &nothing).await.bad_fields(), ["productId"]);
}

/// Events of one shopper that come without a time get one that keeps their order, and none lies ahead.
#[tokio::test]
async fn events_without_a_time_keep_the_order_of_their_request() {
    let world = World::stocked().await;
    let mut timed = click("ann");
    timed["timestamp"] = json!("2026-09-01T00:00:00.000Z");
    let array = json!([click("ann"), click("ben"), timed, {"userId": "ann"}, click("ann"), click("ann")]);
    world.post("/events", &array).await.expect(202);
    let lines: String = (0..3_000).map(|_| format!("{}\n", click("eve"))).collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    world.send("POST", "/events", &ndjson, lines).await.expect(202);
    let now: Timestamp = "2026-09-21T14:13:20Z".parse().unwrap();
    let times_of = |user: &str| -> Vec<i64> {
        let records = world.log.all(Topic::UserAction);
        let actions = records.iter().map(|r| world.codec.decode::<UserAction>(&r.value).unwrap());
        let of_user = actions.filter(|action| action.user_id.as_str() == user);
        of_user.map(|action| action.timestamp.as_ms() - now.as_ms()).collect()
    };
    let asked = "2026-09-01T00:00:00Z".parse::<Timestamp>().unwrap().as_ms() - now.as_ms();
    assert_eq!(times_of("ann"), [-2, asked, -1, 0]);
    assert_eq!(times_of("ben"), [0]);
    assert!(times_of("eve").into_iter().eq(-2_999..=0));
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused() {
    let world = World::new();
    let json = [("content-type", "application/json")];
    for body in ["", "{", "NaN", "{\"userId\": NaN}", "[1,]", "{} {}"] {
        world.send("POST", "/events", &json, body.to_owned()).await.expect(400);
    }
    world.send("POST", "/events", &json, &b"{\"userId\": \"\xff\xfe\"}"[..]).await.expect(400);
    world.send("POST", "/events", &json, "[".repeat(100_000)).await.expect(400);
    world.send("POST", "/events", &json, " ".repeat((1 << 20) + 1)).await.expect(413);
    world.send("POST", "/events", &[("content-type", "text/plain")], "{}").await.expect(415);
    let many: Vec<Value> = (0..1001).map(|_| json!({})).collect();
    world.post("/events", &json!(many)).await.expect(413);
    world.post("/events", &json!([])).await.expect(400);
}

#[tokio::test]
async fn each_event_of_an_array_is_answered_alone() {
    let world = World::stocked().await;
    let body =
        world.post("/events", &json!([click("a"), {"traceId": "bad", "userId": "b"}, click("c")])).await;
    let body = body.expect(202);
    let statuses: Vec<_> = body["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(statuses, ["accepted", "rejected", "accepted"]);
    assert_eq!(body["results"][1]["traceId"], "bad");
    assert_eq!(body["results"][1]["errors"], json!([{"field": "actionType", "message": "is required"}]));
    let none = world.post("/events", &json!([{"userId": "b", "actionType": "VIEW"}, 7])).await;
    assert_eq!(none.bad_fields(), ["0.productId", "1"]);
}

#[tokio::test]
async fn lines_are_taken_up_to_their_bounds() {
    let world = World::stocked().await;
    let ndjson = [("content-type", "application/x-ndjson")];
    let lines: String = (0..2_000).map(|i| format!("{}\n", click(&format!("u{i}")))).collect();
    let body = world.send("POST", "/events", &ndjson, format!("{lines}broken\n")).await.expect(202);
    let results = body["results"].as_array().unwrap();
    assert_eq!((results.len(), results[2_000]["status"].as_str()), (2_001, Some("rejected")));
    assert_eq!(world.log.all(Topic::UserAction).len(), 2_000);
    world.send("POST", "/events", &ndjson, "{}\n".repeat(10_001)).await.expect(413);
    world.send("POST", "/events", &ndjson, "\n \n").await.expect(400);
}

#[tokio::test]
async fn a_log_that_is_away_acknowledges_nothing() {
    let world = World::stocked().await;
    world.log.is_away.store(true, Ordering::SeqCst);
    let answer = world.post("/events", &click("ann")).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.expect(503);
    world.log.is_away.store(false, Ordering::SeqCst);
    world.catalog.is_away.store(true, Ordering::SeqCst);
    world.post("/events", &click("ann")).await.expect(202);
}

#[tokio::test]
async fn the_newest_events_are_shown_first() {
    let world = World::stocked().await;
    for user in ["a", "b", "c"] {
        world.post("/events", &click(user)).await.expect(202);
    }
    let body = world.get("/events/recent?limit=2").await.expect(200);
    let users: Vec<_> = body["items"].as_array().unwrap().iter().map(|item| item["userId"].clone()).collect();
    assert_eq!(users, ["c", "b"]);
}
