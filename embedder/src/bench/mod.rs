//! What `rep model bench` measures on the user's own machine: how fast a model is, whether it finds the right
//! things, and whether its int8 form may take the place of its fp32 form.

mod report;
mod retrieval;
mod speed;
mod texts;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rep_core::ports::embedder::EmbedError;

pub use self::report::{Agreement, BenchReport, ModelReport, Retrieval, SpeedCase};
use self::retrieval::{Trial, agreement};
use self::texts::Catalogue;
use crate::{LoadError, ModelDir, Precision, SessionOptions, TextModel};

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// ONNX Runtime's library; `None`: as [`locate_runtime`](crate::locate_runtime) finds it.
    pub runtime: Option<PathBuf>,
    /// How the models are run.
    pub session: SessionOptions,
    /// Padded tokens a batch; default 256, as in [`EmbedderOptions`](crate::EmbedderOptions).
    pub batch_tokens_max: usize,
    /// Texts in one call, each size a case of its own; default 1 and 32.
    pub call_texts: Vec<usize>,
    /// Time for one case, 0 to 60 s; default 1 s. A case takes one round at least.
    pub case_time: Duration,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self {
            runtime: None,
            session: SessionOptions::default(),
            batch_tokens_max: 256,
            call_texts: vec![1, 32],
            case_time: Duration::from_secs(1),
        }
    }
}

/// Why a benchmark could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A model could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A model could not embed the texts.
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

/// Measures models, and compares them. Blocks, for some ten seconds a model with the defaults (minutes for large models
/// on slow machines); `progress` gets a line for each step.
///
/// Models are loaded one after the other, so that they do not compete for memory. Where one is the int8 form of another,
/// the report says how well they agree, and its advice which of them to use.
pub fn bench(
    models: &[ModelDir],
    options: &BenchOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<BenchReport, BenchError> {
    let (english, bilingual) = (Catalogue::new(false), Catalogue::new(true));
    let mut reports = Vec::new();
    let mut trials: Vec<Trial> = Vec::new();
    for dir in models {
        let id = &dir.manifest().id;
        progress(&format!("loading {id}"));
        let started = Instant::now();
        let mut model = TextModel::load(dir, options.runtime.as_deref(), options.session)?;
        let load_ms = milliseconds(started.elapsed());
        let speed = speed::measure(&mut model, options, progress)?;
        progress(&format!("{id}: searching {} products", english.passages.len()));
        let in_english = Trial::run(&mut model, &english, options.batch_tokens_max)?;
        let in_both = Trial::run(&mut model, &bilingual, options.batch_tokens_max)?;
        reports.push(ModelReport {
            model: id.clone(),
            precision: dir.manifest().precision,
            dimensions: dir.manifest().dimensions,
            file_bytes: std::fs::metadata(dir.onnx()).map_or(0, |facts| facts.len()),
            load_ms,
            intra_threads: options.session.intra_threads,
            speed,
            retrieval: in_english.retrieval(&english),
            retrieval_bilingual: in_both.retrieval(&bilingual),
        });
        trials.push(if knows_korean(dir) { in_both } else { in_english });
    }
    let agreements = pairs(&reports)
        .into_iter()
        .map(|(exact, small)| {
            let ids = [exact, small].map(|place: usize| reports[place].model.clone());
            agreement(ids, &trials[exact], &trials[small])
        })
        .collect();
    Ok(BenchReport::new(reports, agreements))
}

/// The fp32 models and their int8 forms, by their places: an int8 form is called as its model with `-int8` behind it.
fn pairs(reports: &[ModelReport]) -> Vec<(usize, usize)> {
    let int8_of = |exact: &ModelReport| {
        let name = format!("{}-int8", exact.model);
        reports.iter().position(|small| {
            small.precision == Precision::Int8
                && small.dimensions == exact.dimensions
                && small.model.as_str() == name
        })
    };
    let exact = reports.iter().enumerate().filter(|(_, report)| report.precision == Precision::Fp32);
    exact.filter_map(|(place, report)| Some((place, int8_of(report)?))).collect()
}

fn knows_korean(model: &ModelDir) -> bool {
    let languages = &model.manifest().languages;
    languages.is_empty() || languages.iter().any(|language| ["mul", "ko"].contains(&language.as_str()))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
