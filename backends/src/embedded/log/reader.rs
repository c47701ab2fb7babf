//! One member of a group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rep_core::Topic;
use rep_core::ports::StoreError;
use rep_core::ports::log::{Commit, GroupReader, Polled, Record};
use tokio::sync::watch;
use tokio::time::Instant;

use super::group::{Group, MemberId};
use super::store::LogStore;
use super::{committed, offset_key};
use crate::embedded::error::{interrupted, invalid};

/// A reader of one topic for one group.
pub(super) struct Reader {
    store: Arc<LogStore>,
    topic: Topic,
    group_name: String,
    group: Arc<Group>,
    member: MemberId,
    /// Next offset of each partition this member has.
    next: BTreeMap<u32, u64>,
    leaving: Vec<u32>,
    appended: watch::Receiver<u64>,
    changed: watch::Receiver<u64>,
    /// The partition that is read first, so that none starves behind a busy one.
    turn: usize,
}

impl Reader {
    pub(super) fn join(store: Arc<LogStore>, topic: Topic, group_name: &str, group: Arc<Group>) -> Self {
        let appended = store.appended(topic);
        let mut changed = group.changed();
        changed.mark_changed();
        let member = group.join();
        Self {
            store,
            topic,
            group_name: group_name.to_owned(),
            group,
            member,
            next: BTreeMap::new(),
            leaving: Vec::new(),
            appended,
            changed,
            turn: 0,
        }
    }

    /// Takes over what changed in the group; gives partitions that must be released. After an error nothing
    /// is taken over yet.
    fn follow_group(&mut self) -> Result<Vec<u32>, StoreError> {
        self.changed.mark_unchanged();
        let (owned, leaving) = self.group.partitions_of(self.member);
        let taken_over: Result<Vec<(u32, u64)>, StoreError> = owned
            .into_iter()
            .filter(|partition| !self.next.contains_key(partition))
            .map(|partition| {
                let (begin, _) = self.store.bounds(self.topic, partition);
                let committed = committed(&self.store, &self.group_name, self.topic, partition)?;
                Ok((partition, committed.unwrap_or(begin).max(begin)))
            })
            .collect();
        let taken_over = taken_over.inspect_err(|_| self.changed.mark_changed())?;
        self.next.extend(taken_over);
        let revoked: Vec<u32> = leaving.into_iter().filter(|p| !self.leaving.contains(p)).collect();
        for partition in &revoked {
            self.next.remove(partition);
            self.leaving.push(*partition);
        }
        Ok(revoked)
    }

    /// What is there now: an even share of each partition first, then more of those that have more. Moves on
    /// only when all is read, so that neither an error nor a caller that stops waiting passes over a record.
    async fn fetch(&mut self, max: usize) -> Result<Vec<Record>, StoreError> {
        let mut waiting: Vec<(u32, u64)> =
            self.next.iter().map(|(partition, next)| (*partition, *next)).collect();
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn % waiting.len().max(1);
        waiting.rotate_left(turn);
        let mut records: Vec<Record> = Vec::new();
        while !waiting.is_empty() && records.len() < max {
            let mut have_more = Vec::new();
            for (i, (partition, from)) in waiting.iter().copied().enumerate() {
                let share = (max - records.len()).div_ceil(waiting.len() - i);
                let found = match self.store.read_tail(self.topic, partition, from, share) {
                    Some(found) => found,
                    None => self.read_disk(partition, from, share).await,
                };
                let found = match found {
                    Ok(found) => found,
                    Err(error) if records.is_empty() => return Err(error),
                    // What is there goes out first; the error is met again when it is this partition's turn.
                    Err(_) => continue,
                };
                if let Some(last) = found.last() {
                    have_more.push((partition, last.position.offset + 1));
                }
                records.extend(found);
            }
            waiting = have_more;
        }
        for of_partition in records.chunk_by(|a, b| a.position.partition == b.position.partition) {
            if let Some(last) = of_partition.last() {
                self.next.insert(last.position.partition, last.position.offset + 1);
            }
        }
        Ok(records)
    }

    fn check_committable(&self, offsets: &[(u32, u64)]) -> Result<(), StoreError> {
        let (owned, leaving) = self.group.partitions_of(self.member);
        for (partition, offset) in offsets {
            if !owned.contains(partition) && !leaving.contains(partition) {
                return Err(invalid(format!("partition {partition} is no longer this member's")));
            }
            let (_, end) = self.store.bounds(self.topic, *partition);
            if *offset > end {
                return Err(invalid(format!(
                    "offset {offset} lies behind the end {end} of partition {partition}"
                )));
            }
        }
        Ok(())
    }

    async fn read_disk(&self, partition: u32, from: u64, max: usize) -> Result<Vec<Record>, StoreError> {
        let (store, topic) = (Arc::clone(&self.store), self.topic);
        tokio::task::spawn_blocking(move || store.read_disk(topic, partition, from, max))
            .await
            .map_err(interrupted)?
    }
}

#[async_trait]
impl GroupReader for Reader {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, StoreError> {
        let deadline = Instant::now() + wait;
        loop {
            self.appended.mark_unchanged();
            if self.changed.has_changed().unwrap_or(false) {
                let revoked = self.follow_group()?;
                if !revoked.is_empty() {
                    return Ok(Polled::Revoking(revoked));
                }
            }
            let records = self.fetch(max).await?;
            if !records.is_empty() {
                return Ok(Polled::Records(records));
            }
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return Ok(Polled::Records(Vec::new())),
                _ = self.appended.changed() => {}
                _ = self.changed.changed() => self.changed.mark_changed(),
            }
        }
    }

    fn commit(&self, offsets: &[(u32, u64)]) -> Commit {
        let checked = self.check_committable(offsets);
        let entries: Vec<(Vec<u8>, [u8; 8])> = offsets
            .iter()
            .map(|(partition, offset)| {
                (offset_key(&self.group_name, self.topic, *partition), offset.to_be_bytes())
            })
            .collect();
        let (store, topic) = (Arc::clone(&self.store), self.topic);
        let write = move || {
            let fill = |batch: &mut fjall::OwnedWriteBatch| {
                for (key, value) in entries {
                    batch.insert(&store.offsets, key, value);
                }
            };
            if topic == Topic::UserAction {
                return store.db.checkpoint(fill);
            }
            let mut batch = store.db.batch();
            fill(&mut batch);
            store.db.write_synced(batch)
        };
        Box::pin(async move {
            checked?;
            tokio::task::spawn_blocking(write).await.map_err(interrupted)?
        })
    }

    async fn release(&mut self, partitions: &[u32]) -> Result<(), StoreError> {
        self.leaving.retain(|p| !partitions.contains(p));
        self.next.retain(|p, _| !partitions.contains(p));
        self.group.release(self.member, partitions);
        Ok(())
    }

    fn assignment(&self) -> Vec<u32> {
        self.next.keys().copied().collect()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.group.leave(self.member);
    }
}
