//! Work in traces: what a batch follows from, and the stages within it.

use std::future::Future;

use rep_core::TraceContext;
use rep_core::ports::log::Record;
use rep_traces::{child_of, context_of, is_exported, link, name};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Recorded traces that a batch appears in, at most; further ones end with their append.
const TRACES_MAX: usize = 32;

/// The work on some records, in the traces that they are part of; ends when it is dropped.
///
/// The first recorded trace has the work's own span, with all stages; the others have one each beside it, linked both
/// ways. Records that are part of no trace lead to no span.
pub(crate) struct Work {
    span: Span,
    _beside: Vec<Span>,
}

impl Work {
    /// `role` does `what` to `records`.
    pub(crate) fn on(records: &[Record], role: &'static str, what: &'static str) -> Self {
        let sampled = records.iter().filter_map(|record| record.trace).find(TraceContext::is_sampled);
        let Some(first) = sampled.or_else(|| records.iter().find_map(|record| record.trace)) else {
            return Self { span: Span::none(), _beside: Vec::new() };
        };
        let span = span(role, what, records.len());
        let is_one = |record: &Record| record.trace.is_some_and(|trace| trace.trace_id() == first.trace_id());
        if records.iter().all(is_one) {
            span.record("trace_id", first.trace_id_text());
        }
        child_of(&span, &first);
        let beside = context_of(&span)
            .filter(TraceContext::is_sampled)
            .map_or_else(Vec::new, |own| beside(records, &own, role, what));
        for (trace, _) in &beside {
            link(&span, trace);
        }
        Self { span, _beside: beside.into_iter().map(|(_, span)| span).collect() }
    }

    /// Within it log lines have the trace's id, if all records are part of one.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }
}

/// Each recorded trace of `records` that is not `own`, as what was appended has it, and its span.
fn beside(
    records: &[Record],
    own: &TraceContext,
    role: &'static str,
    what: &'static str,
) -> Vec<(TraceContext, Span)> {
    let mut beside: Vec<(TraceContext, Span)> = Vec::new();
    for trace in records.iter().filter_map(|record| record.trace).filter(TraceContext::is_sampled) {
        let is_there = |(known, _): &(TraceContext, Span)| known.trace_id() == trace.trace_id();
        if trace.trace_id() == own.trace_id() || beside.iter().any(is_there) {
            continue;
        }
        let span = span(role, what, records.len());
        child_of(&span, &trace);
        link(&span, own);
        beside.push((trace, span));
        if beside.len() + 1 >= TRACES_MAX {
            break;
        }
    }
    beside
}

/// Of the highest level: whatever is logged, it is logged with the trace's id.
fn span(role: &'static str, what: &'static str, records: usize) -> Span {
    let span = tracing::error_span!(
        parent: None,
        "work",
        role,
        what,
        records,
        trace_id = Empty,
        otel.kind = Empty,
        otel.name = Empty,
    );
    name(&span, "consumer", || format!("{role} {what}"));
    span
}

/// `call` as a stage of the present work, where that is exported.
pub(crate) async fn in_stage<T>(stage: &'static str, call: impl Future<Output = T>) -> T {
    let span = if is_exported() && !Span::current().is_none() {
        tracing::error_span!("stage", stage, otel.name = stage)
    } else {
        Span::none()
    };
    call.instrument(span).await
}
