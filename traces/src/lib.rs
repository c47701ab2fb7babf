//! Spans to a collector by OTLP, and trace contexts across the log. The only user of OpenTelemetry.
//!
//! Who works calls [`begin`] or [`child_of`] on a span of `tracing`, and hands on what [`context_of`] says; without
//! [`Traces`] these do nothing and cost nothing. [`TracedLog`] does so for appends. Which traces are recorded is
//! decided where they begin ([`rep_core::is_in_sample`]); whoever comes later follows. Start at [`Traces`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod context;
mod export;
mod http;
mod log;
mod pseudonym;
mod queue;
mod sample;

pub use context::{begin, child_of, context_of, is_exported, link, name};
pub use export::{Traces, TracesConfig, TracesError};
pub use log::TracedLog;
pub use pseudonym::pseudonym;
