//! Where groups stand, and who is in them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rdkafka::Offset;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rep_core::ports::StoreError;
use rep_core::ports::log::PartitionOffsets;

use super::browser::bounds;
use super::config::{FIRST_RELEASE, KafkaConfig};
use super::context::Telling;
use super::error::{interrupted, store_error};
use super::membership::partition_list;
use super::refusals::{Refusals, drain};

/// Groups whose client is kept for the next question: more than the product has.
const GROUPS_MAX: usize = 8;

type Asker = BaseConsumer<Telling>;

/// Asks where groups stand; a member of none.
pub(super) struct Standings {
    config: KafkaConfig,
    refusals: Refusals,
    /// By the group's name, the one asked last at the end.
    askers: Mutex<VecDeque<(String, Asker)>>,
}

impl Standings {
    pub(super) fn new(config: KafkaConfig, refusals: Refusals) -> Self {
        Self { config, refusals, askers: Mutex::default() }
    }

    /// Where `group` stands in each of the first `partitions` of `topic`.
    ///
    /// # Errors
    /// Unavailable when the brokers do not answer in time.
    pub(super) async fn of(
        self: &Arc<Self>,
        topic: String,
        partitions: u32,
        group: &str,
    ) -> Result<Vec<PartitionOffsets>, StoreError> {
        let (standings, group) = (Arc::clone(self), self.config.group_name(group));
        let ask = move || {
            let asker = standings.take(&group)?;
            let found = standings.ask(&asker, &topic, partitions).inspect_err(|_| drain(&asker))?;
            // One that failed is not used again.
            standings.keep(group, asker);
            Ok(found)
        };
        tokio::task::spawn_blocking(ask).await.map_err(interrupted)?
    }

    /// The host of a member of `group` that is of release 0.1, if there is one.
    ///
    /// # Errors
    /// Unavailable when the brokers do not answer in time.
    pub(super) async fn first_release_in(
        self: &Arc<Self>,
        group: &str,
    ) -> Result<Option<String>, StoreError> {
        let (standings, group) = (Arc::clone(self), self.config.group_name(group));
        let ask = move || {
            let asker = standings.take(&group)?;
            let found = asker.fetch_group_list(Some(&group), standings.config.answer_max);
            let found = found.map_err(|error| store_error(&format!("members of `{group}`"), &error));
            let found = found.inspect_err(|_| drain(&asker))?;
            let of_group = found.groups().iter().filter(|found| found.name() == group);
            let mut members = of_group.flat_map(|found| found.members());
            let host = members.find(|member| member.client_id() == FIRST_RELEASE);
            let host = host.map(|member| member.client_host().trim_start_matches('/').to_owned());
            standings.keep(group, asker);
            Ok(host)
        };
        tokio::task::spawn_blocking(ask).await.map_err(interrupted)?
    }

    /// Those that are not asking, to be closed where that may block.
    pub(super) fn take_idle(&self) -> Vec<Asker> {
        std::mem::take(&mut *self.askers.lock()).into_iter().map(|(_, asker)| asker).collect()
    }

    fn take(&self, group: &str) -> Result<Asker, StoreError> {
        let mut askers = self.askers.lock();
        if let Some(at) = askers.iter().position(|(name, _)| name == group)
            && let Some((_, asker)) = askers.remove(at)
        {
            return Ok(asker);
        }
        drop(askers);
        let mut client = self.config.asker();
        client.set("group.id", group);
        let telling = Telling(self.refusals.clone());
        BaseConsumer::from_config_and_context(&self.config.complete(client), telling)
            .map_err(|error| store_error("offsets", &error))
    }

    fn keep(&self, group: String, asker: Asker) {
        let mut askers = self.askers.lock();
        askers.push_back((group, asker));
        let over = if askers.len() > GROUPS_MAX { askers.pop_front() } else { None };
        drop(askers);
        drop(over);
    }

    fn ask(&self, asker: &Asker, topic: &str, partitions: u32) -> Result<Vec<PartitionOffsets>, StoreError> {
        let wait = self.config.answer_max;
        let all: Vec<u32> = (0..partitions).collect();
        let committed = asker
            .committed_offsets(partition_list(topic, &all), wait)
            .map_err(|error| store_error(&format!("offsets of `{topic}`"), &error))?;
        let standing = |partition: u32| {
            let committed = match committed.find_partition(topic, partition.cast_signed()) {
                Some(found) => {
                    found.error().map_err(|error| store_error(&format!("offsets of `{topic}`"), &error))?;
                    found.offset()
                }
                None => Offset::Invalid,
            };
            let committed = match committed {
                Offset::Offset(offset) => u64::try_from(offset).ok(),
                _ => None,
            };
            let (begin, end) = bounds(asker, topic, partition, wait)?;
            Ok(PartitionOffsets { partition, begin, end, committed })
        };
        all.into_iter().map(standing).collect()
    }
}
