//! `rep schemas`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use rep_backends::ServerUrl;
use rep_backends::kafka::KafkaConfig;
use rep_backends::registry::{Applied, Registry, RegistryConfig};

use super::{PlaceArgs, runtime, say, status};
use crate::client::print_line;

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

const SCHEMAS_EXAMPLES: &str = "\
Examples:
  rep schemas plan --registry http://localhost:8081
  rep schemas apply --registry http://localhost:8081 --log 'kafka://kafka-1:9092?prefix=shop.'

Lines begin with + for what is registered, ~ for what is changed, = for what is there, ! for what is refused, and why.
Exit status: 0 all is as it should be, 2 something differs (plan) or is refused (apply), 1 it failed.";

#[derive(Args)]
pub(crate) struct SchemasArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Base URL of the registry's Confluent-compatible API [default: `registry` of the configuration]
    #[arg(long, env = "REP_REGISTRY", hide_env_values = true, value_name = "URL")]
    registry: Option<ServerUrl>,
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
        let log = log.reveal();
        // A registry may stand alone; with a Kafka it shares the prefix.
        let prefix =
            if log.starts_with("kafka://") { KafkaConfig::from_url(log)?.prefix } else { String::new() };
        Ok(Registry::new(RegistryConfig { prefix, ..RegistryConfig::new(url) })?)
    }
}

fn say_schemas(applied: &Applied) -> anyhow::Result<()> {
    for set in &applied.compatibility {
        print_line(set)?;
    }
    say(&applied.schemas, "there are no schemas")
}
