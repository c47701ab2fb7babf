//! The fault matrix: a cluster's roles as processes on real servers, faults under load, and an oracle at the end.
//!
//! `cargo test` runs a smoke of it, `make faults` the whole. docs/reliability.md tells what is promised.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod cluster;
mod load;
mod oracle;
mod process;
mod proxy;
mod report;
mod rows;
mod run;
#[path = "../../backends/tests/support/servers.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod servers;
#[path = "../support/mod.rs"]
mod support;

use cluster::Cluster;
use report::{Summary, table};
use rows::{ROWS, Row, SMOKE};
use support::Random;

/// Seeds of a row, unless the environment says how many.
const SEEDS: u64 = 3;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` must be a number, got `{text}`")))
}

/// Runs each of `rows` once a seed. What failed once gets a new cluster, so that it spoils nothing after it.
fn run_all<'a>(rows: &[&'a Row], seeds: &[u64]) -> Vec<(&'a Row, Summary)> {
    let mut cluster: Option<Cluster> = None;
    let mut summaries = Vec::new();
    for row in rows {
        let mut summary = Summary::default();
        for seed in seeds {
            let outcome = match cluster.take().map_or_else(Cluster::start, Ok) {
                Ok(whole) => {
                    let outcome = run::run(&whole, row, *seed);
                    match &outcome {
                        Ok(_) => cluster = Some(whole),
                        Err(_) => println!("{}", whole.log_ends()),
                    }
                    outcome
                }
                Err(error) => Err(error.context("the cluster does not start")),
            };
            summary.add(row, *seed, outcome);
        }
        summaries.push((*row, summary));
    }
    summaries
}

#[track_caller]
fn assert_as_promised(summaries: &[(&Row, Summary)]) {
    let failures: Vec<&String> = summaries.iter().flat_map(|(_, summary)| &summary.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn smoke() {
    assert_as_promised(&run_all(&[&SMOKE], &[number("REP_FAULT_SEED").unwrap_or_else(support::seed)]));
}

#[test]
#[ignore = "takes two minutes a row and seed; `make faults` runs it"]
fn matrix() {
    let only = std::env::var("REP_FAULT_ROW").unwrap_or_default();
    let wanted = |row: &&Row| only.is_empty() || only.split(',').any(|name| name == row.name);
    let rows: Vec<&Row> = ROWS.iter().filter(wanted).collect();
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    assert!(!rows.is_empty(), "`REP_FAULT_ROW` names some of {}", names.join(", "));
    let seeds = match number("REP_FAULT_SEED") {
        Some(seed) => vec![seed],
        None => {
            let mut random = Random(support::seed());
            (0..number("REP_FAULT_SEEDS").unwrap_or(SEEDS)).map(|_| random.below(1_000_000)).collect()
        }
    };
    let summaries = run_all(&rows, &seeds);
    let table = table(&summaries);
    println!("\n{table}");
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/fault-matrix.md"), table).unwrap();
    assert_as_promised(&summaries);
}
