//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::bench::BenchArgs;
use crate::cluster::{IndicesCommand, SchemasCommand, TopicsCommand};
use crate::dlq::DlqArgs;
use crate::doctor::DoctorArgs;
use crate::import::ImportArgs;
use crate::options::Options;
use crate::process::Role;
use crate::tail::TailArgs;
use crate::token::TokenArgs;

/// Real-time personalisation and notifications: shoppers act, and at once what they are recommended changes.
#[derive(Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process: log, consumers, API, simulator, dashboard
    #[command(after_help = UP_EXAMPLES)]
    Up(UpArgs),
    /// Start one or more roles of a cluster; the stores are on servers
    #[command(after_help = SERVE_EXAMPLES)]
    Serve {
        /// What this process does; a port each
        #[arg(required = true, value_name = "ROLE")]
        roles: Vec<Role>,
        #[command(flatten)]
        args: UpArgs,
    },
    /// Embedding models: list, pull, bench
    #[command(subcommand)]
    Model(ModelCommand),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Load products or events from CSV, JSONL or Parquet into a running REP
    Import(ImportArgs),
    /// Show the records of a topic, decoded, as they come
    Tail(TailArgs),
    /// Records that could not be processed: list, show, replay
    Dlq(DlqArgs),
    /// Check everything that `rep up` needs, and say what to do
    Doctor(DoctorArgs),
    /// Make a token for an API that asks for one
    Token(TokenArgs),
    /// Kafka's topics: compare them with what REP needs, and make them so
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// The schema registry: compare it with the schemas of events, and register them
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Elasticsearch's indices: compare them with what REP needs, make them so, change the model
    #[command(subcommand)]
    Indices(IndicesCommand),
    /// Measure this machine: the figures of docs/benchmarks.md
    Bench(BenchArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

const UP_EXAMPLES: &str = "\
Examples:
  rep up                                  the dashboard is on http://localhost:3001
  rep up --rate 2000 --users 100000       more traffic
  rep up --products 0 --no-simulator      an empty shop of your own: `rep import products.csv`
  rep up --port-offset 1000               a second one beside the first (with another --data-dir)
  REP_RATE=500 rep up                     each flag has a variable

Exit status: 0 after a clean stop (Ctrl-C or SIGTERM), 1 if it could not start or a part of it failed.";

const SERVE_EXAMPLES: &str = "\
Examples:
  rep serve api behaviour                two roles in one process
  rep serve behaviour --behaviour-port 0  one more of a role: they share its partitions
  rep serve dashboard --api-url http://api:8080 --simulator-url http://simulator:8084

Servers are named by --log, --registry, --search and --preferences, by REP_LOG and so on, or in rep.toml. A process that
is started before its servers waits, says for what, and goes on when they come; /readyz says it too.

Exit status: 0 after a clean stop (Ctrl-C or SIGTERM), 1 if it could not start or a part of it failed.";

/// How the process is set up.
#[derive(Args)]
pub(crate) struct UpArgs {
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Log lines as JSON
    #[arg(long, env = "REP_LOG_JSON")]
    pub(crate) log_json: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models that are known and those on this machine
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model from the hub; goes on where an earlier pull broke off
    Pull {
        /// A name that `rep model list` shows
        name: String,
        /// Address of the hub, or of a mirror of it
        #[arg(long, env = "REP_MODEL_HUB", value_name = "URL")]
        hub: Option<String>,
        /// Branch, tag or commit
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
        /// Give up if the hub does not answer within this many seconds, 1 to 60 [default: retry for minutes]
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
        answer_within: Option<u64>,
    },
    /// Measure models on this machine and compare them
    Bench {
        /// Names or folders [default: every model on this machine]
        models: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print what `rep up` would run with, and nothing secret
    Show(UpArgs),
    /// Check the configuration; exit status 1 and the reason if it is wrong
    Check(UpArgs),
}

pub(crate) fn completions(shell: Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "rep", &mut std::io::stdout());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
