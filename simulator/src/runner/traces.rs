//! Which simulated actions begin a recorded trace.

use rep_core::{UserAction, is_in_sample, stable_hash128};
use tracing::Span;
use tracing::field::Empty;

/// The span of `action` if it is among the share `sample`. The trace's id follows from the action's: the same seed
/// traces the same actions.
pub(super) fn begin(action: &UserAction, sample: f64) -> Option<Span> {
    if sample <= 0.0 {
        return None;
    }
    let trace_id = stable_hash128(action.trace_id.as_str().as_bytes()).to_be_bytes();
    if !is_in_sample(trace_id, sample) {
        return None;
    }
    let span = tracing::error_span!(
        parent: None,
        "simulated action",
        action_trace_id = action.trace_id.as_str(),
        otel.kind = Empty,
        otel.name = Empty,
    );
    rep_traces::name(&span, "client", || format!("simulated {}", action.action_type.as_str()));
    rep_traces::begin(&span, trace_id).is_some().then_some(span)
}
