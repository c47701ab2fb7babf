//! A small world in memory: a log and stores whose every call can fail, hang or be the last one.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part of it")]

pub mod embedder;
pub mod events;
pub mod faults;
pub mod fold;
pub mod log;
pub mod ports;
pub mod stores;
pub mod world;
