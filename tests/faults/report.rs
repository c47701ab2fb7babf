//! What a matrix of runs came to, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use crate::rows::Row;
use crate::run::Outcome;

/// Findings of one kind that are shown.
const SHOWN_MAX: usize = 8;

/// A row's runs.
#[derive(Default)]
pub(crate) struct Summary {
    runs: usize,
    acknowledged: usize,
    late: usize,
    told: usize,
    lost: usize,
    doubled: usize,
    recoveries: Vec<Duration>,
    /// What was not as promised.
    pub(crate) failures: Vec<String>,
}

impl Summary {
    /// Takes in a run with `seed`.
    pub(crate) fn add(&mut self, row: &Row, seed: u64, outcome: anyhow::Result<Outcome>) {
        self.runs += 1;
        let replay = format!("REP_FAULT_ROW={} REP_FAULT_SEED={seed}", row.name);
        let Outcome { verdict, recovery } = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                println!("{replay}: {error:#}");
                self.failures.push(format!("{replay}: {error:#}"));
                return;
            }
        };
        let (lost, doubled) = (verdict.lost.len(), verdict.doubled.len());
        println!(
            "{replay}: {} acknowledged, {} on late products, {} told, {lost} lost, {doubled} doubled, recovered in {:.1} s",
            verdict.acknowledged,
            verdict.late,
            verdict.told,
            recovery.as_secs_f64(),
        );
        self.acknowledged += verdict.acknowledged;
        self.late += verdict.late;
        self.told += verdict.told;
        self.lost += lost;
        self.doubled += doubled;
        self.recoveries.push(recovery);
        for (kind, found) in [("lost", verdict.lost), ("doubled", verdict.doubled), ("wrong", verdict.wrong)]
        {
            for finding in found.iter().take(SHOWN_MAX) {
                println!("  {kind}: {finding}");
            }
            if !found.is_empty() {
                self.failures.push(format!("{replay}: {} {kind}, such as: {}", found.len(), found[0]));
            }
        }
    }
}

/// The table of `summaries`, in Markdown.
pub(crate) fn table(summaries: &[(&Row, Summary)]) -> String {
    let mut table =
        String::from("| fault | besides 0 lost and 0 doubled | runs | acknowledged | on late products | ");
    table
        .push_str("notified | lost | doubled | recovery p50, max |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for (row, summary) in summaries {
        let mut recoveries = summary.recoveries.clone();
        recoveries.sort();
        let seconds = |at: usize| recoveries.get(at).map_or(f64::NAN, Duration::as_secs_f64);
        let (middle, last) = (recoveries.len() / 2, recoveries.len().saturating_sub(1));
        let failed = if summary.failures.is_empty() { "" } else { " **failed**" };
        let Summary { runs, acknowledged, late, told, lost, doubled, .. } = summary;
        // Writing to a text cannot fail.
        let _ = writeln!(
            table,
            "| {}{failed} | {} | {runs} | {acknowledged} | {late} | {told} | {lost} | {doubled} | {:.1} s, {:.1} s |",
            row.title,
            row.promise,
            seconds(middle),
            seconds(last),
        );
    }
    table
}
