//! `startup`: the program as a person starts it, with its catalogue embedded before.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fixture::Scratch;
use super::program::Program;

const PRODUCTS: u32 = 10_000;
/// Longest wait for the first embedding of the catalogue.
const EMBEDDED_MAX: Duration = Duration::from_secs(1800);

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let products = if quick { 500 } else { PRODUCTS };
    let scratch = Scratch::new("startup")?;
    let count = products.to_string();
    let arguments = ["--products", &count, "--no-simulator"];
    super::runtime()?.block_on(async {
        eprintln!("first start: inventing and embedding {products} products");
        let first = Program::start(scratch.path(), &arguments)?;
        let began = Instant::now();
        let mut api = first.connect().await?;
        let model = loop {
            let status = api.json("GET", "/status", None).await?;
            if status["products"]["embedded"] == json!(products) {
                break status["model"]["id"].clone();
            }
            anyhow::ensure!(
                began.elapsed() < EMBEDDED_MAX,
                "the catalogue was not embedded within {EMBEDDED_MAX:?}"
            );
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        let embedded = began.elapsed();
        let first_ready = first.ready;
        first.stop()?;
        let mut runs = Vec::new();
        for _ in 0..if quick { 1 } else { 5 } {
            let started = Program::start(scratch.path(), &arguments)?;
            let mut api = started.connect().await?;
            api.json("GET", "/recommendations?userId=somebody&limit=10", None).await?;
            let recommended = started.began.elapsed();
            tokio::time::sleep(Duration::from_secs(3)).await;
            runs.push(json!({
                "ready_s": started.ready.as_secs_f64(), "first_recommendation_s": recommended.as_secs_f64(),
                "rss_mb": started.rss_mb()?,
            }));
            started.stop()?;
        }
        let file = format!("models/{}/model.onnx", model.as_str().unwrap_or_default());
        let model_mb =
            std::fs::metadata(rep_embedder::cache_dir().join(file)).map_or(0, |file| file.len() >> 20);
        Ok(json!({
            "bench": "startup", "products": products, "first_ready_s": first_ready.as_secs_f64(),
            "first_catalogue_embedded_s": embedded.as_secs_f64(), "restarts": runs, "model": model,
            "model_file_mb": model_mb, "goal": "ready_s <= 2, rss <= 450 MB with the model",
        }))
    })
}
