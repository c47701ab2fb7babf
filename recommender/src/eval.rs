//! How good recommendations are on a log: what comes next for each shopper is hidden, and looked for in the first ten.

mod bootstrap;
mod fold;
mod lineup;
mod measure;
mod models;
mod table;
mod tune;

pub use bootstrap::{Interval, ratio_interval};
pub use fold::{Fold, Query, leave_last, split_in_time};
pub use lineup::{EvalError, EvalRules, Method, Outcome, Protocol, evaluate};
pub use measure::{CUTOFF, Measured, Summary, measure, summary};
pub use models::{ModelRules, Models};
pub use table::{pooled_table, table};
