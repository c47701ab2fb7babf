//! The contracts that Redis keeps, on a real one, and what only it can be asked.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod cache;
mod contracts;
mod failover;
mod fold;
mod inbox;
mod saving;
#[path = "../support/servers.rs"]
mod servers;
mod subject;
mod waiting;
