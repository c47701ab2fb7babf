//! Every port on one crash-safe LSM database in a data directory.
//!
//! The log is the truth. Appends are synced to disk before they are acknowledged; what follows from the log
//! is written behind it, in the same journal: after a crash each later write is there only if all earlier
//! ones are. State that is a fold of the log ([`preferences`], [`popularity`]) lives in memory and is
//! written with the offsets it follows from, in one batch.

pub mod behaviour;
pub mod catalog;
mod codec;
mod db;
pub mod embeddings;
mod error;
pub(crate) mod id_hash;
pub mod log;
pub mod notifications;
pub mod popularity;
pub mod preferences;
pub mod schemas;
pub(crate) mod scrub;
pub mod tickets;

pub use db::{Db, DbConfig};
pub use error::OpenError;
