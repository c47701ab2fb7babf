//! The log on a real Kafka and the registry's client against a real registry: the port's contract, unchanged, and
//! what only a broker can be asked.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod broker;
mod contract;
mod lives;
mod members;
mod registry;
mod releases;
mod secured;
#[path = "../support/servers.rs"]
mod servers;
mod speed;
mod subject;
mod topics;
mod zombie;
