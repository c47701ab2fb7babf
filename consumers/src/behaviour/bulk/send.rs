//! One bulk's way: sent until each of its documents is settled.

use std::sync::Arc;

use rep_core::avro::Codec;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome};
use rep_core::ports::log::Record;
use rep_core::{Position, TraceId, UserAction};
use tokio::time::Instant;

use crate::context::one_each;
use crate::handler::reason;
use crate::panics::caught;
use crate::{Rejected, Retry, RoleContext};

/// What became of a bulk.
#[derive(Default)]
pub(super) struct Report {
    /// Every document of it.
    pub(super) settled: Vec<(TraceId, Position)>,
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
        report.settled.extend(documents.iter().map(|d| (d.action.trace_id.clone(), d.position)));
        let mut retry = self.context.retry("index");
        let mut waiting = vec![(records, Some(documents))];
        while let Some((mut records, documents)) = waiting.pop() {
            // The first attempt takes the documents as they are; later ones read them from their records.
            let documents = documents.unwrap_or_else(|| self.documents_of(&records));
            match self.index(documents).await {
                Ok(outcomes) => {
                    let again = report.take(&records, outcomes, retry.attempts());
                    if let Some((again, why)) = again {
                        retry.wait(&why).await;
                        waiting.push((again, None));
                    }
                }
                Err(Refusal::Error(error)) if error.is_retryable() => {
                    retry.wait(&error).await;
                    waiting.push((records, None));
                }
                Err(_) if records.len() > 1 => {
                    let second = records.split_off(records.len() / 2);
                    waiting.extend([(second, None), (records, None)]);
                }
                Err(refusal) => report.refuse(&records, &refusal, &retry),
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

    fn refuse(&mut self, records: &[Record], refusal: &Refusal, retry: &Retry) {
        let (code, error) = match refusal {
            Refusal::Panic(error) => (reason::PANIC, error.clone()),
            Refusal::Error(error) => (reason::REFUSED, error.to_string()),
        };
        let rejected = records.iter().map(|record| Rejected::new(record, code, &error, retry.attempts()));
        self.rejected.extend(rejected);
    }
}
