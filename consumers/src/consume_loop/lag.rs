//! How far behind this member is, as a gauge.

use std::collections::BTreeSet;
use std::time::Duration;

use rep_core::Topic;
use rep_core::ports::log::PartitionOffsets;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Source;
use crate::RoleContext;

/// Time between two looks at the log.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Keeps `rep_consumer_lag`, records appended and not committed, for each partition that this member has; looked up
/// beside the loop, so that it grows while the loop waits for a store. A partition that this member has no more
/// reads 0 here: whoever has it tells the rest.
pub(super) struct Lag {
    assigned: watch::Sender<Vec<u32>>,
    _watching: AbortOnDropHandle<()>,
}

impl Lag {
    /// Begins to watch; ends when it is dropped.
    pub(super) fn watch(context: RoleContext, source: Source) -> Self {
        let (assigned, receiver) = watch::channel(Vec::new());
        let gauges = Gauges { role: context.role(), topic: source.topic, told: BTreeSet::new() };
        let watching = tokio::spawn(watch(context, source, receiver, gauges));
        Self { assigned, _watching: AbortOnDropHandle::new(watching) }
    }

    /// These are the member's partitions now.
    pub(super) fn note(&self, assigned: Vec<u32>) {
        self.assigned.send_if_modified(|known| {
            let is_news = *known != assigned;
            *known = assigned;
            is_news
        });
    }
}

async fn watch(
    context: RoleContext,
    source: Source,
    mut assigned: watch::Receiver<Vec<u32>>,
    mut gauges: Gauges,
) {
    loop {
        let next_look = Instant::now() + LOOK_EVERY;
        match context.bounded(source.log.offsets(source.topic, source.group)).await {
            Ok(offsets) => gauges.tell(&offsets, &assigned.borrow_and_update()),
            Err(error) => tracing::debug!(role = context.role(), %error, "the lag is not known"),
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next_look) => break,
                changed = assigned.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            let assigned = assigned.borrow_and_update();
            gauges.keep(&assigned);
            if assigned.iter().any(|partition| !gauges.told.contains(partition)) {
                break;
            }
        }
    }
}

/// The gauges that were set.
struct Gauges {
    role: &'static str,
    topic: Topic,
    told: BTreeSet<u32>,
}

impl Gauges {
    fn tell(&mut self, offsets: &[PartitionOffsets], assigned: &[u32]) {
        self.keep(assigned);
        for of_partition in offsets.iter().filter(|offsets| assigned.contains(&offsets.partition)) {
            self.set(of_partition.partition, of_partition.lag());
            self.told.insert(of_partition.partition);
        }
    }

    /// Sets all but `partitions` back to 0.
    fn keep(&mut self, partitions: &[u32]) {
        let gone: Vec<u32> = self.told.iter().copied().filter(|p| !partitions.contains(p)).collect();
        for partition in gone {
            self.told.remove(&partition);
            self.set(partition, 0);
        }
    }

    fn set(&self, partition: u32, records: u64) {
        metrics::gauge!(
            "rep_consumer_lag",
            "role" => self.role,
            "topic" => self.topic.name(),
            "partition" => partition.to_string()
        )
        .set(records as f64);
    }
}

impl Drop for Gauges {
    fn drop(&mut self) {
        self.keep(&[]);
    }
}
