//! One bulk's way: sent until each of its documents is settled.

use std::sync::Arc;

use rep_core::avro::Codec;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome};
use rep_core::ports::log::Record;
use rep_core::ports::{StoreError, one_each};
use rep_core::{EventKey, Position, UserAction};
use tokio::time::Instant;

use crate::handler::reason;
use crate::panics::caught;
use crate::{Rejected, RoleContext};

/// What became of a bulk.
#[derive(Default)]
pub(super) struct Report {
    /// Every document of it.
    pub(super) settled: Vec<(EventKey, Position)>,
    pub(super) done: Vec<Position>,
    pub(super) rejected: Vec<Rejected>,
    pub(super) indexed: u64,
    pub(super) duplicates: u64,
}

pub(super) struct Sender {
    pub(super) context: RoleContext,
    pub(super) behaviour: Arc<dyn BehaviourStore>,
    pub(super) codec: Codec,
}

/// Why the store did not take a whole call.
enum Refusal {
    Panic(String),
    Error(StoreError),
}

/// Documents that are sent together.
struct Part {
    records: Vec<Record>,
    /// The first attempt takes the documents as they are; later ones read them from their records again, so
    /// that the usual case copies nothing.
    documents: Option<Vec<BehaviourDocument>>,
    attempts: u32,
}

impl Part {
    fn again(records: Vec<Record>, attempts: u32) -> Self {
        Self { records, documents: None, attempts }
    }
}

impl Sender {
    /// Indexes `documents`, made of `records` one by one. Those that fail for now are sent again alone;
    /// those that fail for good are rejected alone.
    pub(super) async fn send(
        self: Arc<Self>,
        records: Vec<Record>,
        documents: Vec<BehaviourDocument>,
    ) -> Report {
        let begun = Instant::now();
        let mut report = Report::default();
        report.settled.extend(documents.iter().map(|d| (d.action.event_id().key(), d.position)));
        let mut retry = self.context.retry("index");
        let mut parts = vec![Part { records, documents: Some(documents), attempts: 1 }];
        while let Some(part) = parts.pop() {
            let Part { records, documents, attempts } = part;
            let documents = documents.unwrap_or_else(|| self.documents_of(&records));
            match self.index(documents).await {
                Ok(outcomes) => {
                    if let Some((again, why)) = report.take(&records, outcomes, attempts) {
                        retry.wait(&why).await;
                        parts.push(Part::again(again, attempts + 1));
                    }
                }
                Err(Refusal::Error(error)) if error.is_retryable() => {
                    retry.wait(&error).await;
                    parts.push(Part::again(records, attempts + 1));
                }
                Err(_) if records.len() > 1 => {
                    let (first, second) = records.split_at(records.len() / 2);
                    parts.extend([second, first].map(|half| Part::again(half.to_vec(), attempts)));
                }
                Err(refusal) => report.refuse(&records, &refusal, attempts),
            }
        }
        self.context.observe("index", begun);
        report
    }

    async fn index(&self, documents: Vec<BehaviourDocument>) -> Result<Vec<IndexOutcome>, Refusal> {
        let expected = documents.len();
        let call = self.context.bounded(self.behaviour.index(documents));
        let outcomes = caught(call).await.map_err(Refusal::Panic)?.map_err(Refusal::Error)?;
        one_each(expected, outcomes).map_err(Refusal::Error)
    }

    fn documents_of(&self, records: &[Record]) -> Vec<BehaviourDocument> {
        let document = |record: &Record| BehaviourDocument {
            action: self
                .codec
                .decode::<UserAction>(&record.value)
                .unwrap_or_else(|error| unreachable!("a record that was decoded is decoded again: {error}")),
            position: record.position,
            appended_at: record.appended_at,
        };
        records.iter().map(document).collect()
    }
}

impl Report {
    /// Notes `outcomes`; gives the records to send again, and why.
    fn take(
        &mut self,
        records: &[Record],
        outcomes: Vec<IndexOutcome>,
        attempts: u32,
    ) -> Option<(Vec<Record>, String)> {
        let mut again: Option<(Vec<Record>, String)> = None;
        for (record, outcome) in records.iter().zip(outcomes) {
            match outcome {
                IndexOutcome::Created | IndexOutcome::Redelivered => self.indexed += 1,
                IndexOutcome::Duplicate => self.duplicates += 1,
                IndexOutcome::Failed { retryable: true, reason } => {
                    again.get_or_insert((Vec::new(), reason)).0.push(record.clone());
                    continue;
                }
                IndexOutcome::Failed { retryable: false, reason } => {
                    self.rejected.push(Rejected::new(record, reason::REFUSED, reason, attempts));
                    continue;
                }
            }
            self.done.push(record.position);
        }
        again
    }

    fn refuse(&mut self, records: &[Record], refusal: &Refusal, attempts: u32) {
        let (code, error) = match refusal {
            Refusal::Panic(error) => (reason::PANIC, error.clone()),
            Refusal::Error(error) => (reason::REFUSED, error.to_string()),
        };
        let rejected = records.iter().map(|record| Rejected::new(record, code, &error, attempts));
        self.rejected.extend(rejected);
    }
}
