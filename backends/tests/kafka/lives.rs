//! A topic that is made anew begins another epoch.

use std::time::Duration;

use bytes::Bytes;
use rdkafka::admin::AdminOptions;
use rep_backends::kafka::KafkaConfig;
use rep_backends::kafka::topics::apply;
use rep_core::contract::support::eventually;
use rep_core::ports::log::{GroupReader, NewRecord, Polled, Record};
use rep_core::{Position, Topic};

use crate::subject::{TOPICS, fresh_topics, log_of};
use crate::topics::admin;

const TOPIC: Topic = Topic::ProductInventory;

fn records(count: usize) -> Vec<NewRecord> {
    let record = |i: usize| NewRecord::new(Bytes::from_static(b"one key"), format!("{i}"));
    (0..count).map(record).collect()
}

async fn make_anew(config: &KafkaConfig) {
    let name = config.topic_name(TOPIC);
    let admin = admin(&config.brokers);
    admin.delete_topics(&[&name], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    eventually("the topic is gone", async || {
        let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5)).unwrap();
        metadata.topics().iter().all(|topic| topic.name() != name).then_some(())
    })
    .await;
    let applied = apply(config, &TOPICS).await.unwrap();
    assert_eq!(applied.done.len(), 1);
}

async fn read(reader: &mut dyn GroupReader, count: usize) -> Vec<Record> {
    let mut found = Vec::new();
    eventually("records come", async || {
        match reader.poll(100, Duration::from_millis(100)).await {
            Ok(Polled::Records(records)) => found.extend(records),
            Ok(Polled::Revoking(partitions)) => reader.release(&partitions).await.unwrap(),
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        (found.len() >= count).then_some(())
    })
    .await;
    found
}

#[tokio::test]
async fn positions_of_a_new_life_are_not_covered_by_those_of_the_old() {
    let config = fresh_topics().await;
    let log = log_of(&config);
    let old = log.append(TOPIC, records(50)).await.unwrap();
    drop(log);
    make_anew(&config).await;
    let (log, other) = (log_of(&config), log_of(&config));
    let new = log.append(TOPIC, records(10)).await.unwrap();
    let (first, last): (Position, Position) = (new[0], old[49]);
    assert_eq!((first.partition, first.offset), (last.partition, 0));
    assert!(first.epoch > last.epoch && !first.is_covered_by(last) && last.is_covered_by(first));
    let read = other.read(TOPIC, first.partition, 0, 1).await.unwrap();
    assert_eq!(read[0].position, first, "every process tells the same epoch");
}

#[tokio::test]
async fn a_reader_takes_up_the_new_life() {
    let config = fresh_topics().await;
    let log = log_of(&config);
    let mut reader = log.subscribe("group", TOPIC).await.unwrap();
    log.append(TOPIC, records(50)).await.unwrap();
    let old = read(&mut *reader, 50).await[49].position;
    reader.commit(&[(old.partition, old.offset + 1)]).await.unwrap();
    make_anew(&config).await;
    let new = log_of(&config).append(TOPIC, records(10)).await.unwrap();
    let found: Vec<Position> =
        read(&mut *reader, 10).await.into_iter().map(|record| record.position).collect();
    assert_eq!(found, new);
    reader.commit(&[(new[9].partition, new[9].offset + 1)]).await.unwrap();
}

#[tokio::test]
async fn all_who_meet_a_topic_first_agree_on_its_epoch() {
    let config = fresh_topics().await;
    let admin = admin(&config.brokers);
    // As if topics had been made by another tool: nobody noted their lives.
    let lives = format!("{}rep.topic-lives.v1", config.prefix);
    admin.delete_topics(&[&lives], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    eventually("the topic is gone", async || {
        let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5)).unwrap();
        metadata.topics().iter().all(|topic| topic.name() != lives).then_some(())
    })
    .await;
    let error = log_of(&config).append(TOPIC, records(1)).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("rep topics apply"), "{error}");
    apply(&config, &TOPICS).await.unwrap();
    let appends: Vec<_> = (0..6)
        .map(|_| {
            let log = log_of(&config);
            tokio::spawn(async move { log.append(TOPIC, records(1)).await.unwrap()[0].epoch })
        })
        .collect();
    let mut epochs = Vec::new();
    for append in appends {
        epochs.push(append.await.unwrap());
    }
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}
