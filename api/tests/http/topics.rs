//! `GET /topics` and its streams.

use bytes::Bytes;
use rep_core::Topic;
use rep_core::ports::log::{EventLog, NewRecord};
use serde_json::{Value, json};

use crate::support::World;
use crate::support::sse::Reader;

const ACTIONS: &str = "/topics/user.action.v1/events";

async fn click(world: &World, user: &str, trace: &str) {
    let event = json!({"traceId": trace, "userId": user, "actionType": "CLICK", "productId": "tent-1"});
    world.post("/events", &event).await.expect(202);
}

async fn garbage(world: &World, user: &str) {
    let record = NewRecord::new(user.to_owned(), Bytes::from_static(b"\xff\x00"));
    world.log.append(Topic::UserAction, vec![record]).await.unwrap();
}

/// The trace ids of the next `count` records; `null` for one that does not decode.
async fn traces(reader: &mut Reader, count: usize) -> Vec<Value> {
    let mut traces = Vec::new();
    while traces.len() < count {
        let event = reader.next().await.expect("the stream ended");
        if event.name == "record" {
            traces.push(event.data["event"]["traceId"].clone());
        }
    }
    traces
}

/// All that a stream which does not follow tells.
async fn all(world: &World, query: &str) -> Vec<Value> {
    let mut reader = Reader::open(world, &format!("{ACTIONS}?follow=false&{query}"), None).await;
    let mut traces = Vec::new();
    while let Some(event) = reader.next().await {
        if event.name == "record" {
            traces.push(event.data["event"]["traceId"].clone());
        }
    }
    traces
}

#[tokio::test]
async fn topics_are_listed_with_what_they_keep() {
    let world = World::stocked().await;
    click(&world, "ann", "a-1").await;
    let topics = world.get("/topics").await.expect(200);
    let names: Vec<_> = topics["items"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names.len(), Topic::ALL.len());
    assert_eq!(
        topics["items"][0],
        json!({"name": "user.action.v1", "partitions": 12, "records": 1, "groups": []})
    );
}

#[tokio::test]
async fn records_come_decoded_as_they_are_appended() {
    let world = World::stocked().await;
    click(&world, "ann", "before").await;
    let mut reader = Reader::open(&world, ACTIONS, None).await;
    assert_eq!(reader.next().await.unwrap().name, "open");
    click(&world, "ann", "a-1").await;
    let record = reader.next().await.unwrap();
    assert_eq!(record.name, "record");
    assert_eq!((&record.data["topic"], &record.data["key"]), (&json!("user.action.v1"), &json!("ann")));
    assert_eq!(record.data["event"]["traceId"], "a-1");
    assert_eq!(record.data["event"]["productId"], "tent-1");
    assert!(record.data["appendedAt"].is_string() && record.data["bytes"].as_u64().unwrap() > 5);
    assert!(record.data.get("error").is_none());
    assert!(record.data["traceparent"].as_str().unwrap().starts_with("00-"));
}

#[tokio::test]
async fn what_does_not_decode_is_shown_with_its_error() {
    let world = World::stocked().await;
    garbage(&world, "ann").await;
    click(&world, "ann", "a-1").await;
    let mut reader = Reader::open(&world, &format!("{ACTIONS}?fromBeginning=true"), None).await;
    assert_eq!(reader.next().await.unwrap().name, "open");
    let record = reader.next().await.unwrap();
    assert!(record.data.get("event").is_none());
    assert_eq!(record.data["error"]["reason"], "BAD_LENGTH");
    assert_eq!(record.data["error"]["valueHex"], "ff00");
    assert_eq!(traces(&mut reader, 1).await, ["a-1"]);
}

#[tokio::test]
async fn a_reader_begins_where_it_wants_and_goes_on_where_it_was() {
    let world = World::stocked().await;
    for n in 0..30 {
        click(&world, ["ann", "ben", "cem"][n % 3], &format!("t-{n}")).await;
    }
    assert_eq!(all(&world, "fromBeginning=true").await.len(), 30);
    assert_eq!(all(&world, "last=4").await, ["t-26", "t-27", "t-28", "t-29"]);
    assert_eq!(all(&world, "last=2&userId=ben").await, ["t-25", "t-28"]);
    assert_eq!(all(&world, "fromBeginning=true&userId=cem").await.len(), 10);
    assert_eq!(all(&world, "last=1000&userId=nobody").await.len(), 0);
    assert!(all(&world, "").await.is_empty());

    let mut reader = Reader::open(&world, &format!("{ACTIONS}?fromBeginning=true"), None).await;
    let mut last = String::new();
    for _ in 0..13 {
        last = reader.next().await.unwrap().id.unwrap();
    }
    drop(reader);
    let mut again = Reader::open(&world, &format!("{ACTIONS}?fromBeginning=true"), Some(&last)).await;
    let rest = traces(&mut again, 18).await;
    assert_eq!((&rest[0], &rest[17]), (&json!("t-12"), &json!("t-29")));
    assert_eq!(all(&world, &format!("cursor={last}")).await, rest);
}

#[tokio::test]
async fn one_shopper_is_followed_among_many() {
    let world = World::stocked().await;
    let mut reader = Reader::open(&world, &format!("{ACTIONS}?userId=ann"), None).await;
    for n in 0..100 {
        click(&world, &format!("other-{n}"), &format!("o-{n}")).await;
    }
    click(&world, "ann", "a-1").await;
    garbage(&world, "ann").await;
    assert_eq!(traces(&mut reader, 2).await, [json!("a-1"), Value::Null]);
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let world = World::new();
    let unknown = world.get("/topics/user.action/events").await;
    assert!(unknown.text.contains("`user.action.v1`"), "{}", unknown.text);
    unknown.expect(404);
    for (query, field) in [
        ("last=0", "last"),
        ("last=1001", "last"),
        ("last=1&fromBeginning=true", "last"),
        ("cursor=zz", "cursor"),
        // Offset 1 of every partition of an empty log.
        (&format!("cursor={}", hex::encode(["1"; 12].join(","))), "cursor"),
        ("userId=a%20b", "userId"),
    ] {
        let answer = world.get(&format!("{ACTIONS}?{query}")).await;
        assert_eq!(answer.bad_fields(), [field], "{query}");
        answer.expect(400);
    }
    let answer = world.get("/topics/product.inventory.v1/events?userId=ann").await;
    assert_eq!(answer.bad_fields(), ["userId"]);
}
