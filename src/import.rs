//! `rep import`: products or events from a CSV, TSV, JSONL or Parquet file into a running REP.
//!
//! A file becomes records ([`csv_file`], [`jsonl`], [`parquet_file`]), a record becomes an item or a reason
//! why not ([`product`], [`event`]), items become bounded batches ([`batch`]), and a batch is over when each
//! of its items has a verdict of the API ([`sender`], [`answer`]). Nothing is counted as accepted before the
//! API said so of that very item, and each record is counted exactly once. Start at [`pipeline`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod answer;
mod args;
mod batch;
mod columns;
mod csv_file;
mod detect;
mod entry;
mod event;
mod fields;
mod identity;
mod input;
mod jsonl;
mod lines;
mod parquet_file;
mod parquet_value;
mod pipeline;
mod product;
mod progress;
mod refusals;
mod report;
mod retry;
mod sender;
mod spool;
#[cfg(test)]
mod tests;
mod value;
mod waiting;

pub(crate) use args::ImportArgs;
pub(crate) use report::ImportOutcome;

/// Imports one file and blocks until it is done; prints progress and refused records to standard error and
/// the report to standard output.
///
/// Running it again has no second effect: products are replaced by what they already are, and events carry
/// the same trace ids. The process should end with [`ImportOutcome::exit_code`].
///
/// # Errors
/// When the import could not be finished: an unreadable file, wrong columns, an API that cannot be reached
/// or answers what is not understood. What was accepted until then stays accepted and is in the report.
pub(crate) fn run(args: ImportArgs) -> anyhow::Result<ImportOutcome> {
    let (outcome, result) = pipeline::import(&args);
    if outcome.read > 0 || result.is_ok() {
        report::print(&outcome)?;
    }
    if result.is_ok() && outcome.accepted > 0 && !args.dry_run {
        match waiting::report(&args) {
            Ok(Some(line)) => report::print(&line)?,
            Ok(None) => {}
            Err(error) if args.wait.is_some() => return Err(error),
            Err(error) => tracing::debug!(%error, "how far the effects are is unknown"),
        }
    }
    result.map(|()| outcome)
}
