//! The search store, on a real Elasticsearch: the contracts of its ports, and what only this backend can be asked.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod behaviour;
mod bulk;
mod catalog;
mod faults;
mod history;
mod indices;
mod outage;
mod preferences;
mod replica;
mod server;
#[path = "../support/servers.rs"]
mod servers;
mod speed;
