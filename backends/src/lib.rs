//! How the ports of `rep-core` are kept: by stores embedded in the process, and the log by Kafka too.
//!
//! This crate is the only user of the storage engine and of Kafka's client. Nothing outside [`connect`] asks which
//! backend is there. Start at [`connect`], then [`embedded`] and [`kafka`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod clock;
mod connect;
pub mod embedded;
pub mod index;
pub mod kafka;
pub mod registry;

pub use clock::SystemClock;
pub use connect::{Backends, ConnectConfig, ConnectError, connect};
