//! Trace contexts: from requests into the log.

use rep_core::ports::log::EventLog;
use rep_core::{Topic, TraceContext};
use serde_json::json;

use crate::support::World;

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn parent() -> String {
    format!("00-{ID}-00f067aa0ba902b7-01")
}

async fn trace_of_last(world: &World, topic: Topic) -> Option<TraceContext> {
    world.log.all(topic).last().unwrap().trace
}

#[tokio::test]
async fn what_a_request_appends_is_part_of_its_trace() {
    let world = World::stocked().await;
    let parent = parent();
    let json = ("content-type", "application/json");
    let event = json!({"userId": "ann", "actionType": "CLICK", "productId": "tent-1"}).to_string();
    let send = async |method, path, headers: &[(&str, &str)], body: &str| {
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([json]).collect();
        let answer = world.send(method, path, &headers, body.to_owned()).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.status);
    };
    send("POST", "/events", &[("traceparent", &parent)], &event).await;
    assert_eq!(trace_of_last(&world, Topic::UserAction).await, parent.parse().ok());
    let price = json!({"price": "9.99"}).to_string();
    send("PATCH", "/products/tent-1", &[("traceparent", &parent)], &price).await;
    assert_eq!(trace_of_last(&world, Topic::ProductInventory).await, parent.parse().ok());

    send("POST", "/events", &[("x-trace-id", ID), ("traceparent", "nonsense")], &event).await;
    let named = trace_of_last(&world, Topic::UserAction).await.unwrap();
    assert_eq!((named.trace_id_text().as_str(), named.is_sampled()), (ID, false));
    send("POST", "/events", &[], &event).await;
    let made = trace_of_last(&world, Topic::UserAction).await.unwrap();
    assert!(made.trace_id() != named.trace_id() && !made.is_sampled());
}

#[tokio::test]
async fn a_replayed_record_stays_part_of_the_trace_that_it_was_part_of() {
    let world = World::stocked().await;
    let event = json!({"userId": "ann", "actionType": "CLICK", "productId": "tent-1"});
    world.post("/events", &event).await.expect(202);
    let value = world.log.all(Topic::UserAction)[0].value.to_vec();
    let letter = crate::dead_letters::letter("REFUSED", "ann", value);
    let trace: TraceContext = parent().parse().unwrap();
    let id = crate::dead_letters::park_in_trace(&world, &letter, Some(trace)).await;
    world
        .send("POST", &format!("/dead-letters/{id}/replay"), &[("content-type", "application/json")], "")
        .await
        .expect(200);
    let record = world.log.all(Topic::UserAction).pop().unwrap();
    assert_eq!(record.trace, Some(trace));
    let read = world.log.read(Topic::UserAction, record.position.partition, record.position.offset, 1).await;
    assert_eq!(read.unwrap()[0].trace, Some(trace));
}
