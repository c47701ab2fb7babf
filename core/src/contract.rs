//! Suites that every backend of a port must pass: a function for each sentence of the port's prose.
//!
//! To run them on a backend, write a [`support::Subject`] for it and give its maker to the suites' macros:
//!
//! ```ignore
//! rep_core::log_contract!(MySubject::fresh().await);
//! ```
//!
//! Each sentence becomes a test of its own. None expects an empty store: keys, users and groups are new in
//! every test, so that all may run at once on one shared server.

pub mod behaviour;
pub mod catalog;
pub mod log;
pub mod notifications;
pub mod popularity;
pub mod preferences;
pub mod support;
pub mod tickets;
