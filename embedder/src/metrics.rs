//! Names of this crate's metrics, in one place. Labels: `kind` is `query` or `passage`.

use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use rep_core::ports::embedder::TextKind;

pub(crate) fn label(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Query => "query",
        TextKind::Passage => "passage",
    }
}

/// A batch has been through the model.
pub(crate) fn batch(kind: TextKind, rows: usize, tokens: usize, took: Duration) {
    counter!("rep_embed_texts_total", "kind" => label(kind)).increment(rows as u64);
    histogram!("rep_embed_batch_tokens", "kind" => label(kind)).record(tokens as f64);
    histogram!("rep_embed_batch_seconds", "kind" => label(kind)).record(took.as_secs_f64());
}

/// A text was longer than the model's maximum and has been cut.
pub(crate) fn truncated(kind: TextKind) {
    counter!("rep_embed_truncated_total", "kind" => label(kind)).increment(1);
}

/// A call was answered, well or not: from its first text queued to its last vector.
pub(crate) fn answered(kind: TextKind, took: Duration) {
    histogram!("rep_embed_seconds", "kind" => label(kind)).record(took.as_secs_f64());
}

/// A call failed; `reason` is `overloaded`, `unavailable` or `failed`.
pub(crate) fn failed(kind: TextKind, reason: &'static str) {
    counter!("rep_embed_errors_total", "kind" => label(kind), "reason" => reason).increment(1);
}

/// Texts that wait now.
pub(crate) fn queue_depth(kind: TextKind, texts: usize) {
    gauge!("rep_embed_queue_depth", "kind" => label(kind)).set(texts as f64);
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
