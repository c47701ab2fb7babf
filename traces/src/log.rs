//! Appends in traces.

use std::sync::Arc;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, PartitionOffsets, Record};
use rep_core::{Position, Topic, TraceContext};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::context::{child_of, context_of, name};

/// A log with a span around each append that a recorded trace leads to. Records of that trace are appended as
/// following from this span; others keep the trace context that they have.
pub struct TracedLog {
    log: Arc<dyn EventLog>,
}

impl TracedLog {
    /// Puts spans around the appends of `log`.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log }
    }
}

#[async_trait]
impl EventLog for TracedLog {
    async fn append(&self, topic: Topic, mut records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        let span = append_span(topic, &records);
        if let Some(own) = context_of(&span) {
            for trace in records.iter_mut().filter_map(|record| record.trace.as_mut()) {
                if trace.trace_id() == own.trace_id() {
                    *trace = own;
                }
            }
        }
        self.log.append(topic, records).instrument(span).await
    }

    async fn subscribe(&self, group: &str, topic: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        self.log.subscribe(group, topic).await
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: u64,
        max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.log.read(topic, partition, offset, max).await
    }

    async fn offsets(&self, topic: Topic, group: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        self.log.offsets(topic, group).await
    }
}

/// A child of the present span if that is recorded, else of the first record's that is; none if there is neither.
fn append_span(topic: Topic, records: &[NewRecord]) -> Span {
    let current = context_of(&Span::current()).filter(TraceContext::is_sampled);
    let of_record = || records.iter().filter_map(|record| record.trace).find(TraceContext::is_sampled);
    let Some(parent) = current.or_else(of_record) else { return Span::none() };
    let span = tracing::error_span!(
        "append",
        %topic,
        records = records.len(),
        otel.kind = Empty,
        otel.name = Empty,
    );
    name(&span, "producer", || format!("append {topic}"));
    if current.is_none() {
        child_of(&span, &parent);
    }
    span
}
