//! Kafka: reachable, and its topics as they must be.

use std::time::Duration;

use futures::future::join_all;
use rep_backends::kafka::KafkaConfig;
use rep_backends::kafka::topics::{self, Change, TopicChange, TopicsConfig};
use tokio::net::TcpStream;

use super::{ANSWER_MAX, Subject};
use crate::doctor::report::Check;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Settings of a topic that the log's promises depend on. How long records are kept is the operator's choice.
const NEEDED: [&str; 3] = ["cleanup.policy", "max.message.bytes", "message.timestamp.type"];
const APPLY: &str = "`rep topics plan` shows it, `rep topics apply` mends it";

pub(super) async fn check(subject: &Subject, config: KafkaConfig) -> Vec<Check> {
    if let Err(why) = reach(&config.brokers).await {
        return vec![subject.away(why)];
    }
    let config = KafkaConfig { answer_max: ANSWER_MAX, ..config };
    match topics::plan(&config, &TopicsConfig::default()).await {
        Ok(changes) => told(subject, &changes),
        Err(error) => vec![subject.problem(
            format!("something listens there, and does not answer as Kafka: {error}"),
            "correct `log` if that is no Kafka, or its TLS and login; else look at the broker's log",
        )],
    }
}

/// Whether somebody takes connections at one of `brokers`.
async fn reach(brokers: &str) -> Result<(), String> {
    let tried = brokers.split(',').map(|broker| async move {
        let broker = broker.trim();
        match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(broker)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("{broker}: {error}")),
            Err(_) => Err(format!("{broker}: no connection within {} s", CONNECT_MAX.as_secs())),
        }
    });
    let tried = join_all(tried).await;
    if tried.iter().any(Result::is_ok) {
        return Ok(());
    }
    let why: Vec<String> = tried.into_iter().filter_map(Result::err).collect();
    Err(format!("no broker can be reached ({})", why.join(", ")))
}

fn told(subject: &Subject, changes: &[TopicChange]) -> Vec<Check> {
    let mut checks = Vec::new();
    let of = |wanted: fn(&Change) -> bool| -> Vec<&str> {
        changes.iter().filter(|change| wanted(&change.change)).map(|change| change.topic.as_str()).collect()
    };
    let missing = of(|change| matches!(change, Change::Create { .. }));
    if !missing.is_empty() {
        let hint = "`rep topics apply` makes them";
        checks.push(subject.problem(format!("topics are missing: {}", missing.join(", ")), hint));
    }
    for TopicChange { topic, change } in changes {
        match change {
            Change::AddPartitions { from, to } => {
                let detail = format!("topic `{topic}` has {from} partitions, expected {to}");
                checks.push(subject.problem(detail, "`rep topics apply` adds them"));
            }
            Change::TooManyPartitions { found, wanted } => {
                let detail = format!("topic `{topic}` has {found} partitions, expected {wanted}");
                let hint = "partitions cannot be taken away: make the topics anew, under another `?prefix=` of `log`";
                checks.push(subject.problem(detail, hint));
            }
            Change::Set { name, from, to } if NEEDED.contains(&name.as_str()) => {
                let from = from.as_deref().unwrap_or("unknown");
                checks.push(
                    subject.problem(format!("topic `{topic}`: `{name}` is {from}, expected {to}"), APPLY),
                );
            }
            Change::Create { .. } | Change::Set { .. } | Change::Replication { .. } => {}
        }
    }
    if checks.is_empty() {
        checks.push(subject.ok("answers; topics and their partitions are as they should be"));
    }
    let single = of(|change| matches!(change, Change::Replication { found: ..2, .. }));
    if !single.is_empty() {
        checks.push(subject.warning(
            format!("one copy of {}: the loss of a broker loses records", single.join(", ")),
            "fine on one machine; in a cluster `kafka-reassign-partitions` gives it more",
        ));
    }
    checks
}
