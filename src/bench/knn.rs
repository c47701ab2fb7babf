//! `knn`: nearest products, by the index alone.

use rep_backends::index::bench::{BenchConfig, run as bench};
use serde_json::{Value, json};

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let sizes: &[usize] = if quick { &[10_000] } else { &[10_000, 100_000, 1_000_000] };
    let mut reports = Vec::new();
    for &vectors in sizes {
        eprintln!("{vectors} × 768");
        let config = BenchConfig { vectors, dimensions: 768, ..BenchConfig::default() };
        reports.push(bench(&config)?);
    }
    Ok(
        json!({"bench": "knn", "reports": reports, "goal": "100k filtered p50_ms <= 0.5 at recall >= 0.99; 1M >= 1100 QPS at recall >= 0.98"}),
    )
}
