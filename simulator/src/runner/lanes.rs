//! Lanes to the log: a shopper's events always take the same one, and a lane has one append under way, so
//! that their order stands while several appends run.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rep_core::avro::{Codec, EncodeError, Event as _};
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::{Topic, UserAction, partition_of};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Span;

use super::totals::Tally;
use super::{Parts, RunnerConfig, traces};

/// Most records of one append.
const APPEND_RECORDS_MAX: usize = 2_000;
/// Most records that wait in all lanes together: about 4 MB.
const WAITING_MAX: usize = 20_000;

/// Events on their way into one append.
#[derive(Default)]
struct Batch {
    records: Vec<NewRecord>,
    tally: Tally,
    /// When the oldest of them was due.
    due: Option<Instant>,
    /// Of those that begin a recorded trace; they end with the append.
    spans: Vec<Span>,
}

/// An append that ended.
pub(super) struct Sent {
    lane: usize,
    /// What it carried.
    pub(super) tally: Tally,
    /// When the oldest of its events was due.
    pub(super) due: Instant,
    /// How long the log took.
    pub(super) took: Duration,
    /// What the log said; `Err` holds the reason.
    pub(super) outcome: Result<(), String>,
}

/// All lanes.
pub(super) struct Lanes {
    log: Arc<dyn EventLog>,
    codec: Codec,
    append_timeout: Duration,
    trace_sample: f64,
    waiting: Vec<Vec<Batch>>,
    busy: Vec<bool>,
    appends: JoinSet<Sent>,
    waiting_records: usize,
    /// Records of the appends that have not ended.
    under_way: usize,
}

impl Lanes {
    pub(super) fn new(parts: &Parts, config: &RunnerConfig) -> Self {
        let lanes = config.in_flight_max.max(1);
        Self {
            log: Arc::clone(&parts.log),
            codec: parts.codec.clone(),
            append_timeout: config.append_timeout,
            trace_sample: config.trace_sample,
            waiting: (0..lanes).map(|_| Vec::new()).collect(),
            busy: vec![false; lanes],
            appends: JoinSet::new(),
            waiting_records: 0,
            under_way: 0,
        }
    }

    /// How many more events may wait.
    pub(super) fn room(&self) -> usize {
        WAITING_MAX.saturating_sub(self.waiting_records)
    }

    /// Events that wait for an append, or whose append has not ended.
    pub(super) fn unsettled(&self) -> usize {
        self.waiting_records + self.under_way
    }

    /// Encodes an event that was due at `due` and puts it behind the others of its lane.
    pub(super) fn push(&mut self, event: &UserAction, due: Instant) -> Result<(), EncodeError> {
        let key = Bytes::copy_from_slice(event.key());
        let value = Bytes::from(self.codec.encode(event)?);
        let count = u32::try_from(self.waiting.len()).unwrap_or(1);
        let lane = &mut self.waiting[partition_of(&key, count) as usize];
        if lane.last().is_none_or(|batch| batch.records.len() >= APPEND_RECORDS_MAX) {
            lane.push(Batch::default());
        }
        if let Some(batch) = lane.last_mut() {
            let span = traces::begin(event, self.trace_sample);
            let trace = span.as_ref().and_then(rep_traces::context_of);
            batch.records.push(NewRecord::new(key, value).in_trace(trace));
            batch.spans.extend(span);
            batch.tally.add(event.action_type);
            batch.due.get_or_insert(due);
            self.waiting_records += 1;
        }
        Ok(())
    }

    /// Sends what waits in lanes that are free; gives how many appends began.
    pub(super) fn send(&mut self) -> usize {
        let mut began = 0;
        for lane in 0..self.waiting.len() {
            if self.busy[lane] || self.waiting[lane].is_empty() {
                continue;
            }
            let batch = self.waiting[lane].remove(0);
            self.waiting_records -= batch.records.len();
            self.under_way += batch.records.len();
            self.busy[lane] = true;
            self.append(lane, batch);
            began += 1;
        }
        began
    }

    fn append(&mut self, lane: usize, mut batch: Batch) {
        let (log, timeout) = (Arc::clone(&self.log), self.append_timeout);
        self.appends.spawn(async move {
            let began = Instant::now();
            let records = mem::take(&mut batch.records);
            let outcome = match tokio::time::timeout(timeout, log.append(Topic::UserAction, records)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer within {timeout:?}")),
            };
            let due = batch.due.unwrap_or(began);
            Sent { lane, tally: batch.tally, due, took: began.elapsed(), outcome }
        });
    }

    /// Waits for an append to end; `None` if none is under way.
    pub(super) async fn sent(&mut self) -> Option<Sent> {
        loop {
            match self.appends.join_next().await? {
                Ok(sent) => {
                    self.busy[sent.lane] = false;
                    self.under_way = self.under_way.saturating_sub(sent.tally.total() as usize);
                    return Some(sent);
                }
                Err(error) => {
                    // The lane stays busy: whose append panicked is not trusted with more.
                    tracing::error!(%error, "an append of simulated events panicked");
                }
            }
        }
    }
}
