//! The benchmark runs on a real model and its report makes sense; speed itself is not judged here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rep_embedder::bench::{BenchOptions, bench};

#[test]
fn measures_and_compares_models() {
    let options = BenchOptions {
        runtime: Some(support::runtime()),
        call_texts: vec![1, 2],
        case_time: Duration::ZERO,
        ..BenchOptions::default()
    };
    let mut steps = 0;
    let report = bench(&[support::model(), support::english_model()], &options, &mut |_| steps += 1).unwrap();
    assert_eq!(steps, 2 * (1 + 8 + 1));
    for model in &report.models {
        assert_eq!(model.speed.len(), 8);
        for case in &model.speed {
            assert!(case.rounds >= 1 && case.texts_per_s > 0.0 && case.p50_ms <= case.p99_ms, "{case:?}");
        }
    }
    let [multilingual, english] = [&report.models[0], &report.models[1]];
    assert!(multilingual.retrieval.recall > 0.6, "{:?}", multilingual.retrieval);
    assert!(english.retrieval.recall > 0.8, "{:?}", english.retrieval);
    assert!(multilingual.retrieval_bilingual.recall > english.retrieval_bilingual.recall + 0.1);
    assert!(report.agreements.is_empty());
    assert_eq!(report.advice.len(), 3, "{:?}", report.advice);
}
