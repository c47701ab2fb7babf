//! `knn`: nearest products, by the index alone.

use rep_backends::index::bench::{BenchConfig, run as bench};
use serde_json::{Value, json};

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let sizes: &[usize] = if quick { &[10_000] } else { &[10_000, 100_000, 1_000_000] };
    let mut reports = Vec::new();
    for &vectors in sizes {
        eprintln!("{vectors} × 768");
        let config = BenchConfig { vectors, dimensions: 768, ..BenchConfig::default() };
        let report = bench(&config)?;
        for filter in &report.filters {
            let (share, by) = (100.0 * filter.share, filter.by);
            let (p50, p99, recall) = (filter.p50_ms, filter.p99_ms, filter.recall_at_10);
            let (one, all) = (filter.qps_1, filter.qps_threads);
            eprintln!(
                "  {share:>5.1} % by {by:<8} p50 {p50:.3} ms, p99 {p99:.3} ms, {one:.0} and {all:.0} QPS on 1 and {} \
                 threads, recall {recall:.4}",
                report.threads
            );
        }
        reports.push(report);
    }
    Ok(
        json!({"bench": "knn", "reports": reports, "goal": "100k filtered p50_ms <= 0.5 at recall >= 0.99; 1M >= 1100 QPS at recall >= 0.98"}),
    )
}
