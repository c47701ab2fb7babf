//! `rep topics`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use rep_backends::kafka::topics::{self, TopicsConfig};

use super::{PlaceArgs, runtime, say, status};
use crate::retention::Retention;

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

const TOPICS_EXAMPLES: &str = "\
Examples:
  rep topics plan --log kafka://localhost:9092 --replication 1 --min-in-sync 1
  rep topics apply --log 'kafka://kafka-1:9092,kafka-2:9092?prefix=shop.'

Lines begin with + for what is made, ~ for what is changed, ! for what must be done by hand.
Exit status: 0 all is as it should be, 2 something differs (plan) or is left (apply), 1 it failed.";

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
    #[arg(long, env = "REP_TOPICS_RETENTION", value_name = "TIME", default_value_t)]
    retention: Retention,
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

impl TopicsArgs {
    fn config(&self) -> TopicsConfig {
        let Self { replication, min_in_sync, .. } = *self;
        TopicsConfig { replication, min_in_sync, retention: self.retention.duration() }
    }
}
