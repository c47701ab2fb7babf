//! How the ports of `rep-core` are kept: by stores embedded in the process, or by servers.
//!
//! This crate is the only user of the storage engine and of the servers' clients. Nothing outside [`connect`] asks
//! which backend is there. Start at [`connect`], then [`embedded`], [`kafka`], [`elasticsearch`] and
//! [`redis`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod append;
mod clock;
mod connect;
pub mod elasticsearch;
pub mod embedded;
mod erased;
mod error;
mod hub;
mod in_memory;
mod inbox;
pub mod index;
pub mod kafka;
mod numbers;
pub mod places;
pub mod redis;
pub mod registry;
pub mod saving;
mod server_url;
mod tickets;
mod trial;

pub use clock::SystemClock;
pub use connect::{Backends, ConnectConfig, ConnectError, DataDir, Upkeep, connect, open_data_dir};
pub use places::{EMBEDDED, Places, Retrieval};
pub use server_url::ServerUrl;
pub use trial::Trial;
