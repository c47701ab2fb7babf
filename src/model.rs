//! `rep model`: which models are here, how one gets here, how fast one is.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use rep_embedder::bench::{BenchOptions, BenchReport};
use rep_embedder::{EmbedderOptions, HubOptions, ModelDir, ModelStore, OnnxEmbedder, Progress};

use crate::cli::ModelCommand;
use crate::options::Settings;

/// The model of the product, and the one used where nobody fetched it.
const MODELS_DEFAULT: [&str; 2] = ["multilingual-e5-base", "all-MiniLM-L6-v2"];

pub(crate) fn run(command: ModelCommand) -> anyhow::Result<ExitCode> {
    let store = ModelStore::in_cache();
    match command {
        ModelCommand::List { json } => list(&store, json)?,
        ModelCommand::Pull { name, hub, revision } => {
            let mut options = HubOptions::default();
            options.url = hub.map_or(options.url, |url| url.trim_end_matches('/').to_owned());
            options.revision = revision.unwrap_or(options.revision);
            pull(&store, &name, &options)?;
        }
        ModelCommand::Bench { model, other, json } => bench(&store, &model, other.as_deref(), json)?,
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
    let shown = bar.clone();
    let model = store.pull(name, options, &mut |progress| show(&shown, progress))?;
    bar.finish_and_clear();
    println!("{name} is in {}", model.path().display());
    Ok(())
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

fn bench(store: &ModelStore, model: &str, other: Option<&str>, json: bool) -> anyhow::Result<()> {
    let open = |name: &str| store.resolve(name).with_context(|| format!("model `{name}`"));
    let (first, second) = (open(model)?, other.map(open).transpose()?);
    let models: Vec<ModelDir> = std::iter::once(first).chain(second).collect();
    let report =
        rep_embedder::bench::bench(&models, &BenchOptions::default(), &mut |step| eprintln!("{step}"))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_report(&report);
    }
    Ok(())
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
        println!("  finds {:.0} % of the right products by descriptions", 100.0 * model.retrieval.recall);
    }
    for sentence in &report.advice {
        println!("{sentence}");
    }
}

/// The model of `settings`: the one named, else the first default that is on this machine.
pub(crate) fn choose(settings: &Settings) -> anyhow::Result<ModelDir> {
    let store = ModelStore::in_cache();
    if let Some(name) = &settings.model {
        return store
            .resolve(name)
            .with_context(|| format!("model `{name}` cannot be used; `rep model list` shows what is there"));
    }
    let Some(name) = MODELS_DEFAULT.into_iter().find(|name| store.is_installed(name)) else {
        anyhow::bail!(
            "no embedding model is in `{}`; fetch one with `scripts/fetch-model.sh` or `rep model pull {}`",
            store.root().display(),
            MODELS_DEFAULT[0]
        );
    };
    if name != MODELS_DEFAULT[0] {
        tracing::warn!(
            model = name,
            "using an English model, since {} is not on this machine (`rep model pull {}`); Korean is found by words",
            MODELS_DEFAULT[0],
            MODELS_DEFAULT[0]
        );
    }
    Ok(store.resolve(name)?)
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
