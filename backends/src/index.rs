//! Products found by vectors and by words: derived data in memory, made anew at each start.
//!
//! Start at [`VectorIndex`] and [`LexicalIndex`]; both know products by their ids and what filters ask of
//! them, nothing else.

mod exact;
mod fields;
mod kernel;
mod lexical;
mod quantise;
mod rows;
mod top;
mod vectors;

pub use kernel::Kernel;
pub use lexical::LexicalIndex;
pub use vectors::{Neighbour, VectorIndex, WidthError};
