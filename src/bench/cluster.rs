//! `cluster`: what REP does on servers, beside what the servers do without it, all on one machine and in one run.
//!
//! Every part works in an installation of its own ([`Trial`]): topics, schemas, indices and keys behind a prefix that
//! nobody else has, removed in the end, after an error or an interruption too.

mod child;
mod freshness;
mod knn;
mod table;
mod throughput;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rep_backends::{Backends, Places, Retrieval, ServerUrl, SystemClock, Trial};
use rep_embedder::Manifest;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::fixture::Scratch;
use crate::options::{Options, Settings};
use crate::{model, stores};

/// Longest wait for stores that were made a moment ago.
const CONNECT_MAX: Duration = Duration::from_secs(60);

/// Where `cluster` finds the servers.
#[derive(clap::Args)]
#[command(next_help_heading = "Servers of `cluster`")]
pub(super) struct ServersArgs {
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Kafka, by `kafka://host:port,host:port`
    #[arg(long, env = "REP_LOG", hide_env_values = true, value_name = "URL")]
    log: Option<ServerUrl>,
    /// The schema registry, by the base URL of its Confluent-compatible API
    #[arg(long, env = "REP_REGISTRY", hide_env_values = true, value_name = "URL")]
    registry: Option<ServerUrl>,
    /// Elasticsearch, by `http://host:port`
    #[arg(long, env = "REP_SEARCH", hide_env_values = true, value_name = "URL")]
    search: Option<ServerUrl>,
    /// Redis, by `redis://host:port`
    #[arg(long, env = "REP_PREFERENCES", hide_env_values = true, value_name = "URL")]
    preferences: Option<ServerUrl>,
    /// Only these parts of `cluster`
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
}

/// Parts of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// From an action to the changed vector
    Freshness,
    /// Actions a second of the behaviour role
    Throughput,
    /// Nearest products by Elasticsearch and in memory
    Knn,
}

impl ServersArgs {
    fn settings(&self) -> anyhow::Result<Settings> {
        let mut options = Options::from_environment()?;
        options.log = self.log.clone().or(options.log);
        options.registry = self.registry.clone().or(options.registry);
        options.search = self.search.clone().or(options.search);
        options.preferences = self.preferences.clone().or(options.preferences);
        let settings = options.resolve(self.config.as_deref())?;
        if settings.places().servers()?.is_none() {
            bail!(
                "`rep bench cluster` measures on servers, and none are named: `make bench-cluster` starts some for it; or \
                 start them with `scripts/servers start` and name them by --log, --registry, --search and --preferences \
                 (REP_LOG, REP_REGISTRY, REP_SEARCH, REP_PREFERENCES), or `source .rep/cluster/env` beside `make cluster`"
            );
        }
        Ok(settings)
    }
}

/// What every part needs.
struct Bench {
    settings: Settings,
    places: Places,
    model: Manifest,
    scratch: Scratch,
    /// The prefix of this run.
    name: String,
    only: Vec<Part>,
    quick: bool,
}

pub(super) fn run(quick: bool, servers: &ServersArgs) -> anyhow::Result<Value> {
    let settings = servers.settings()?;
    let model = model::choose(&settings)?.manifest().clone();
    let run = uuid::Uuid::new_v4().simple().to_string();
    let bench = Bench {
        places: settings.places(),
        settings,
        model,
        scratch: Scratch::new("cluster")?,
        name: format!("bench-{}-", &run[..8]),
        only: servers.only.clone(),
        quick,
    };
    let result = super::runtime()?.block_on(bench.measure())?;
    eprint!("{}", table::of(&result));
    Ok(result)
}

impl Bench {
    async fn measure(&self) -> anyhow::Result<Value> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        tokio::select! {
            result = self.parts() => result,
            _ = interrupts.recv() => self.give_up().await,
            _ = terminations.recv() => self.give_up().await,
        }
    }

    async fn parts(&self) -> anyhow::Result<Value> {
        let mut result = json!({
            "bench": "cluster", "quick": self.quick, "machine": super::machine()["machine"], "model": self.model.id,
            "dimensions": self.model.dimensions,
        });
        // First: the servers are warm for what is measured by the clock of one request.
        if self.wants(Part::Throughput) {
            result["throughput"] = throughput::measure(self).await?;
        }
        if self.wants(Part::Knn) || self.wants(Part::Freshness) {
            let shop = self.in_trial(SHOP, async |trial| {
                // Once for both.
                let catalogs = knn::stock(self, trial).await?;
                if self.wants(Part::Knn) {
                    result["knn"] = knn::measure(self, catalogs).await?;
                }
                if self.wants(Part::Freshness) {
                    result["freshness"] = freshness::measure(self, trial).await?;
                }
                Ok(())
            });
            shop.await?;
        }
        Ok(result)
    }

    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn trial(&self, part: &str) -> anyhow::Result<Trial> {
        let name = format!("{}{part}-", self.name);
        Ok(Trial::new(&self.places, &name, self.model.id.clone(), self.model.dimensions)?)
    }

    /// Makes the installation of `part`, does `work` in it, and removes it, whatever came of the work.
    async fn in_trial<T>(
        &self,
        part: &str,
        work: impl AsyncFnOnce(&Trial) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let trial = self.trial(part)?;
        eprintln!("making topics, schemas and indices `{}{part}-*`", self.name);
        let done = match trial.make().await {
            Ok(()) => work(&trial).await,
            Err(error) => Err(error).context("cannot make topics, schemas and indices to measure on"),
        };
        self.remove(&trial, part).await;
        done
    }

    async fn remove(&self, trial: &Trial, part: &str) {
        if let Err(error) = trial.remove().await {
            eprintln!("warning: something of `{}{part}-*` is left on the servers: {error}", self.name);
        }
    }

    /// What was under way has been dropped, and its processes with it.
    async fn give_up(&self) -> anyhow::Result<Value> {
        eprintln!("interrupted: removing what was made");
        let repetitions = (0..throughput::REPETITIONS).map(throughput::part);
        for part in std::iter::once(SHOP.to_owned()).chain(repetitions) {
            self.remove(&self.trial(&part)?, &part).await;
        }
        bail!("interrupted")
    }

    /// The stores of `trial`, as a role has them.
    async fn connect(&self, trial: &Trial, retrieval: Retrieval) -> anyhow::Result<Backends> {
        let mut config = self.settings.stores(self.model.id.clone(), self.model.dimensions);
        config.places = Places { retrieval, ..trial.places().clone() };
        config.data_dir = self.data_dir(trial)?;
        let waiting = |error: &_| eprintln!("waiting for {error}");
        let opened = stores::open(&config, Arc::new(SystemClock), &waiting);
        tokio::time::timeout(CONNECT_MAX, opened)
            .await
            .with_context(|| format!("the stores were not there within {CONNECT_MAX:?}"))?
    }

    /// A folder for what processes of `trial` remember.
    fn data_dir(&self, trial: &Trial) -> anyhow::Result<PathBuf> {
        let dir = self.scratch.path().join(&trial.servers().kafka.prefix);
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// The installation that has products of the first two parts.
const SHOP: &str = "shop";
