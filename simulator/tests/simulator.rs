//! The tests of this crate: one program, so that what they are built on is linked once. `--test simulator runner` runs a part
//! of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod runner;
mod support;
mod traffic;
