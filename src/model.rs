//! `rep model`: which models are here, how one gets here, how fast one is.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use rep_embedder::bench::{BenchOptions, BenchReport};
use rep_embedder::{EmbedderOptions, HubOptions, KNOWN_MODELS, ModelDir, ModelStore, OnnxEmbedder, Progress};

use crate::cli::ModelCommand;
use crate::options::Settings;

pub(crate) fn run(command: ModelCommand) -> anyhow::Result<ExitCode> {
    let store = ModelStore::in_cache();
    match command {
        ModelCommand::List { json } => list(&store, json)?,
        ModelCommand::Pull { name, hub, revision, answer_within } => {
            let mut options = HubOptions::default();
            options.url = hub.map_or(options.url, |url| url.trim_end_matches('/').to_owned());
            options.revision = revision.unwrap_or(options.revision);
            if let Some(seconds) = answer_within {
                store.ask(&name, &options, Duration::from_secs(seconds))?;
            }
            pull(&store, &name, &options)?;
        }
        ModelCommand::Bench { models, json } => bench(&store, &models, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(store: &ModelStore, json: bool) -> anyhow::Result<()> {
    let entries = store.list()?;
    if json {
        println!("{}", serde_json::to_string_pretty(&entries)?);
        return Ok(());
    }
    println!("{:<24} {:>5}  {:<10} {:>10}  on this machine", "name", "width", "languages", "size");
    for entry in entries {
        let width = entry.dimensions.map_or_else(|| "?".to_owned(), |d| d.to_string());
        let place = match (&entry.path, &entry.problem) {
            (_, Some(problem)) => format!("unusable: {problem}"),
            (Some(path), None) => path.display().to_string(),
            (None, None) => "no".to_owned(),
        };
        let size = HumanBytes(entry.bytes).to_string();
        println!("{:<24} {width:>5}  {:<10} {size:>10}  {place}", entry.name, entry.languages.join(","));
    }
    Ok(())
}

fn pull(store: &ModelStore, name: &str, options: &HubOptions) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template(
        "{msg:>16} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let (shown, mut is_new) = (bar.clone(), false);
    let model = store.pull(name, options, &mut |progress| {
        is_new |= matches!(progress, Progress::Installed { .. });
        show(&shown, progress);
    })?;
    bar.finish_and_clear();
    println!("{name} is in {}", model.path().display());
    if is_new {
        print_trust(&model);
    }
    Ok(())
}

/// What was trusted on first use.
fn print_trust(model: &ModelDir) {
    let manifest = model.manifest();
    println!("from {}", manifest.source.as_deref().unwrap_or("an unknown place"));
    for (file, sha256) in &manifest.sha256 {
        println!("  {sha256}  {file}");
    }
    println!(
        "These were recorded now, as the hub gave them: trust on first use. They are compared each time the model is loaded."
    );
}

fn show(bar: &ProgressBar, progress: &Progress) {
    match progress {
        Progress::Started { file, resumed_bytes, bytes_total } => {
            bar.set_message(file.clone());
            bar.set_length(bytes_total.unwrap_or(*resumed_bytes));
            bar.set_position(*resumed_bytes);
        }
        Progress::Advanced { bytes, bytes_total, .. } => {
            bar.set_length(bytes_total.unwrap_or(*bytes));
            bar.set_position(*bytes);
        }
        Progress::Retrying { file, attempt, wait, reason } => {
            bar.println(format!(
                "{file}: attempt {attempt} failed ({reason}); next in {:.1} s",
                wait.as_secs_f64()
            ));
        }
        Progress::Verified { .. } | Progress::Installed { .. } => {}
    }
}

fn bench(store: &ModelStore, names: &[String], json: bool) -> anyhow::Result<()> {
    let open = |name: &String| store.resolve(name).with_context(|| format!("model `{name}`"));
    let names = if names.is_empty() { usable(store)? } else { names.to_vec() };
    let models = names.iter().map(open).collect::<anyhow::Result<Vec<ModelDir>>>()?;
    anyhow::ensure!(!models.is_empty(), "no embedding model is in `{}`", store.root().display());
    let report =
        rep_embedder::bench::bench(&models, &BenchOptions::default(), &mut |step| eprintln!("{step}"))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_report(&report);
    }
    Ok(())
}

/// The names of all models that can be used here.
fn usable(store: &ModelStore) -> anyhow::Result<Vec<String>> {
    let here = store.list()?.into_iter().filter(|entry| entry.path.is_some() && entry.problem.is_none());
    Ok(here.map(|entry| entry.name).collect())
}

fn print_report(report: &BenchReport) {
    for model in &report.models {
        println!("{} · {} dimensions · loaded in {:.0} ms", model.model, model.dimensions, model.load_ms);
        println!("  {:>7} {:>9} {:>9} {:>8} {:>8}", "tokens", "at once", "texts/s", "p50 ms", "p99 ms");
        for case in &model.speed {
            println!(
                "  {:>7} {:>9} {:>9.0} {:>8.1} {:>8.1}",
                case.tokens, case.call_texts, case.texts_per_s, case.p50_ms, case.p99_ms
            );
        }
        println!(
            "  finds {:.0} % of the right products by descriptions in English, {:.0} % where half is Korean",
            100.0 * model.retrieval.recall,
            100.0 * model.retrieval_bilingual.recall
        );
    }
    for sentence in &report.advice {
        println!("{sentence}");
    }
}

/// The model of `settings`: the one named, else the first of the known ones that is on this machine.
pub(crate) fn choose(settings: &Settings) -> anyhow::Result<ModelDir> {
    let store = ModelStore::in_cache();
    if let Some(name) = &settings.model {
        return store
            .resolve(name)
            .with_context(|| format!("model `{name}` cannot be used; `rep model list` shows what is there"));
    }
    let Some(known) = KNOWN_MODELS.iter().find(|known| store.is_installed(known.name)) else {
        anyhow::bail!(
            "no embedding model is in `{}`; fetch one with `scripts/fetch-model.sh` or `rep model pull {}`",
            store.root().display(),
            KNOWN_MODELS[0].name
        );
    };
    if known.languages == ["en"] {
        tracing::warn!(
            model = known.name,
            "using an English model, since no multilingual one is on this machine (`scripts/fetch-model.sh`); Korean is \
             found by words"
        );
    } else if known.name != KNOWN_MODELS[0].name {
        tracing::info!(
            model = known.name,
            "using the small multilingual model, since {} is not on this machine (`rep model pull {}`)",
            KNOWN_MODELS[0].name,
            KNOWN_MODELS[0].name
        );
    }
    Ok(store.resolve(known.name)?)
}

/// Loads `model`. Takes about half a second for a small one.
pub(crate) fn load(model: &ModelDir, settings: &Settings) -> anyhow::Result<OnnxEmbedder> {
    let options = EmbedderOptions {
        runtime: settings.onnxruntime.clone(),
        workers: settings.embed_workers,
        backlog_workers: settings.embed_backlog_workers,
        ..EmbedderOptions::default()
    };
    OnnxEmbedder::load(model, options)
        .with_context(|| format!("model `{}` cannot be loaded", model.path().display()))
}
