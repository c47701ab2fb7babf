//! `embed`: texts a second of the models on this machine.

use rep_embedder::bench::{BenchOptions, bench};
use rep_embedder::{ModelDir, ModelStore};
use serde_json::{Value, json};

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let store = ModelStore::in_cache();
    let here =
        store.list()?.into_iter().filter(|entry| entry.problem.is_none()).filter_map(|entry| entry.path);
    let models: Vec<ModelDir> = here.map(ModelDir::open).collect::<Result<_, _>>()?;
    let mut options = BenchOptions::default();
    if quick {
        options.case_time /= 10;
    }
    let report = bench(&models, &options, &mut |step| eprintln!("{step}"))?;
    Ok(json!({"bench": "embed", "report": report}))
}
