//! `/dead-letters`.

use bytes::Bytes;
use rep_core::avro::{CutFrom, DeadLetter, Event};
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::{Timestamp, Topic, TraceContext, UserAction};
use serde_json::json;

use crate::support::{NOW_MS, World};

pub(crate) fn letter(reason: &str, user: &str, payload: Vec<u8>) -> DeadLetter {
    DeadLetter {
        topic: Topic::UserAction.name().to_owned(),
        partition: 4,
        offset: 17,
        group: "behaviour".to_owned(),
        reason: reason.to_owned(),
        error: "was not taken".to_owned(),
        attempts: 1,
        failed_at: Timestamp::from_ms(NOW_MS),
        key: Some(user.as_bytes().to_vec()),
        payload,
        cut_from: None,
    }
}

/// Parks `letter` and gives its id.
async fn park(world: &World, letter: &DeadLetter) -> String {
    park_in_trace(world, letter, None).await
}

pub(crate) async fn park_in_trace(world: &World, letter: &DeadLetter, trace: Option<TraceContext>) -> String {
    let value = Bytes::from(world.codec.encode(letter).unwrap());
    let record = NewRecord::new(Bytes::copy_from_slice(letter.key()), value).in_trace(trace);
    let position = world.log.append(Topic::UserActionDlq, vec![record]).await.unwrap()[0];
    format!("{}-{}", position.partition, position.offset)
}

/// The bytes of an event that is taken and out of the log again.
async fn event(world: &World, user: &str, trace: &str) -> Vec<u8> {
    let event = json!({"traceId": trace, "userId": user, "actionType": "CLICK", "productId": "tent-1"});
    world.post("/events", &event).await.expect(202);
    world.log.all(Topic::UserAction).last().unwrap().value.to_vec()
}

#[tokio::test]
async fn letters_are_listed_newest_first_page_by_page() {
    let world = World::new();
    let empty = world.get("/dead-letters").await.expect(200);
    assert_eq!(empty, json!({"items": [], "total": 0}));
    let mut parked = Vec::new();
    for n in 0..25 {
        let reason = if n % 5 == 0 { "PANIC" } else { "MALFORMED" };
        parked.push(park(&world, &letter(reason, &format!("u{n}"), vec![n])).await);
    }
    parked.reverse();
    let (mut found, mut path) = (Vec::new(), "/dead-letters?limit=7".to_owned());
    loop {
        let page = world.get(&path).await.expect(200);
        assert_eq!(page["total"], 25);
        found.extend(page["items"].as_array().unwrap().iter().map(|l| l["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/dead-letters?limit=7&cursor={cursor}");
    }
    assert_eq!(found, parked);
    let panics = world.get("/dead-letters?reason=PANIC").await.expect(200);
    assert_eq!(panics["items"].as_array().unwrap().len(), 5);
    assert!(panics.get("nextCursor").is_none());
    assert_eq!(world.get("/dead-letters?topic=product.inventory.v1").await.expect(200)["items"], json!([]));
    world.get("/dead-letters?cursor=zz").await.expect(400);
    world.get("/dead-letters?limit=0").await.expect(400);
}

#[tokio::test]
async fn a_letter_says_what_its_record_says() {
    let world = World::new();
    let value = event(&world, "ann", "t-1").await;
    let id = park(&world, &letter("REFUSED", "ann", value.clone())).await;
    let shown = world.get(&format!("/dead-letters/{id}")).await.expect(200);
    assert_eq!(
        (&shown["id"], &shown["reason"], &shown["key"]),
        (&json!(id), &json!("REFUSED"), &json!("ann"))
    );
    assert_eq!(
        (&shown["topic"], &shown["partition"], &shown["offset"]),
        (&json!("user.action.v1"), &json!(4), &json!(17))
    );
    assert_eq!(shown["failedAt"], "2026-09-21T14:13:20.000Z");
    assert_eq!((&shown["event"]["traceId"], &shown["payloadBytes"]), (&json!("t-1"), &json!(value.len())));
    let id = park(&world, &letter("BAD_MAGIC", "ann", b"\xffnonsense".to_vec())).await;
    let shown = world.get(&format!("/dead-letters/{id}")).await.expect(200);
    assert!(shown.get("event").is_none());
    assert_eq!(
        (&shown["decodeError"]["reason"], &shown["payload"]),
        (&json!("BAD_MAGIC"), &json!("/25vbnNlbnNl"))
    );
    for (id, status) in [("0-99", 404), ("99-0", 404), ("x", 400), ("1-2-3", 400)] {
        world.get(&format!("/dead-letters/{id}")).await.expect(status);
    }
}

#[tokio::test]
async fn a_replay_writes_the_record_again_as_it_was() {
    let world = World::new();
    let value = event(&world, "ann", "t-1").await;
    let before = world.log.all(Topic::UserAction);
    let id = park(&world, &letter("REFUSED", "ann", value.clone())).await;
    let replayed = world
        .send("POST", &format!("/dead-letters/{id}/replay"), &[("content-type", "application/json")], "")
        .await
        .expect(200);
    let after = world.log.all(Topic::UserAction);
    assert_eq!(after.len(), before.len() + 1);
    let record = after.last().unwrap();
    assert_eq!((&record.key[..], &record.value[..]), (&b"ann"[..], &value[..]));
    assert_eq!(
        record.position.partition, before[0].position.partition,
        "the same shopper, the same partition"
    );
    let position = record.position;
    assert_eq!(
        replayed,
        json!({"id": id, "topic": "user.action.v1", "partition": position.partition, "offset": position.offset})
    );
    world.post(&format!("/dead-letters/{id}/replay"), &json!({"now": true})).await.expect(400);
    assert_eq!(world.log.all(Topic::UserAction).len(), after.len());
}

#[tokio::test]
async fn a_repaired_event_is_written_in_place_of_the_original() {
    let world = World::new();
    let value = event(&world, "ann", "t-1").await;
    let id = park(&world, &letter("REFUSED", "ann", value)).await;
    let path = format!("/dead-letters/{id}/replay");
    let mut repaired = world.get(&format!("/dead-letters/{id}")).await.expect(200)["event"].clone();
    repaired["productId"] = json!("tent-2");
    repaired["userId"] = json!("ben");
    let place = world.post(&path, &json!({"event": repaired})).await.expect(200);
    let record = world.log.all(Topic::UserAction).pop().unwrap();
    let action: rep_core::UserAction = world.codec.decode(&record.value).unwrap();
    assert_eq!(
        (action.trace_id.as_str(), action.user_id.as_str(), &record.key[..]),
        ("t-1", "ben", &b"ben"[..])
    );
    assert_eq!(action.product_id.unwrap().as_str(), "tent-2");
    assert_eq!(place["offset"], record.position.offset);

    // It stays the same event, and must be one.
    let before = world.log.all(Topic::UserAction).len();
    for (field, value, bad) in [
        ("traceId", json!("t-2"), "event.traceId"),
        ("productId", json!(null), "event"),
        ("actionType", json!(7), "event"),
        ("userId", json!(""), "event"),
    ] {
        let mut wrong = repaired.clone();
        wrong[field] = value;
        assert_eq!(world.post(&path, &json!({"event": wrong})).await.bad_fields(), [bad], "{field}");
    }
    for wrong in [json!("text"), json!([]), json!({})] {
        assert_eq!(world.post(&path, &json!({"event": wrong})).await.bad_fields(), ["event"]);
    }
    let mut late = repaired.clone();
    late["timestamp"] = json!("1999-01-01T00:00:00.000Z");
    world.post(&path, &json!({"event": late})).await.expect(409);
    assert_eq!(world.log.all(Topic::UserAction).len(), before);
}

#[tokio::test]
async fn a_record_that_says_nothing_gets_an_id_of_its_place() {
    let world = World::new();
    let good = event(&world, "ann", "t-1").await;
    let shown: rep_core::UserAction = world.codec.decode(&good).unwrap();
    let mut repaired = serde_json::to_value(&shown).unwrap();
    repaired.as_object_mut().unwrap().remove("traceId");
    let id = park(&world, &letter("BAD_MAGIC", "ann", b"nonsense".to_vec())).await;
    for _ in 0..2 {
        world.post(&format!("/dead-letters/{id}/replay"), &json!({"event": repaired})).await.expect(200);
        let record = world.log.all(Topic::UserAction).pop().unwrap();
        let action: rep_core::UserAction = world.codec.decode(&record.value).unwrap();
        assert_eq!(action.trace_id.as_str(), "dlq.user.action.v1.4.17");
    }
}

#[tokio::test]
async fn what_would_be_parked_again_is_replayed_only_by_force() {
    let world = World::new();
    let id = park(&world, &letter("MALFORMED", "ann", b"\x00nonsense".to_vec())).await;
    let path = format!("/dead-letters/{id}/replay");
    let refused = world.post(&path, &json!({})).await;
    assert!(refused.text.contains("dead-lettered again"), "{}", refused.text);
    refused.expect(409);
    assert!(world.log.all(Topic::UserAction).is_empty());
    world.post(&path, &json!({"force": true})).await.expect(200);
    assert_eq!(world.log.all(Topic::UserAction)[0].value, b"\x00nonsense"[..]);

    let value = event(&world, "ann", "t-1").await;
    let mut action: UserAction = world.codec.decode(&value).unwrap();
    action.timestamp = Timestamp::from_ms(5);
    let id = park(&world, &letter("INVALID", "ann", world.codec.encode(&action).unwrap())).await;
    world.post(&format!("/dead-letters/{id}/replay"), &json!({})).await.expect(409);
    let strange = DeadLetter { topic: "of.another.age".to_owned(), ..letter("PANIC", "ann", Vec::new()) };
    let id = park(&world, &strange).await;
    world.post(&format!("/dead-letters/{id}/replay"), &json!({"force": true})).await.expect(409);
}

#[tokio::test]
async fn a_letter_that_was_cut_is_replayed_out_of_its_topic() {
    let world = World::new();
    let value = event(&world, "ann", "t-1").await;
    let position = world.log.all(Topic::UserAction)[0].position;
    // `sha256sum` of the record, as the consumer that parked it would have counted.
    let sha256 = sha256(&value);
    let cut = DeadLetter {
        partition: position.partition,
        offset: position.offset,
        cut_from: Some(CutFrom { bytes: value.len() as u64, sha256 }),
        ..letter("REFUSED", "ann", value[..9].to_vec())
    };
    let id = park(&world, &cut).await;
    let shown = world.get(&format!("/dead-letters/{id}")).await.expect(200);
    assert_eq!(shown["payloadBytes"], value.len());
    assert_eq!(shown["cutFromSha256"].as_str().unwrap().len(), 64);
    world.post(&format!("/dead-letters/{id}/replay"), &json!({})).await.expect(200);
    assert_eq!(world.log.all(Topic::UserAction)[1].value, value);

    let gone = DeadLetter { offset: 1_000, ..cut };
    let id = park(&world, &gone).await;
    let answer = world.post(&format!("/dead-letters/{id}/replay"), &json!({"force": true})).await;
    assert!(answer.text.contains("no longer in `user.action.v1`"), "{}", answer.text);
    answer.expect(409);
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("{:x}", Sha256::digest(bytes))
}
