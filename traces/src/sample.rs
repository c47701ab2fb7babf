//! Which traces are recorded.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use rep_core::is_in_sample;

/// A share of the traces that begin here, by [`is_in_sample`]; others as their parents are.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) ratio: f64,
}

impl ShouldSample for Sample {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let parent = parent.filter(|context| context.span().span_context().is_valid());
        let is_recorded = match parent {
            Some(context) => context.span().span_context().is_sampled(),
            None => is_in_sample(trace_id.to_bytes(), self.ratio),
        };
        SamplingResult {
            decision: if is_recorded { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop },
            attributes: Vec::new(),
            trace_state: parent.map_or_else(TraceState::default, |context| {
                context.span().span_context().trace_state().clone()
            }),
        }
    }
}
