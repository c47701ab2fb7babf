//! `startup`: the program as a person starts it, with its catalogue embedded before.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use super::fixture::Scratch;
use super::http::Connection;

const PRODUCTS: u32 = 10_000;
/// Longest wait for the first embedding of the catalogue.
const EMBEDDED_MAX: Duration = Duration::from_secs(900);

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let products = if quick { 500 } else { PRODUCTS };
    let scratch = Scratch::new("startup")?;
    super::runtime()?.block_on(async {
        eprintln!("first start: inventing and embedding {products} products");
        let first = Started::new(scratch.path(), products)?;
        let began = Instant::now();
        let mut api = first.connect().await?;
        loop {
            let status = api.json("GET", "/status", None).await?;
            if status["products"]["embedded"] == json!(products) {
                break;
            }
            anyhow::ensure!(began.elapsed() < EMBEDDED_MAX, "the catalogue was not embedded within {EMBEDDED_MAX:?}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let embedded = began.elapsed();
        let first_ready = first.ready;
        first.stop()?;
        let mut runs = Vec::new();
        for _ in 0..if quick { 1 } else { 5 } {
            let started = Started::new(scratch.path(), products)?;
            let mut api = started.connect().await?;
            api.json("GET", "/recommendations?userId=somebody&limit=10", None).await?;
            let recommended = started.began.elapsed();
            tokio::time::sleep(Duration::from_secs(3)).await;
            let rss = rss_mb(started.child.id())?;
            runs.push(json!({
                "ready_s": started.ready.as_secs_f64(), "first_recommendation_s": recommended.as_secs_f64(), "rss_mb": rss,
            }));
            started.stop()?;
        }
        let model_mb = std::fs::metadata(rep_embedder::cache_dir().join("models/multilingual-e5-small-q4/model.onnx")).map_or(0, |m| m.len() >> 20);
        Ok(json!({
            "bench": "startup", "products": products, "first_ready_s": first_ready.as_secs_f64(),
            "first_catalogue_embedded_s": embedded.as_secs_f64(), "restarts": runs, "model_file_mb": model_mb,
            "goal": "ready_s <= 2, rss without model <= 300 MB",
        }))
    })
}

struct Started {
    child: Child,
    began: Instant,
    ready: Duration,
    api: String,
}

impl Started {
    fn new(data_dir: &Path, products: u32) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("up").arg("--data-dir").arg(data_dir).args([
            "--products",
            &products.to_string(),
            "--no-simulator",
        ]);
        for port in ["api", "simulator", "behaviour", "notify", "embedder", "dashboard"] {
            command.args([format!("--{port}-port"), "0".to_owned()]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("the child has no output")?;
        let line = BufReader::new(output).lines().next().context("`rep up` ended before it was ready")??;
        let ready = began.elapsed();
        let api = line.split(" · ").find_map(|part| part.strip_prefix("api http://"));
        let api = api.with_context(|| format!("no address in `{line}`"))?.to_owned();
        Ok(Self { child, began, ready, api })
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.api.parse()?).await
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        anyhow::ensure!(self.child.wait()?.success(), "`rep up` did not stop cleanly");
        Ok(())
    }
}

fn rss_mb(pid: u32) -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm.split(' ').nth(1).context("no memory in statm")?.parse()?;
    Ok((pages * 4096) >> 20)
}
