//! Ports: what can be swapped between one process and a cluster. Each states its semantics in prose; the
//! contract suites in [`crate::contract`] hold every backend to them.

pub mod behaviour;
pub mod catalog;
pub mod embedder;
mod error;
pub mod log;
pub mod notifications;
pub mod popularity;
pub mod preferences;
pub mod schemas;
pub mod tickets;

pub use error::{StoreError, StoreErrorKind, one_each};
