//! ONNX Runtime and the embedding model.

use std::time::Instant;

use rep_core::ports::embedder::{Embedder, TextKind, Urgency};
use rep_embedder::{ModelDir, OnnxEmbedder, locate_runtime, runtime_version};

use super::report::{Check, Report};
use crate::model;
use crate::options::Settings;

const TEXT: &str = "a tent for two in the rain";

/// Checks both; gives the model's folder, and the model itself if it embeds.
pub(super) fn check(settings: &Settings, report: &mut Report) -> (Option<ModelDir>, Option<OnnxEmbedder>) {
    let has_runtime = runtime(settings, report);
    let dir = match model::choose(settings) {
        Ok(dir) => dir,
        Err(error) => {
            let hint = "`scripts/fetch-model.sh`, `rep model pull NAME`, or `--model DIR`";
            report.add(Check::problem("model", format!("{error:#}"), hint));
            return (None, None);
        }
    };
    if !has_runtime {
        let name = dir.manifest().id.to_string();
        report.add(Check::warning(
            "model",
            format!("`{name}` is there and was not tried"),
            "mend ONNX Runtime first",
        ));
        return (Some(dir), None);
    }
    match embeds(&dir, settings) {
        Ok((embedder, detail)) => {
            report.add(Check::ok("model", detail));
            (Some(dir), Some(embedder))
        }
        Err(error) => {
            let hint = "fetch it again (`scripts/fetch-model.sh`, `rep model pull NAME`), or choose another with `--model`";
            report.add(Check::problem("model", format!("{error:#}"), hint));
            (Some(dir), None)
        }
    }
}

fn runtime(settings: &Settings, report: &mut Report) -> bool {
    let found = locate_runtime(settings.onnxruntime.as_deref());
    let found = found.and_then(|path| runtime_version(&path).map(|version| (path, version)));
    match found {
        Ok((path, version)) => {
            report.add(Check::ok("onnx runtime", format!("{version} at `{}`", path.display())));
            true
        }
        Err(error) => {
            let hint = "run `scripts/fetch-onnxruntime.sh`, or name the library with `--onnxruntime`";
            report.add(Check::problem("onnx runtime", error.to_string(), hint));
            false
        }
    }
}

/// Embeds one text and looks at the vector.
fn embeds(dir: &ModelDir, settings: &Settings) -> anyhow::Result<(OnnxEmbedder, String)> {
    let embedder = model::load(dir, settings)?;
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let vectors = runtime.block_on(embedder.embed(&[TEXT.to_owned()], TextKind::Query, Urgency::Urgent))?;
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let (expected, found) = (dir.manifest().dimensions, vectors.ncols());
    anyhow::ensure!(found == expected, "it gives {found} dimensions, its manifest says {expected}");
    let length = vectors.row(0).iter().map(|x| x * x).sum::<f32>().sqrt();
    anyhow::ensure!((length - 1.0).abs() < 1e-3, "it gives a vector of length {length}, not 1");
    let id = &dir.manifest().id;
    Ok((embedder, format!("`{id}` embeds a text into {found} dimensions in {took_ms:.0} ms")))
}
