//! Topics are made, compared and mended.

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rep_backends::kafka::topics::{Change, TopicChange, TopicsConfig, apply, plan};
use rep_core::Topic;
use rep_core::contract::support::WAIT_MAX;
use rep_core::ports::StoreErrorKind;

use crate::subject::{TOPICS, config_at};

/// Kafka's own administration, as another tool would use it.
pub(crate) fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

fn texts(changes: &[TopicChange], prefix: &str) -> Vec<String> {
    changes.iter().map(|change| change.to_string().replace(prefix, "")).collect()
}

#[tokio::test]
async fn an_empty_cluster_gets_every_topic_once() {
    let config = config_at(&crate::subject::kafka().await);
    let planned = plan(&config, &TOPICS).await.unwrap();
    assert_eq!(planned.len(), 5);
    assert!(planned.iter().all(|change| matches!(change.change, Change::Create { .. })));
    assert_eq!(
        texts(&planned[..1], &config.prefix),
        ["+ user.action.v1: 12 partitions, 1 copies, cleanup.policy=delete, max.message.bytes=1114112, \
          message.timestamp.type=LogAppendTime, min.insync.replicas=1, retention.bytes=-1, retention.ms=86400000"]
    );
    assert_eq!(plan(&config, &TOPICS).await.unwrap(), planned, "a plan changes nothing");
    let applied = apply(&config, &TOPICS).await.unwrap();
    assert_eq!((applied.done, applied.left), (planned, Vec::new()));
    assert_eq!(plan(&config, &TOPICS).await.unwrap(), []);
    assert!(apply(&config, &TOPICS).await.unwrap().done.is_empty(), "it can be repeated");
}

#[tokio::test]
async fn several_may_apply_at_one_time() {
    let config = config_at(&crate::subject::kafka().await);
    let applied: Vec<_> = (0..3)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move { apply(&config, &TOPICS).await })
        })
        .collect();
    for applied in applied {
        applied.await.unwrap().unwrap();
    }
    assert_eq!(plan(&config, &TOPICS).await.unwrap(), []);
}

#[tokio::test]
async fn drift_is_told_and_mended_and_what_others_set_stays() {
    let brokers = crate::subject::kafka().await;
    let config = config_at(&brokers);
    let (admin, options) = (admin(&brokers), AdminOptions::new());
    let (few, many) =
        (config.topic_name(Topic::NotificationPush), config.topic_name(Topic::ProductInventory));
    let made = [
        NewTopic::new(&few, 2, TopicReplication::Fixed(1)).set("compression.type", "zstd"),
        NewTopic::new(&many, 3, TopicReplication::Fixed(1)),
    ];
    for made in admin.create_topics(&made, &options).await.unwrap() {
        made.unwrap();
    }
    apply(&config, &TOPICS).await.unwrap();
    assert_eq!(plan(&config, &TOPICS).await.unwrap(), [], "what was there is mended with what was missing");

    let drifted = AlterConfig::new(ResourceSpecifier::Topic(&few))
        .set("compression.type", "zstd")
        .set("retention.ms", "3600000")
        .set("message.timestamp.type", "CreateTime")
        .set("max.message.bytes", "1114112");
    admin.alter_configs([&drifted], &options).await.unwrap()[0].as_ref().unwrap();
    admin.create_partitions([&NewPartitions::new(&many, 4)], &options).await.unwrap()[0].as_ref().unwrap();
    let deadline = std::time::Instant::now() + WAIT_MAX;
    let expected = [
        "! product.inventory.v1: 4 partitions, wanted 3: cannot be undone",
        "~ notification.push.v1: message.timestamp.type CreateTime -> LogAppendTime",
        "~ notification.push.v1: retention.ms 3600000 -> 86400000",
    ];
    let found = loop {
        let found = plan(&config, &TOPICS).await.unwrap();
        if texts(&found, &config.prefix) == expected {
            break found;
        }
        assert!(std::time::Instant::now() < deadline, "{:?}", texts(&found, &config.prefix));
    };
    let applied = apply(&config, &TOPICS).await.unwrap();
    assert_eq!((&applied.left[..], &applied.done[..]), (&found[..1], &found[1..]));
    assert_eq!(plan(&config, &TOPICS).await.unwrap(), applied.left);
    let kept = admin.describe_configs([&ResourceSpecifier::Topic(&few)], &options).await.unwrap();
    assert_eq!(kept[0].as_ref().unwrap().get("compression.type").unwrap().value.as_deref(), Some("zstd"));
}

#[tokio::test]
async fn copies_that_differ_are_told_and_left() {
    let config = config_at(&crate::subject::kafka().await);
    apply(&config, &TOPICS).await.unwrap();
    let wanted = TopicsConfig { replication: 3, ..TOPICS };
    let planned = plan(&config, &wanted).await.unwrap();
    assert_eq!(planned.len(), 5);
    assert!(planned.iter().all(|change| change.change == Change::Replication { found: 1, wanted: 3 }));
    assert_eq!(apply(&config, &wanted).await.unwrap().left, planned);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_a_broker_that_is_away_is_told_in_time() {
    let config = config_at("127.0.0.1:1");
    let error = plan(&config, &TopicsConfig { min_in_sync: 2, ..TOPICS }).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    let began = std::time::Instant::now();
    let error = apply(&config, &TOPICS).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(began.elapsed() < config.answer_max + WAIT_MAX / 4, "{:?}", began.elapsed());
}
