//! Members of release 0.1 and of this one in the group of the behaviour role.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rep_core::Topic;
use rep_core::contract::support::eventually;
use rep_core::ports::StoreErrorKind;
use rep_core::ports::log::Polled;

use crate::subject::{fresh_topics, log_of};

const TOPIC: Topic = Topic::UserAction;

/// Ends the old members, also where the test fails: else it would wait for them.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A member as release 0.1 joins: `client.id` is all that tells it apart.
fn first_release(config: &rep_backends::kafka::KafkaConfig, group: &str, stop: Arc<AtomicBool>) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", "rep")
        .set("group.id", config.group_name(group))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "10000")
        .create()
        .unwrap();
    consumer.subscribe(&[&config.topic_name(TOPIC)]).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let _ = consumer.poll(Duration::from_millis(50)); // There are no records.
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_behaviour_role_joins_once_those_of_release_0_1_have_gone() {
    let config = fresh_topics().await;
    let log = log_of(&config);
    let stop = Stop(Arc::new(AtomicBool::new(false)));
    let old: Vec<_> = ["behaviour", "notify"]
        .map(|group| {
            let (config, stop) = (config.clone(), Arc::clone(&stop.0));
            tokio::task::spawn_blocking(move || first_release(&config, group, stop))
        })
        .into();
    let refused = eventually("the old member is seen", async || {
        let refused = log.subscribe("behaviour", TOPIC).await.err()?;
        refused.to_string().contains("of release 0.1 still runs at").then_some(refused)
    })
    .await;
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "it is tried again");
    // Others share their groups with those of before.
    log.subscribe("notify", TOPIC).await.unwrap();

    drop(stop);
    for member in old {
        member.await.unwrap();
    }
    let mut reader = eventually("it may join", async || log.subscribe("behaviour", TOPIC).await.ok()).await;
    eventually("it has partitions", async || {
        match reader.poll(1, Duration::from_millis(100)).await.unwrap() {
            Polled::Revoking(partitions) => reader.release(&partitions).await.unwrap(),
            Polled::Records(_) => {}
        }
        (!reader.assignment().is_empty()).then_some(())
    })
    .await;
    // Beside its like there is nothing to wait for.
    log_of(&config).subscribe("behaviour", TOPIC).await.unwrap();
}
