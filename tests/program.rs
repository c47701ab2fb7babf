//! The program as its users run it: one test program, so that what it is built on is linked once. `--test program operate`
//! runs a part of it; [`faults`](faults/main.rs) and [`on_servers`](on_servers.rs), which start servers, are programs of
//! their own.
#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod doors;
mod failures;
mod first_release;
mod fuzz;
mod kill;
mod operate;
mod parts;
mod relevance;
mod support;
mod traces;
