//! `rep topics`, `rep schemas` and `rep indices`: what a cluster needs, compared and made.

mod filling;
mod indices;
mod schemas;
mod switch;
mod topics;

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use rep_backends::ServerUrl;
use rep_backends::kafka::KafkaConfig;

pub(crate) use self::indices::{IndicesCommand, indices};
pub(crate) use self::schemas::{SchemasCommand, schemas};
pub(crate) use self::topics::{TopicsCommand, topics};
use crate::client::print_line;
use crate::options::{Options, Settings};

/// Exit status of a plan by which something would change.
const DIFFERS: u8 = 2;

/// Where Kafka is; its prefix stands before the names of topics and of subjects.
#[derive(Args)]
struct PlaceArgs {
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// `kafka://host:port,host:port`, with `?prefix=NAME` where a cluster is shared [default: `log` of the configuration]
    #[arg(long, env = "REP_LOG", hide_env_values = true, value_name = "URL")]
    log: Option<ServerUrl>,
}

impl PlaceArgs {
    fn settings(&self) -> anyhow::Result<Settings> {
        Options::from_environment()?.resolve(self.config.as_deref())
    }

    fn kafka(&self) -> anyhow::Result<KafkaConfig> {
        let url = match &self.log {
            Some(url) => url.clone(),
            None => self.settings()?.log,
        };
        KafkaConfig::from_url(url.reveal()).context("`log` names no Kafka; `--log kafka://host:9092` does")
    }
}

fn say(lines: &[impl Display], nothing: &str) -> anyhow::Result<()> {
    if lines.is_empty() {
        print_line(nothing)?;
    }
    for line in lines {
        print_line(line)?;
    }
    Ok(())
}

fn status(is_settled: bool) -> ExitCode {
    if is_settled { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}
