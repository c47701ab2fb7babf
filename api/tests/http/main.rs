//! The router in process, on small stores in memory that can be told to fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod auth;
mod catalogue;
mod dead_letters;
mod edge;
mod encoding;
mod events;
mod fuzz;
mod notifications;
mod origins;
mod recommendations;
mod search;
mod streams;
mod support;
mod topics;
mod traces;
mod users;
mod variants;
mod wire;
