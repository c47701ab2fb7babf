//! The embedded backend: every port's contract, and what only a data directory can be asked.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod checkpoint;
mod contracts;
mod disk;
mod fold;
mod kill;
mod log_model;
mod scrub;
mod speed;
mod store;
mod upkeep;
