//! `rep topics` and `rep schemas`: what a cluster needs, compared and made.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use rep_backends::kafka::KafkaConfig;
use rep_backends::kafka::topics::{self, TopicsConfig};
use rep_backends::registry::{Applied, Registry, RegistryConfig};

use crate::client::print_line;
use crate::duration::parse_duration;
use crate::options::{Options, Settings};

/// Exit status of a plan by which something would change.
const DIFFERS: u8 = 2;

/// Kafka's topics.
#[derive(Subcommand)]
pub(crate) enum TopicsCommand {
    /// Show what `apply` would change; exit status 2 if that is something
    #[command(after_help = TOPICS_EXAMPLES)]
    Plan(TopicsArgs),
    /// Make the topics, their partitions and settings what REP needs; can be repeated at will
    #[command(after_help = TOPICS_EXAMPLES)]
    Apply(TopicsArgs),
}

/// The schemas of events.
#[derive(Subcommand)]
pub(crate) enum SchemasCommand {
    /// Show what `apply` would register; exit status 2 if that is something
    #[command(after_help = SCHEMAS_EXAMPLES)]
    Plan(SchemasArgs),
    /// Register the schemas, each subject set to BACKWARD_TRANSITIVE; can be repeated at will
    #[command(after_help = SCHEMAS_EXAMPLES)]
    Apply(SchemasArgs),
}

const TOPICS_EXAMPLES: &str = "\
Examples:
  rep topics plan --log kafka://localhost:9092 --replication 1 --min-in-sync 1
  rep topics apply --log 'kafka://kafka-1:9092,kafka-2:9092?prefix=shop.'

Lines begin with + for what is made, ~ for what is changed, ! for what must be done by hand.
Exit status: 0 all is as it should be, 2 something differs (plan) or is left (apply), 1 it failed.";

const SCHEMAS_EXAMPLES: &str = "\
Examples:
  rep schemas plan --registry http://localhost:8081
  rep schemas apply --registry http://localhost:8081 --log 'kafka://kafka-1:9092?prefix=shop.'

Lines begin with + for what is registered, ~ for what is changed, = for what is there, ! for what is refused, and why.
Exit status: 0 all is as it should be, 2 something differs (plan) or is refused (apply), 1 it failed.";

#[derive(Args)]
pub(crate) struct TopicsArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Copies of each partition
    #[arg(long, env = "REP_TOPICS_REPLICATION", value_name = "COUNT", default_value_t = 3)]
    replication: u16,
    /// Copies that must have a record before it counts as durable
    #[arg(long, env = "REP_TOPICS_MIN_IN_SYNC", value_name = "COUNT", default_value_t = 2)]
    min_in_sync: u16,
    /// How long records are kept, such as `12h` or `7d`
    #[arg(long, env = "REP_TOPICS_RETENTION", value_name = "TIME", default_value = "7d", value_parser = retention)]
    retention: Duration,
}

#[derive(Args)]
pub(crate) struct SchemasArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Base URL of the registry's Confluent-compatible API [default: `registry` of the configuration]
    #[arg(long, env = "REP_REGISTRY", value_name = "URL")]
    registry: Option<String>,
}

/// Where Kafka is; its prefix stands before the names of topics and of subjects.
#[derive(Args)]
struct PlaceArgs {
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// `kafka://host:port,host:port`, with `?prefix=NAME` where a cluster is shared [default: `log` of the configuration]
    #[arg(long, env = "REP_LOG", value_name = "URL")]
    log: Option<String>,
}

/// At most ten years.
fn retention(text: &str) -> anyhow::Result<Duration> {
    parse_duration(text, Duration::from_secs(3650 * 86_400))
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
        KafkaConfig::from_url(&url).context("`log` names no Kafka; `--log kafka://host:9092` does")
    }
}

/// Runs `rep topics`.
pub(crate) fn topics(command: TopicsCommand) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        match command {
            TopicsCommand::Plan(args) => {
                let changes = topics::plan(&args.place.kafka()?, &args.config()).await?;
                say(&changes, "the topics are as they should be")?;
                Ok(status(changes.is_empty()))
            }
            TopicsCommand::Apply(args) => {
                let applied = topics::apply(&args.place.kafka()?, &args.config()).await?;
                let all: Vec<_> = applied.done.iter().chain(&applied.left).collect();
                say(&all, "the topics are as they should be")?;
                Ok(status(applied.left.is_empty()))
            }
        }
    })
}

/// Runs `rep schemas`.
pub(crate) fn schemas(command: SchemasCommand) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        match command {
            SchemasCommand::Plan(args) => {
                let planned = args.registry()?.plan().await?;
                say_schemas(&planned)?;
                Ok(status(planned.is_unchanged()))
            }
            SchemasCommand::Apply(args) => {
                let applied = args.registry()?.apply().await?;
                say_schemas(&applied)?;
                Ok(status(applied.is_complete()))
            }
        }
    })
}

impl TopicsArgs {
    fn config(&self) -> TopicsConfig {
        let Self { replication, min_in_sync, retention, .. } = *self;
        TopicsConfig { replication, min_in_sync, retention }
    }
}

impl SchemasArgs {
    fn registry(&self) -> anyhow::Result<Registry> {
        let (url, log) = match (&self.registry, &self.place.log) {
            (Some(url), Some(log)) => (url.clone(), log.clone()),
            (url, log) => {
                let settings = self.place.settings()?;
                let url = url.clone().or(settings.registry);
                let url = url.context("no registry is named; `--registry http://host:port` does")?;
                (url, log.clone().unwrap_or(settings.log))
            }
        };
        // A registry may stand alone; with a Kafka it shares the prefix.
        let prefix =
            if log.starts_with("kafka://") { KafkaConfig::from_url(&log)?.prefix } else { String::new() };
        Ok(Registry::new(RegistryConfig { prefix, ..RegistryConfig::new(url) })?)
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

fn say_schemas(applied: &Applied) -> anyhow::Result<()> {
    for set in &applied.compatibility {
        print_line(set)?;
    }
    say(&applied.schemas, "there are no schemas")
}

fn status(is_settled: bool) -> ExitCode {
    if is_settled { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}
