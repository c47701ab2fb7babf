//! What we are measured against: methods of others, written here so that a table needs nothing else.

mod bpr;
mod knn;

pub use bpr::{Bpr, BprRules};
pub use knn::{ItemKnn, KnnRules};
