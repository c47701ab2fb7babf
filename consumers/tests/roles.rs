//! The tests of this crate: one program, so that what they are built on is linked once. `--test roles behaviour` runs a
//! part of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod behaviour;
mod catalog_embedder;
mod embedded;
mod faults;
mod interop;
mod notifications;
mod other_writers;
mod remembering;
mod replay;
#[path = "../../backends/tests/support/servers.rs"]
#[allow(dead_code, reason = "these tests send their servers no signals")]
mod servers;
mod support;
mod telemetry;
mod urgent;
mod waiting;
