//! A topic's records as they come, or from where a reader wants them.
//!
//! Nothing is queued for a reader: the log is read when the reader has taken what was read before, so a slow
//! one costs no memory and loses nothing.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use rep_core::ports::StoreError;
use rep_core::ports::log::{EventLog, PartitionOffsets, Record};
use rep_core::{Topic, partition_of};
use tokio::time::Instant;

use crate::cursor;
use crate::dto::topic::{RecordGap, RecordView};
use crate::erased::without_erased;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::stream::Slot;

/// Records that are read of a partition at once.
const READ_MAX: usize = 64;
/// Records that are looked at once for the last ones of a key.
const LOOK_BACK: u64 = 1_000;
/// Time between two looks at a log that had nothing new.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How old a record is at least for it to be looked up whether its shopper was erased since.
const TOLD_AS_IT_COMES: Duration = Duration::from_secs(10);

/// Where a reader begins.
#[derive(Clone, Debug)]
pub(crate) enum Begin {
    /// With what comes next.
    Now,
    /// With the oldest record that is kept.
    Oldest,
    /// With the last so many.
    Last(usize),
    /// Where a reader was.
    Cursor(String),
}

/// What a reader is told.
pub(crate) enum Told {
    /// The stream is open, and goes on here.
    Open(String),
    /// A record, and where to go on behind it.
    Record(Box<RecordView>, String),
    /// Records that are no longer kept.
    Gap(RecordGap),
    /// Nothing new; still here.
    Ping,
    /// All that was there has been told.
    End,
    /// The log cannot be read.
    Failed,
}

/// What one look at the log found.
enum Look {
    Found,
    /// Records of other keys only.
    Skipped,
    Nothing,
}

/// A record to be told, and the offset of its partition behind it.
enum Waiting {
    Record(Record, u64),
    Gap(RecordGap),
}

/// One reader's view of a topic.
pub(crate) struct Tail {
    state: ApiState,
    topic: Topic,
    /// Only records of this key.
    key: Option<Bytes>,
    /// Whether to wait for more at the end.
    follow: bool,
    /// Offset behind what was told, by partition.
    next: Vec<u64>,
    waiting: VecDeque<Waiting>,
    ping_at: Instant,
    opened: bool,
    over: bool,
    _slot: Slot,
}

impl Tail {
    /// The records of `topic` from `begin` on, only those of `key` if one is given.
    pub(crate) async fn open(
        state: ApiState,
        slot: Slot,
        topic: Topic,
        key: Option<Bytes>,
        begin: &Begin,
        follow: bool,
    ) -> Result<Self, Problem> {
        let offsets = state.log.offsets(topic, "api-tail").await?;
        let next = match begin {
            Begin::Now => offsets.iter().map(|o| o.end).collect(),
            Begin::Oldest => offsets.iter().map(|o| o.begin).collect(),
            Begin::Last(count) => last(&*state.log, topic, key.as_ref(), &offsets, *count).await?,
            Begin::Cursor(text) => from_cursor(text, &offsets)?,
        };
        let ping_at = Instant::now() + state.config.streams.ping_every;
        Ok(Self {
            state,
            topic,
            key,
            follow,
            next,
            waiting: VecDeque::new(),
            ping_at,
            opened: false,
            over: false,
            _slot: slot,
        })
    }

    /// What the reader is told, one by one.
    pub(crate) fn stream(self) -> impl Stream<Item = Told> + Send {
        futures::stream::unfold(self, |mut tail| async move {
            let told = tail.next().await?;
            Some((told, tail))
        })
    }

    async fn next(&mut self) -> Option<Told> {
        if !std::mem::replace(&mut self.opened, true) {
            return Some(Told::Open(to_cursor(&self.next)));
        }
        loop {
            if let Some(waiting) = self.waiting.pop_front() {
                return Some(self.tell(waiting));
            }
            if self.over {
                return None;
            }
            let look = match self.look().await {
                Ok(look) => look,
                Err(error) => {
                    tracing::warn!(%error, topic = %self.topic, "topic could not be read; the stream ends");
                    self.over = true;
                    return Some(Told::Failed);
                }
            };
            match look {
                Look::Found => continue,
                Look::Nothing if !self.follow => {
                    self.over = true;
                    return Some(Told::End);
                }
                Look::Nothing => tokio::time::sleep(LOOK_EVERY).await,
                Look::Skipped => tokio::task::yield_now().await,
            }
            if Instant::now() >= self.ping_at {
                self.ping_at = Instant::now() + self.state.config.streams.ping_every;
                return Some(Told::Ping);
            }
        }
    }

    fn tell(&mut self, waiting: Waiting) -> Told {
        match waiting {
            Waiting::Gap(gap) => Told::Gap(gap),
            Waiting::Record(record, next) => {
                if let Some(told) = self.next.get_mut(record.position.partition as usize) {
                    *told = next;
                }
                let view = RecordView::of(&self.state.codec, self.topic, &record);
                Told::Record(Box::new(view), to_cursor(&self.next))
            }
        }
    }

    /// `records` but for those of shoppers who were erased since. What came a moment ago is told as it comes: nobody is
    /// looked up for it.
    async fn without_erased(&self, mut records: Vec<Record>) -> Result<Vec<Record>, StoreError> {
        let recent = self.state.clock.now().minus(TOLD_AS_IT_COMES);
        let newer = records.split_off(records.partition_point(|record| record.appended_at < recent));
        let mut shown = without_erased(&self.state, self.topic, records).await?;
        shown.extend(newer);
        Ok(shown)
    }

    /// Reads on in each partition, and lines up what was found by the time it was appended.
    async fn look(&mut self) -> Result<Look, StoreError> {
        let mut found: Vec<(Record, u64)> = Vec::new();
        let mut look = Look::Nothing;
        for partition in read_partitions(self.topic, self.key.as_ref()) {
            let Some(from) = self.next.get(partition as usize).copied() else { continue };
            let records = self.state.log.read(self.topic, partition, from, READ_MAX).await?;
            let (Some(first), Some(last)) = (records.first(), records.last()) else { continue };
            self.state.learn(self.topic, records.iter().map(|record| &record.value[..])).await;
            let (first, behind) = (first.position.offset, last.position.offset + 1);
            if first > from {
                self.waiting.push_back(Waiting::Gap(RecordGap { partition, from, to: first }));
            }
            look = Look::Skipped;
            let of_key = records.into_iter().filter(|record| is_of(record, self.key.as_ref())).collect();
            let shown = self.without_erased(of_key).await?;
            let behind_it = |record: Record| {
                let next = record.position.offset + 1;
                (record, next)
            };
            let mut of_key: Vec<(Record, u64)> = shown.into_iter().map(behind_it).collect();
            match of_key.last_mut() {
                // What is left out behind the last one is passed over with it.
                Some((_, next)) => *next = behind,
                None => self.next[partition as usize] = behind,
            }
            found.append(&mut of_key);
        }
        if found.is_empty() && self.waiting.is_empty() {
            return Ok(look);
        }
        // Stable: the order within a partition stays even if the clock went back.
        found.sort_by_key(|(record, _)| record.appended_at);
        self.waiting.extend(found.into_iter().map(|(record, next)| Waiting::Record(record, next)));
        Ok(Look::Found)
    }
}

/// The partitions that may hold `key`; all without one.
fn read_partitions(topic: Topic, key: Option<&Bytes>) -> Vec<u32> {
    match key {
        Some(key) => vec![partition_of(key, topic.partitions())],
        None => (0..topic.partitions()).collect(),
    }
}

fn is_of(record: &Record, key: Option<&Bytes>) -> bool {
    key.is_none_or(|key| record.key == *key)
}

/// Offsets from which on there are `count` records of `key` in all.
async fn last(
    log: &dyn EventLog,
    topic: Topic,
    key: Option<&Bytes>,
    offsets: &[PartitionOffsets],
    count: usize,
) -> Result<Vec<u64>, StoreError> {
    let mut next: Vec<u64> = offsets.iter().map(|o| o.end).collect();
    let mut newest = Vec::new();
    for partition in read_partitions(topic, key) {
        let Some(bounds) = offsets.get(partition as usize) else { continue };
        let (mut before, mut found) = (bounds.end, 0);
        while before > bounds.begin && found < count {
            let from = before.saturating_sub(LOOK_BACK.min(count as u64).max(64)).max(bounds.begin);
            let width = usize::try_from(before - from).unwrap_or(usize::MAX);
            let records = log.read(topic, partition, from, width).await?;
            let of_key = records.iter().rev().filter(|r| r.position.offset < before && is_of(r, key));
            for record in of_key.take(count - found) {
                newest.push((record.appended_at, partition, record.position.offset));
                found += 1;
            }
            before = from;
            tokio::task::yield_now().await;
        }
    }
    // Newest first; a partition's own order stays.
    newest.sort_by_key(|(at, _, _)| std::cmp::Reverse(*at));
    for (_, partition, offset) in newest.into_iter().take(count) {
        let begin = &mut next[partition as usize];
        *begin = (*begin).min(offset);
    }
    Ok(next)
}

fn to_cursor(next: &[u64]) -> String {
    let places: Vec<String> = next.iter().map(u64::to_string).collect();
    cursor::of(&places.join(","))
}

fn from_cursor(text: &str, offsets: &[PartitionOffsets]) -> Result<Vec<u64>, Problem> {
    let places: String = cursor::read(text)?;
    let next: Result<Vec<u64>, _> = places.split(',').map(str::parse).collect();
    next.ok()
        .filter(|next| next.len() == offsets.len() && next.iter().zip(offsets).all(|(n, o)| *n <= o.end))
        .ok_or_else(cursor::refused)
}
