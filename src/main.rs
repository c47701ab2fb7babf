//! `rep`: everything of REP in one binary. Reads the command line, hands over to the command.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test stops where something is missing"))]

mod bench;
mod cli;
mod client;
mod cluster;
mod config;
mod dashboard;
mod dlq;
mod doctor;
mod duration;
mod import;
mod just_seen;
mod listening;
mod logging;
mod model;
mod network;
mod options;
mod process;
mod retention;
mod secret;
mod status;
mod stores;
mod tail;
mod telemetry;
mod token;
mod vector_cache;
mod watermark;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Many small values live and die on different threads; the system's allocator spends more on that than all
/// folding of vectors.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Up(args) => process::up(args),
        Command::Serve { roles, args } => process::serve(&roles, args),
        Command::Model(command) => model::run(command),
        Command::Config(command) => config::run(command),
        Command::Bench(args) => bench::run(&args),
        Command::Import(args) => import::run(args).map(|outcome| outcome.exit_code()),
        Command::Tail(args) => tail::run(&args),
        Command::Dlq(args) => dlq::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Token(args) => token::run(args),
        Command::Topics(command) => cluster::topics(command),
        Command::Schemas(command) => cluster::schemas(command),
        Command::Indices(command) => cluster::indices(command),
        Command::Completions { shell } => {
            cli::completions(shell);
            Ok(ExitCode::SUCCESS)
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // The chain of causes in one line: what failed, then why.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
