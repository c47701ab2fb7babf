//! Dead letters: found, and written again to the topic they came from.

use std::collections::VecDeque;

use rep_core::avro::DeadLetter;
use rep_core::ports::StoreError;
use rep_core::ports::log::{NewRecord, Record};
use rep_core::{Position, Topic, TraceContext, UserAction};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::Span;

use crate::cursor;
use crate::dto::dead_letter::{LetterId, Replayed};
use crate::dto::topic::payload;
use crate::erased::without_erased;
use crate::problem::Problem;
use crate::repair::repaired;
use crate::state::ApiState;

const TOPIC: Topic = Topic::UserActionDlq;
/// Letters that are read of a partition at once; each may be as long as a record can be.
const READ_MAX: u64 = 32;
/// Letters that one page looks at; a filter may leave out most.
const LOOK_MAX: usize = 5_000;

/// Which letters are wanted.
#[derive(Debug, Default)]
pub(crate) struct LetterFilter {
    pub(crate) topic: Option<String>,
    pub(crate) reason: Option<String>,
}

impl LetterFilter {
    fn admits(&self, letter: &DeadLetter) -> bool {
        self.topic.as_ref().is_none_or(|topic| *topic == letter.topic)
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
    }
}

/// Letters, newest first.
pub(crate) struct Page {
    pub(crate) letters: Vec<(Position, DeadLetter)>,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
    /// Letters that are kept.
    pub(crate) total: u64,
}

/// One partition, read from its end.
struct Backwards {
    partition: u32,
    begin: u64,
    /// Everything from here on was read.
    before: u64,
    /// Read and not looked at, newest first.
    waiting: VecDeque<Record>,
}

impl Backwards {
    async fn fill(&mut self, state: &ApiState) -> Result<(), StoreError> {
        while self.waiting.is_empty() && self.before > self.begin {
            let from = self.before.saturating_sub(READ_MAX).max(self.begin);
            let width = usize::try_from(self.before - from).unwrap_or(usize::MAX);
            let records = state.log.read(TOPIC, self.partition, from, width).await?;
            let before = self.before;
            let records = without_erased(state, TOPIC, records).await?;
            self.waiting.extend(records.into_iter().rev().filter(|r| r.position.offset < before));
            self.before = from;
        }
        Ok(())
    }

    /// Offset behind what was not looked at.
    fn rest(&self) -> u64 {
        self.waiting.front().map_or(self.before, |record| record.position.offset + 1)
    }
}

/// At most `limit` letters before `cursor`.
pub(crate) async fn page(
    state: &ApiState,
    filter: &LetterFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page, Problem> {
    let offsets = state.log.offsets(TOPIC, "api-tail").await?;
    let total = offsets.iter().map(|o| o.end.saturating_sub(o.begin)).sum();
    let befores = match cursor {
        None => offsets.iter().map(|o| o.end).collect(),
        Some(cursor) => read_cursor(cursor, offsets.len())?,
    };
    let backwards = |(o, before): (&rep_core::ports::log::PartitionOffsets, u64)| Backwards {
        partition: o.partition,
        begin: o.begin,
        before: before.min(o.end),
        waiting: VecDeque::new(),
    };
    let mut partitions: Vec<Backwards> = offsets.iter().zip(befores).map(backwards).collect();
    let mut letters = Vec::new();
    for _ in 0..LOOK_MAX {
        if letters.len() >= limit {
            break;
        }
        for partition in &mut partitions {
            partition.fill(state).await?;
        }
        let newest = partitions.iter_mut().max_by_key(|p| p.waiting.front().map(|record| record.appended_at));
        let Some(record) = newest.and_then(|partition| partition.waiting.pop_front()) else { break };
        match state.codec.decode::<DeadLetter>(&record.value) {
            Ok(letter) if filter.admits(&letter) => letters.push((record.position, letter)),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, at = %record.position, "a dead letter cannot be decoded"),
        }
    }
    let more = partitions.iter().any(|p| p.rest() > p.begin);
    Ok(Page { letters, next: more.then(|| to_cursor(&partitions)), total })
}

fn to_cursor(partitions: &[Backwards]) -> String {
    let places: Vec<String> = partitions.iter().map(|p| p.rest().to_string()).collect();
    cursor::of(&places.join(","))
}

fn read_cursor(text: &str, count: usize) -> Result<Vec<u64>, Problem> {
    let places: String = cursor::read(text)?;
    let places: Result<Vec<u64>, _> = places.split(',').map(str::parse).collect();
    places.ok().filter(|places| places.len() == count).ok_or_else(cursor::refused)
}

/// The letter of that id, its place, and the trace that its record is part of.
pub(crate) async fn find(
    state: &ApiState,
    id: LetterId,
) -> Result<(Position, DeadLetter, Option<TraceContext>), Problem> {
    let found = at(state, TOPIC, id.partition, id.offset).await?;
    let shown = without_erased(state, TOPIC, found.into_iter().collect()).await?.pop();
    let record = shown.ok_or_else(|| {
        Problem::not_found(format!("no dead letter `{id}`, or it is of a shopper who was erased"))
    })?;
    let letter: DeadLetter = state
        .codec
        .decode(&record.value)
        .map_err(|error| Problem::conflict(format!("dead letter `{id}` cannot be decoded: {error}")))?;
    if let Some(topic) = Topic::parse(&letter.topic) {
        state.learn(topic, std::iter::once(&letter.payload[..])).await;
    }
    Ok((record.position, letter, record.trace))
}

async fn at(
    state: &ApiState,
    topic: Topic,
    partition: u32,
    offset: u64,
) -> Result<Option<Record>, StoreError> {
    if partition >= topic.partitions() {
        return Ok(None);
    }
    let found = state.log.read(topic, partition, offset, 1).await?.into_iter().next();
    Ok(found.filter(|record| record.position.offset == offset))
}

/// Writes the record of a letter again, or `event` in its place, durably. Its effects stay what they are if it had any:
/// events carry their trace id. It stays part of the trace that the record was part of. What would only be dead-lettered again is refused, unless `force` is given.
pub(crate) async fn replay(
    state: &ApiState,
    id: LetterId,
    force: bool,
    event: Option<Value>,
) -> Result<Replayed, Problem> {
    let (_, letter, trace) = find(state, id).await?;
    let topic = Topic::parse(&letter.topic).filter(|topic| *topic != TOPIC);
    let topic = topic.ok_or_else(|| {
        Problem::conflict(format!("dead letter `{id}` is of topic `{}`, which is unknown", letter.topic))
    })?;
    let is_repaired = event.is_some();
    let record = match event {
        Some(event) => repaired(&state.codec, topic, &letter, event)?,
        None => original(state, id, topic, letter).await?,
    };
    if !force && let Err(reason) = processable(state, topic, &record.value) {
        return Err(Problem::conflict(format!(
            "dead letter `{id}` would be dead-lettered again: {reason}; `force` replays it all the same"
        )));
    }
    if let Some(trace) = &trace {
        rep_traces::link(&Span::current(), trace);
    }
    let position = state.log.append(topic, vec![record.in_trace(trace)]).await?.pop();
    let position = position.ok_or_else(|| Problem::unavailable("the log gave the record no place"))?;
    metrics::counter!("rep_dead_letters_replayed_total", "topic" => topic.name()).increment(1);
    tracing::info!(%id, %topic, at = %position, is_repaired, "a dead letter is replayed");
    Ok(Replayed {
        id: id.to_string(),
        topic: topic.name(),
        partition: position.partition,
        offset: position.offset,
    })
}

/// The record as it was: out of its letter, or if that keeps only its beginning out of its own topic.
async fn original(
    state: &ApiState,
    id: LetterId,
    topic: Topic,
    letter: DeadLetter,
) -> Result<NewRecord, Problem> {
    let Some(cut) = letter.cut_from else {
        let key = letter.key.unwrap_or_default();
        return Ok(NewRecord::new(key, letter.payload));
    };
    let record = at(state, topic, letter.partition, letter.offset).await?;
    let same = |record: &Record| format!("{:x}", Sha256::digest(&record.value)) == cut.sha256;
    let record = record.filter(same).ok_or_else(|| {
        Problem::conflict(format!(
            "dead letter `{id}` keeps only the beginning of {} bytes, and the record is no longer in `{topic}`",
            cut.bytes
        ))
    })?;
    Ok(NewRecord::new(record.key, record.value))
}

/// Whether consumers will take the record, as far as can be seen from here.
fn processable(state: &ApiState, topic: Topic, value: &[u8]) -> Result<(), String> {
    if topic == Topic::UserAction {
        let action: UserAction = state.codec.decode(value).map_err(|error| error.to_string())?;
        let in_time = action.validate_time(state.clock.now(), state.config.event_time);
        return in_time.map_err(|error| format!("`{}` {}", error.field, error.message));
    }
    payload(&state.codec, topic, value).map(|_| ()).map_err(|error| error.to_string())
}
