//! Names of this crate's metrics, in one place. Labels: `kind` is `query` or `passage`; where texts are told apart
//! by who waits, those that nobody waits for are `backlog`, of either kind.

use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use rep_core::ports::embedder::TextKind;

use crate::queue::Lane;

pub(crate) fn label(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Query => "query",
        TextKind::Passage => "passage",
    }
}

fn lane_label(lane: Lane) -> &'static str {
    match lane {
        Lane::Query => "query",
        Lane::Passage => "passage",
        Lane::Backlog => "backlog",
    }
}

/// A batch has been through the model.
pub(crate) fn batch(lane: Lane, rows: usize, tokens: usize, took: Duration) {
    counter!("rep_embed_texts_total", "kind" => lane_label(lane)).increment(rows as u64);
    histogram!("rep_embed_batch_tokens", "kind" => lane_label(lane)).record(tokens as f64);
    histogram!("rep_embed_batch_seconds", "kind" => lane_label(lane)).record(took.as_secs_f64());
}

/// A text was longer than the model's maximum and has been cut.
pub(crate) fn truncated(kind: TextKind) {
    counter!("rep_embed_truncated_total", "kind" => label(kind)).increment(1);
}

/// A call was answered, well or not: from its first text queued to its last vector.
pub(crate) fn answered(lane: Lane, took: Duration) {
    histogram!("rep_embed_seconds", "kind" => lane_label(lane)).record(took.as_secs_f64());
}

/// A call failed; `reason` is `overloaded`, `unavailable` or `failed`.
pub(crate) fn failed(lane: Lane, reason: &'static str) {
    counter!("rep_embed_errors_total", "kind" => lane_label(lane), "reason" => reason).increment(1);
}

/// Texts that wait now.
pub(crate) fn queue_depth(lane: Lane, texts: usize) {
    gauge!("rep_embed_queue_depth", "kind" => lane_label(lane)).set(texts as f64);
}

/// Vectors found in a cache; `tier` is `memory` or `durable`.
pub(crate) fn cache_hits(kind: TextKind, tier: &'static str, texts: usize) {
    counter!("rep_embed_cache_hits_total", "kind" => label(kind), "tier" => tier).increment(texts as u64);
}

/// Texts that no cache knew.
pub(crate) fn cache_misses(kind: TextKind, texts: usize) {
    counter!("rep_embed_cache_misses_total", "kind" => label(kind)).increment(texts as u64);
}

/// The durable cache failed or held something unusable; the text was embedded instead.
pub(crate) fn cache_errors(operation: &'static str) {
    counter!("rep_embed_cache_errors_total", "operation" => operation).increment(1);
}

/// Copies of the model in memory: one a thread for urgent texts, more while there is a backlog.
pub(crate) fn models_in_memory(copies: usize) {
    gauge!("rep_embed_models_in_memory").set(copies as f64);
}

/// The system refused the backlog's low priority; it works at the normal one.
pub(crate) fn priority_refused() {
    counter!("rep_embed_backlog_priority_refused_total").increment(1);
}
