//! The benchmark runs on a real model and its report makes sense; speed itself is not judged here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rep_embedder::bench::{BenchOptions, bench};

#[test]
fn measures_a_model() {
    let options = BenchOptions {
        runtime: Some(support::runtime()),
        call_texts: vec![1, 2],
        case_time: Duration::ZERO,
        ..BenchOptions::default()
    };
    let mut steps = 0;
    let report = bench(&[support::model()], &options, &mut |_| steps += 1).unwrap();
    let model = &report.models[0];
    assert_eq!(model.speed.len(), 8);
    assert_eq!(steps, 1 + 8 + 1);
    for case in &model.speed {
        assert!(case.rounds >= 1 && case.texts_per_s > 0.0 && case.p50_ms <= case.p99_ms, "{case:?}");
    }
    assert!(model.retrieval.recall > 0.8, "{:?}", model.retrieval);
    assert!(report.agreement.is_none());
    assert_eq!(report.advice.len(), 1);
}
