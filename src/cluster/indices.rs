//! `rep indices`.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use rep_backends::elasticsearch::{Client, Finding, IndexKind, Indices, Remedy, Served};
use rep_backends::{ServerUrl, places};
use rep_embedder::ModelDir;

use super::switch::{Switch, undo};
use super::{runtime, say, status};
use crate::model;
use crate::options::{Options, Settings};

/// Elasticsearch's indices.
#[derive(Subcommand)]
pub(crate) enum IndicesCommand {
    /// Show what `apply` would change; exit status 2 if that is something
    #[command(after_help = EXAMPLES)]
    Plan(IndicesArgs),
    /// Make the indices, their fields and settings what REP needs; can be repeated at will
    #[command(after_help = EXAMPLES)]
    Apply(IndicesArgs),
    /// Change the model: fill an index with its vectors beside the one in use, then switch at once
    #[command(after_help = SWITCH_EXAMPLES)]
    Switch(SwitchArgs),
}

const EXAMPLES: &str = "\
Examples:
  rep indices plan --search http://localhost:9200
  rep indices apply --search 'https://user:password@search:9200?prefix=shop-' --model multilingual-e5-base

The index of products has the vectors of one model: of `--model`, else of the first default that is on this machine.
Lines begin with + for what is made, ~ for what is changed, ! for what is left, and who mends it.
Exit status: 0 all is as it should be, 2 something differs (plan) or is left (apply), 1 it failed.";

const SWITCH_EXAMPLES: &str = "\
Examples:
  rep indices switch --model multilingual-e5-base     copies the products, embeds them here, switches
  rep indices switch --undo                           gives an unfinished switch up: products take writes again

Roles run on meanwhile; from shortly before the switch until they run with the new model they cannot write products.
Can be interrupted: run again, it goes on. `docs/operations.md` has the order of steps.
Exit status: 0 done, 1 it failed or was interrupted, and says how things stand.";

/// Where Elasticsearch is, and whose vectors its index of products has.
#[derive(Args)]
pub(crate) struct IndicesArgs {
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// `http://host:port`, with `?prefix=NAME` where a cluster is shared [default: `search` of the configuration]
    #[arg(long, env = "REP_SEARCH", hide_env_values = true, value_name = "URL")]
    search: Option<ServerUrl>,
    /// Embedding model: a name that `rep model list` shows, or a folder [default: `model` of the configuration]
    #[arg(long, env = "REP_MODEL", value_name = "NAME|DIR")]
    model: Option<String>,
}

#[derive(Args)]
pub(crate) struct SwitchArgs {
    #[command(flatten)]
    place: IndicesArgs,
    /// ONNX Runtime's library, when it is not where `make run` puts it
    #[arg(long, env = "REP_ONNXRUNTIME", value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Threads that embed, each with its own copy of the model, 1 to 16 [default: 1]
    #[arg(long, env = "REP_EMBED_WORKERS", value_name = "COUNT")]
    embed_workers: Option<usize>,
    /// Give up a switch that did not end: the index in use takes writes again
    #[arg(long)]
    undo: bool,
}

/// An Elasticsearch, and a model for it.
pub(super) struct Place {
    pub(super) settings: Settings,
    pub(super) client: Client,
    pub(super) model: ModelDir,
    pub(super) indices: Indices,
}

impl Place {
    fn of(options: Options, config: Option<&std::path::Path>) -> anyhow::Result<Self> {
        let settings = options.resolve(config)?;
        let server = places::elasticsearch(settings.search.reveal()).map_err(anyhow::Error::msg);
        let server = server.context("`search` names no Elasticsearch; `--search http://host:9200` does")?;
        let client = Client::new(&server)?;
        let model = model::choose(&settings)?;
        let manifest = model.manifest();
        let indices = Indices::new(client.clone(), manifest.id.clone(), manifest.dimensions);
        Ok(Self { settings, client, model, indices })
    }
}

impl IndicesArgs {
    fn options(&self) -> anyhow::Result<Options> {
        let mut options = Options::from_environment()?;
        options.search = self.search.clone().or(options.search);
        options.model = self.model.clone().or(options.model);
        Ok(options)
    }

    fn place(&self) -> anyhow::Result<Place> {
        Place::of(self.options()?, self.config.as_deref())
    }
}

impl SwitchArgs {
    fn place(&self) -> anyhow::Result<Place> {
        let mut options = self.place.options()?;
        options.onnxruntime = self.onnxruntime.clone().or(options.onnxruntime);
        // Nobody waits for a vector here: all of it is backlog.
        options.embed_backlog_workers = self.embed_workers.or(options.embed_workers);
        Place::of(options, self.place.config.as_deref())
    }
}

/// Runs `rep indices`.
pub(crate) fn indices(command: IndicesCommand) -> anyhow::Result<ExitCode> {
    const SETTLED: &str = "the indices are as they should be";
    runtime()?.block_on(async {
        match command {
            IndicesCommand::Plan(args) => {
                let indices = args.place()?.indices;
                let plans = indices.plan().await?;
                let mut lines: Vec<String> = plans
                    .iter()
                    .flat_map(|plan| &plan.findings)
                    .map(|found| Line(found).to_string())
                    .collect();
                lines.extend(frozen(&indices).await);
                say(&lines, SETTLED)?;
                Ok(status(lines.is_empty()))
            }
            IndicesCommand::Apply(args) => {
                let indices = args.place()?.indices;
                let applied = indices.apply().await?;
                let left: Vec<String> = applied
                    .left
                    .iter()
                    .map(|found| Line(found).to_string())
                    .chain(frozen(&indices).await)
                    .collect();
                let mended = applied.mended.iter().map(|found| Line(found).to_string());
                let all: Vec<String> = mended.chain(left.iter().cloned()).collect();
                say(&all, SETTLED)?;
                Ok(status(left.is_empty()))
            }
            IndicesCommand::Switch(args) if args.undo => undo(&args.place()?).await,
            IndicesCommand::Switch(args) => Switch::new(args.place()?).run().await,
        }
    })
}

/// What to say of products that take no writes. An alias that stands for no index, or for several, is a finding.
async fn frozen(indices: &Indices) -> Option<String> {
    let served: Served = indices.served(IndexKind::Product).await.ok().flatten().filter(|s| s.is_frozen)?;
    Some(format!(
        "! {}: takes no writes; `rep indices switch` finishes a switch that was begun, `--undo` gives it up",
        served.index
    ))
}

/// A difference as a line.
struct Line<'a>(&'a Finding);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Finding::IndexMissing { index, served: true } => write!(f, "+ {index}"),
            Finding::IndexMissing { index, served: false } => {
                write!(f, "+ {index}: beside the one in use, until it is filled")
            }
            Finding::AliasMissing { index, alias } => write!(f, "+ {index}: alias {alias}"),
            Finding::FieldMissing { index, field } => write!(f, "+ {index}: field {field}"),
            Finding::SettingDiffers { index, setting, wanted, found } => {
                write!(f, "~ {index}: {setting} {found} -> {wanted}")
            }
            other if other.remedy() == Remedy::Switch => {
                write!(f, "! {other}: `rep indices switch` fills that and switches")
            }
            other => write!(f, "! {other}: to be mended by hand"),
        }
    }
}
