//! Spans and trace contexts: what a span follows from, and what follows from it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use rep_core::TraceContext;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Exporters of this process that run.
pub(crate) static EXPORTERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The id of the trace that is begun on this thread now.
    static BEGUN: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Whether spans are exported: what only costs time otherwise can be left out.
pub fn is_exported() -> bool {
    EXPORTERS.load(Ordering::Relaxed) > 0
}

/// Names `span` as collectors know it, such as `consumer` and `handle user.action.v1`. It declares the fields
/// `otel.kind` and `otel.name`, empty, so that log lines have them only where they serve.
pub fn name(span: &Span, kind: &'static str, name: impl FnOnce() -> String) {
    if is_exported() {
        span.record("otel.kind", kind);
        span.record("otel.name", name());
    }
}

/// Makes `span`, which has no parent, the first of the trace `trace_id`; gives what is to be handed on. `None` where
/// traces are not exported.
pub fn begin(span: &Span, trace_id: [u8; 16]) -> Option<TraceContext> {
    BEGUN.set(Some(TraceId::from_bytes(trace_id)));
    let context = context_of(span);
    BEGUN.set(None);
    context
}

/// Makes `span`, of which nothing was asked yet, follow from what happened elsewhere.
pub fn child_of(span: &Span, context: &TraceContext) {
    // It fails where traces are not exported, and then there is nothing to be done.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote(context)));
}

/// Notes that `span` has also to do with another trace.
pub fn link(span: &Span, context: &TraceContext) {
    span.add_link(remote(context));
}

/// What follows from `span` is to be handed this. `None` where traces are not exported.
pub fn context_of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span();
    let own = span.span_context();
    TraceContext::new(own.trace_id().to_bytes(), own.span_id().to_bytes(), own.is_sampled())
}

fn remote(context: &TraceContext) -> SpanContext {
    let flags = if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, parent) = (TraceId::from_bytes(context.trace_id()), SpanId::from_bytes(context.parent_id()));
    SpanContext::new(trace, parent, flags, true, TraceState::default())
}

/// Random ids, except for traces that are given theirs by [`begin`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        BEGUN.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
