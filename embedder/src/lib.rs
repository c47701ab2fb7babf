//! Text to unit vector: tokenizer, ONNX Runtime, mean pooling, normalisation; the store of models; the
//! HTTP service that offers the same to other processes. The only crate that knows `ort` and `tokenizers`.
//!
//! It never decides what to embed, never keeps products or vectors beyond its bounded cache, never fetches
//! anything unless [`ModelStore::pull`] is called, and never falls back to another model by itself.
//!
//! Start at [`OnnxEmbedder::load`], which turns a [`ModelDir`] into an
//! [`Embedder`](rep_core::ports::embedder::Embedder); wrap it in a [`CachedEmbedder`]; serve it with
//! [`http::router`]. One text's way: bounded queue, in lanes by who waits → tokenizer → batch by token budget →
//! session → pool → centre taken off → reply.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod backlog;
mod batch;
pub mod bench;
mod cached;
mod centres;
mod error;
pub mod http;
mod job;
mod manifest;
mod metrics;
mod model;
mod model_dir;
mod onnx;
mod pool;
mod queue;
mod runtime;
mod session;
mod store;
mod tokenize;
mod turns;
mod unigram;
mod worker;

pub use cached::{CacheKey, CachedEmbedder, VectorCache, VectorCacheError};
pub use error::LoadError;
pub use manifest::{Manifest, Pooling, Precision};
pub use model::TextModel;
pub use model_dir::{MANIFEST_FILE, ModelDir};
pub use onnx::{EmbedderOptions, OnnxEmbedder};
pub use runtime::{cache_dir, locate_runtime, runtime_version};
pub use session::SessionOptions;
pub use store::{HubOptions, KNOWN_MODELS, KnownModel, ModelEntry, ModelStore, Progress, StoreError};
