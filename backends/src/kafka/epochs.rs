//! Which life of a topic its records belong to.
//!
//! A [`rep_core::Position`] must not compare a small offset of a topic that was made anew with a large one of
//! its former life: the epoch has to *grow* with each life. Kafka gives each life of a topic an id (KIP-516)
//! that says when it is another one, but ids have no order. So a topic of one partition that is never cleaned
//! up, [`TOPIC`], says in which order lives were met: a record for each, with the topic's name as key and its id
//! as value. Whoever meets an id that is not there appends it; of repeats the first counts, so all processes
//! read the same epochs from the same records.
//!
//! The epoch is the second since 1970 in which the broker took that first record, and in any case more than the
//! epoch before. Thereby it grows even where the whole cluster was wiped, this topic included, while stores
//! that remember positions were not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rdkafka::producer::Producer as _;
use rep_core::Topic;
use rep_core::ports::StoreError;
use rep_core::ports::log::NewRecord;

use super::browser::{Browser, Raw};
use super::config::KafkaConfig;
use super::error::{interrupted, unavailable};
use super::producer::Producer;
use super::topic_ids::topic_id;

/// The topic that remembers lives, less the prefix.
pub(super) const TOPIC: &str = "rep.topic-lives.v1";
/// How old an answer may be before the question is asked again.
const FRESH: Duration = Duration::from_secs(30);
/// Lives that are read at most, of all topics: each took somebody who deleted a topic.
const LIVES_MAX: usize = 100_000;
const PAGE: usize = 1000;

/// Epochs of topics, as far as they were asked for.
pub(super) struct Epochs {
    config: KafkaConfig,
    producer: Arc<Producer>,
    browser: Arc<Browser>,
    slots: HashMap<Topic, Arc<Slot>>,
}

#[derive(Default)]
struct Slot {
    known: Mutex<Option<Known>>,
    /// Locked while one asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Known {
    id: String,
    epoch: u32,
    asked: Instant,
}

impl Epochs {
    pub(super) fn new(config: KafkaConfig, producer: Arc<Producer>, browser: Arc<Browser>) -> Self {
        let slots = Topic::ALL.into_iter().map(|topic| (topic, Arc::default())).collect();
        Self { config, producer, browser, slots }
    }

    /// The epoch of `topic`. One that was looked up more than half a minute ago is looked up again beside the work:
    /// while Kafka is away the last one stands, as does the topic.
    ///
    /// # Errors
    /// Unavailable when it was never looked up and Kafka does not answer, or a topic is missing.
    pub(super) async fn of(self: &Arc<Self>, topic: Topic) -> Result<u32, StoreError> {
        let known = self.slot(topic).known.lock().clone();
        let Some(known) = known else { return self.of_now(topic).await };
        if known.asked.elapsed() >= FRESH {
            self.look_up_beside(topic);
        }
        Ok(known.epoch)
    }

    /// The epoch of `topic` now.
    ///
    /// # Errors
    /// Unavailable when Kafka does not answer, or a topic is missing.
    pub(super) async fn of_now(&self, topic: Topic) -> Result<u32, StoreError> {
        let called = Instant::now();
        let slot = self.slot(topic);
        let turn = tokio::time::timeout(self.config.answer_max, slot.asking.lock()).await;
        let _turn = turn.map_err(|_| unavailable(format!("describe topic `{topic}`: no answer yet")))?;
        // Somebody may have asked while we waited for our turn.
        if let Some(known) = slot.known.lock().as_ref().filter(|known| known.asked > called) {
            return Ok(known.epoch);
        }
        self.ask(topic, &slot).await
    }

    fn look_up_beside(self: &Arc<Self>, topic: Topic) {
        let (epochs, slot) = (Arc::clone(self), self.slot(topic));
        if slot.asking.try_lock().is_err() {
            return;
        }
        tokio::spawn(async move {
            let Ok(_turn) = slot.asking.try_lock() else { return };
            if let Err(error) = epochs.ask(topic, &slot).await {
                metrics::counter!("rep_kafka_epoch_failures_total").increment(1);
                tracing::debug!(%topic, %error, "the topic's epoch could not be looked up again");
            }
        });
    }

    fn slot(&self, topic: Topic) -> Arc<Slot> {
        self.slots.get(&topic).map(Arc::clone).unwrap_or_default()
    }

    async fn ask(&self, topic: Topic, slot: &Slot) -> Result<u32, StoreError> {
        let asked = Instant::now();
        let id = self.id_of(topic).await?;
        let before = slot.known.lock().clone();
        let epoch = match &before {
            Some(known) if known.id == id => known.epoch,
            _ => self.look_up(topic, &id).await?,
        };
        if let Some(before) = before.filter(|before| before.epoch != epoch) {
            tracing::warn!(%topic, before = before.epoch, now = epoch, "the topic was made anew");
        }
        *slot.known.lock() = Some(Known { id, epoch, asked });
        Ok(epoch)
    }

    async fn id_of(&self, topic: Topic) -> Result<String, StoreError> {
        let (producer, name, wait) =
            (Arc::clone(&self.producer), self.config.topic_name(topic), self.config.answer_max);
        tokio::task::spawn_blocking(move || topic_id(producer.current().client(), &name, wait))
            .await
            .map_err(interrupted)?
    }

    /// The epoch of that id; remembers the id if it is new.
    async fn look_up(&self, topic: Topic, id: &str) -> Result<u32, StoreError> {
        let lives = format!("{}{TOPIC}", self.config.prefix);
        if let Some(epoch) = epoch_in(&self.read(&lives).await?, topic, id) {
            return Ok(epoch);
        }
        let record = NewRecord::new(
            Bytes::from_static(topic.name().as_bytes()),
            Bytes::copy_from_slice(id.as_bytes()),
        );
        self.producer.append(&lives, 1, vec![record]).await?;
        epoch_in(&self.read(&lives).await?, topic, id)
            .ok_or_else(|| unavailable(format!("`{lives}` does not hold what was just appended to it")))
    }

    async fn read(&self, lives: &str) -> Result<Vec<Raw>, StoreError> {
        let mut all: Vec<Raw> = Vec::new();
        loop {
            let from = all.last().map_or(0, |raw| raw.offset + 1);
            let page = self.browser.read(lives, 0, from, PAGE).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
            if all.len() > LIVES_MAX {
                return Err(unavailable(format!("`{lives}` holds more than {LIVES_MAX} records")));
            }
        }
    }
}

/// The epoch of the life `id` of `topic`, if `records` tell it.
fn epoch_in(records: &[Raw], topic: Topic, id: &str) -> Option<u32> {
    let mut seen: Vec<&[u8]> = Vec::new();
    let mut epoch = 0_u32;
    for record in records.iter().filter(|record| record.key == topic.name().as_bytes()) {
        if seen.contains(&&record.value[..]) {
            continue;
        }
        let second = u32::try_from(record.appended_at.as_ms() / 1000).unwrap_or(1);
        epoch = second.max(epoch.saturating_add(1));
        if record.value == id.as_bytes() {
            return Some(epoch);
        }
        seen.push(&record.value);
    }
    None
}

#[cfg(test)]
mod tests {
    use rep_core::Timestamp;

    use super::*;

    fn life(topic: Topic, id: &str, second: i64) -> Raw {
        Raw {
            partition: 0,
            offset: 0,
            appended_at: Timestamp::from_ms(second * 1000 + 7),
            key: Bytes::from_static(topic.name().as_bytes()),
            value: Bytes::copy_from_slice(id.as_bytes()),
            trace: None,
        }
    }

    #[test]
    fn epochs_grow_with_lives_whatever_the_clock_says() {
        let topic = Topic::UserAction;
        let lives = [
            life(topic, "b", 1000),
            life(Topic::UserActionDlq, "x", 1001),
            life(topic, "a", 990),
            life(topic, "b", 1002),
            life(topic, "c", 2000),
        ];
        let of = |id| epoch_in(&lives, topic, id);
        assert_eq!((of("b"), of("a"), of("c"), of("x")), (Some(1000), Some(1001), Some(2000), None));
        assert_eq!(epoch_in(&lives, Topic::UserActionDlq, "x"), Some(1001));
        assert_eq!(epoch_in(&[life(topic, "z", 0)], topic, "z"), Some(1), "from 1");
    }
}
