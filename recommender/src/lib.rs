//! Who likes what, and what goes with what, learned from a log of events: item factors with a shopper's factor solved
//! when it is asked for ([`factors`]), co-occurrence kept one event at a time ([`cooccurrence`]), decayed counts
//! ([`popularity`]), texts ([`text`]), and a learned combination of them ([`learn`]); and how good all of it is on a log that
//! it has not seen ([`eval`]).
//!
//! Functions of values: no clock, no network, no files; randomness is a seed ([`Draws`]) that is handed in. Learning uses
//! two threads at most and gives the same result on one. It never decides what *may* be shown, only how good it is.
//!
//! Shoppers and items are dense rows from 0: the caller keeps the map to ids. Start at [`log`] and [`scorer`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod baselines;
pub mod cooccurrence;
mod draws;
pub mod eval;
pub mod factors;
pub mod features;
pub mod learn;
pub mod linear;
pub mod log;
pub mod popularity;
mod rows;
pub mod scorer;
pub mod text;
mod threads;

pub use draws::Draws;
pub use factors::{FactorRules, ItemFactors, Liked, Prior};
pub use log::{Event, Log, Past};
pub use rows::Rows;
pub use threads::THREADS_MAX;
