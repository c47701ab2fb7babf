//! `rep bench`: the figures of `docs/benchmarks.md`.
//!
//! Each benchmark is a process of its own, so that memory and metrics begin at nothing, and ends with one line
//! of JSON on standard output.

mod cluster;
mod embed;
mod first_click;
mod fixture;
mod freshness;
mod http;
mod ingest;
mod knn;
mod notify;
mod program;
mod recommend;
mod startup;

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// Which benchmark
    name: BenchName,
    /// A tenth of the load and time: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// For `ingest`: the load of release 0.1, events of one moment of which none takes anything back, to compare with it
    #[arg(long)]
    one_moment: bool,
    #[command(flatten)]
    servers: cluster::ServersArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum BenchName {
    /// Every one that needs no servers, each in a process of its own
    All,
    /// Action accepted → changed recommendation served, under load
    Freshness,
    /// Durable events a second with all effects
    Ingest,
    /// Nearest products: speed, memory and recall at 10k, 100k and 1M
    Knn,
    /// `GET /recommendations` over HTTP at 1,000 requests a second
    Recommend,
    /// Texts a second of the embedding model
    Embed,
    /// A price drop to 10,000 open streams
    Notify,
    /// From start to ready and to the first recommendation, and memory
    Startup,
    /// The first minutes of a demo shop: from a click to a changed list while its catalogue is being embedded
    FirstClick,
    /// On servers: freshness under load, throughput beside bare clients, nearest products by server and replica
    Cluster,
    /// The shoppers of `notify`, who need a process and its open files of their own
    #[value(hide = true)]
    NotifyStreams,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    if cfg!(debug_assertions) {
        eprintln!("warning: this is a debug build; its figures mean nothing");
    }
    let quick = args.quick;
    let result = match args.name {
        BenchName::All => return all(quick),
        BenchName::Freshness => freshness::run(quick)?,
        BenchName::Ingest => ingest::run(quick, args.one_moment)?,
        BenchName::Knn => knn::run(quick)?,
        BenchName::Recommend => recommend::run(quick)?,
        BenchName::Embed => embed::run(quick)?,
        BenchName::Notify => notify::run(quick)?,
        BenchName::Startup => startup::run(quick)?,
        BenchName::FirstClick => first_click::run(quick)?,
        BenchName::Cluster => cluster::run(quick, &args.servers)?,
        BenchName::NotifyStreams => notify::streams()?,
    };
    println!("{result}");
    Ok(ExitCode::SUCCESS)
}

fn all(quick: bool) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe()?;
    let mut code = ExitCode::SUCCESS;
    println!("{}", machine());
    let is_one =
        |name: &&BenchName| !matches!(name, BenchName::All | BenchName::Cluster | BenchName::NotifyStreams);
    for name in BenchName::value_variants().iter().filter(is_one) {
        let name = name.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        eprintln!("==> {name}");
        let mut command = Command::new(&program);
        command.args(["bench", &name]).args(quick.then_some("--quick"));
        if !command.status().context("cannot start the benchmark")?.success() {
            eprintln!("{name} failed");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// The machine, for the record.
fn machine() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map(|l| l.trim_start_matches([' ', '\t', ':']).to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({"machine": {"cpu": model, "cores": cores, "os": std::env::consts::OS, "version": env!("CARGO_PKG_VERSION")}})
}

/// A runtime as `rep up` has it.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Latencies in microseconds, up to a minute.
struct Latencies(Histogram<u64>);

impl Latencies {
    fn new() -> Self {
        Self(
            Histogram::new_with_bounds(1, 60_000_000, 3)
                .unwrap_or_else(|_| unreachable!("the bounds are valid")),
        )
    }

    fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    fn merge(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    fn json(&self) -> Value {
        let ms = |q| self.0.value_at_quantile(q) as f64 / 1000.0;
        json!({
            "count": self.0.len(), "p50_ms": ms(0.5), "p90_ms": ms(0.9), "p99_ms": ms(0.99),
            "max_ms": self.0.max() as f64 / 1000.0,
        })
    }
}
