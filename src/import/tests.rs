//! The whole import against a double of the API, samples, and arbitrary input.

mod arbitrary;
mod double;
mod faults;
mod manners;
mod parquet;
mod samples;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::ImportArgs;
use super::pipeline;
use super::report::ImportOutcome;
use crate::client::ApiArgs;

/// Arguments as the command line gives them, with a short wait for retries.
fn args(file: &Path, api: &str) -> ImportArgs {
    ImportArgs {
        file: file.to_owned(),
        kind: None,
        format: None,
        api: ApiArgs { api_url: Some(api.to_owned()), token: None, config: None },
        source_name: None,
        rejects: None,
        dry_run: false,
        limit: None,
        batch: 1_000,
        retry_for: Duration::from_secs(10),
        wait: None,
    }
}

fn dry(file: &Path) -> ImportArgs {
    ImportArgs { dry_run: true, ..args(file, "http://127.0.0.1:9") }
}

fn import(args: &ImportArgs) -> (ImportOutcome, anyhow::Result<()>) {
    let (outcome, result) = pipeline::import(args);
    let counted = outcome.accepted + outcome.duplicates + outcome.refused + outcome.unconfirmed;
    assert_eq!(outcome.read, counted, "each record is counted once: {outcome}");
    (outcome, result)
}

fn done(args: &ImportArgs) -> ImportOutcome {
    let (outcome, result) = import(args);
    result.unwrap();
    outcome
}

/// A file that is there as long as the folder is held.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}
