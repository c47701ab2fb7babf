//! The roles that read a log and have effects, and the one consume loop they share.
//!
//! A role never imports another; they meet in the log. Ports are handed in; nothing here knows which backend
//! keeps them. What is promised: at-least-once delivery, idempotent effects, an offset committed only after
//! the effect of every record before it. Start at [`Handler`] (what a role does with records) and
//! [`ConsumeLoop`] (what the loop does around it), then [`behaviour`], [`inventory`], [`notify`] and
//! [`catalog_embedder`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod behaviour;
pub mod catalog_embedder;
mod config;
mod consume_loop;
mod context;
mod dead_letters;
mod error;
mod frontier;
mod handler;
pub mod inventory;
pub mod notify;
mod pacing;
mod panics;
mod retry;
mod spans;
mod stats;

pub use config::{ConsumeConfig, RetryConfig};
pub use consume_loop::{ConsumeLoop, Source};
pub use context::RoleContext;
pub use error::{ConfigError, RoleError};
pub use frontier::Frontier;
pub use handler::{Handler, Rejected, Tally, Verdicts, reason};
pub use retry::Retry;
pub use stats::{DEAD_LETTERS_KEPT, DeadLetterSummary, LiveStats, RoleStats};
