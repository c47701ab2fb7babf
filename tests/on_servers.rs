//! The program beside real servers, which the tests start: one test program, so that what it is built on is linked once.
#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod cluster;
mod doctor;
mod erasure;
mod first_release_servers;
mod indices;
#[path = "../backends/tests/support/servers.rs"]
#[expect(dead_code, reason = "these tests send their servers no signals")]
mod servers;
mod support;
