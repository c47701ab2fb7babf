//! Products found by vectors and by words: derived data in memory, made anew at each start.
//!
//! Start at [`VectorIndex`] and [`LexicalIndex`]; both know products by their ids and what filters ask of
//! them, nothing else.

pub mod bench;
mod exact;
mod fields;
mod graph;
mod kernel;
pub(crate) mod lexical;
mod plan;
mod quantise;
pub(crate) mod random;
mod rows;
mod store;
mod top;
mod upkeep;
mod vectors;

pub use kernel::Kernel;
pub use lexical::LexicalIndex;
pub use vectors::{GRAPH_VECTORS_MIN, GraphConfig, Neighbour, VectorIndex, WidthError};
