//! What the client library reads by itself: the bound of every consumer on it; `rep bench cluster` compares with it.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rep_core::Topic;
use rep_core::ports::StoreError;

use super::config::KafkaConfig;
use super::context::Telling;
use super::error::{interrupted, invalid, store_error, unavailable};

/// How long a call for the next record waits.
const POLL: Duration = Duration::from_millis(100);
/// Longest wait for the next record, joining the group included.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Reads `records` records of `topic` from the oldest on as the only member of `group`, with the settings of every
/// reader, decodes nothing, and commits once in the end. Gives the time from the first record to that commit.
///
/// # Errors
/// Invalid if the configuration is refused; unavailable if no record comes for a minute, or the brokers refuse.
pub async fn consume(
    kafka: &KafkaConfig,
    topic: Topic,
    group: &str,
    records: u64,
) -> Result<Duration, StoreError> {
    let (kafka, group) = (kafka.clone(), kafka.group_name(group));
    let name = kafka.topic_name(topic);
    let consume = move || consume_blocking(&kafka, &name, &group, records);
    tokio::task::spawn_blocking(consume).await.map_err(interrupted)?
}

fn consume_blocking(
    kafka: &KafkaConfig,
    topic: &str,
    group: &str,
    records: u64,
) -> Result<Duration, StoreError> {
    let client = kafka.complete(kafka.reader(group));
    let consumer = BaseConsumer::from_config_and_context(&client, Telling::default())
        .map_err(|error| invalid(error.to_string()))?;
    let failed = |error| store_error(&format!("read topic `{topic}`"), &error);
    consumer.subscribe(&[topic]).map_err(failed)?;
    let (mut began, mut last, mut seen) = (None, Instant::now(), 0);
    while seen < records {
        match consumer.poll(POLL).transpose().map_err(failed)? {
            Some(record) => {
                last = Instant::now();
                began.get_or_insert(last);
                consumer.store_offset_from_message(&record).map_err(failed)?;
                seen += 1;
            }
            None if last.elapsed() > SILENCE_MAX => {
                return Err(unavailable(format!(
                    "topic `{topic}` gave {seen} of {records} records, and none for {SILENCE_MAX:?}"
                )));
            }
            None => {}
        }
    }
    if seen > 0 {
        consumer.commit_consumer_state(CommitMode::Sync).map_err(failed)?;
    }
    Ok(began.map_or(Duration::ZERO, |began| began.elapsed()))
}
