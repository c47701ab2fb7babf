//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::ApiArgs;
use crate::duration::parse_duration;

/// Most items of a batch; the API's own limit.
pub(super) const BATCH_ITEMS_MAX: u16 = 1_000;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Products of the catalogue.
    Products,
    /// What shoppers did.
    Events,
}

impl Kind {
    /// As in the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Events => "events",
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One JSON object a line.
    #[value(alias = "ndjson")]
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

const EXAMPLES: &str = "\
Examples:
  rep import products.csv
      what the columns say: a header with `price` holds products
  rep import events.jsonl --rejects refused.jsonl
      keeps every refused line with its reasons
  rep import orders.parquet --kind events --source-name orders-2026-01
      names the source, so that a corrected file has no second effect
  rep import products.csv --dry-run
      checks the file, sends nothing
  zcat events.csv.gz | rep import - --format csv
      from standard input

Exit status: 0 all accepted (or already known), 2 some refused, 1 failed.
Columns, formats and what a second run does: docs/IMPORT.md";

/// Imports products or events from a CSV, TSV, JSONL or Parquet file
///
/// Sends them to a running REP in batches, waits for its verdict on each, and reports what was refused and
/// why. Running the same import twice has no second effect.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What the file holds [default: told from its columns]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,

    /// How the file is written [default: told from its name or first bytes]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Where it goes.
    #[command(flatten)]
    pub(crate) api: ApiArgs,

    /// Name that stands for the content in the trace ids of events that have none
    ///
    /// Without it they come from the content up to the line and the line's number.
    #[arg(long, value_name = "NAME")]
    pub(crate) source_name: Option<String>,

    /// Writes every refused record here, as JSONL of `line`, `raw` and `errors`
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,

    /// Checks every record here and sends nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Stops after this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,

    /// Most items sent at once, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = BATCH_ITEMS_MAX,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(BATCH_ITEMS_MAX)))]
    pub(crate) batch: u16,

    /// How long a batch is tried again while the API is away or busy, such as `500ms`, `60s` or `5m`
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = retry_time)]
    pub(crate) retry_for: Duration,

    /// Waits until everything imported has had its effect, at most so long, such as `10m`
    ///
    /// Products have their vectors then, and tastes have moved; without it the report says what is still to come.
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "10m", value_parser = retry_time)]
    pub(crate) wait: Option<Duration>,
}

/// At most a day.
fn retry_time(text: &str) -> anyhow::Result<Duration> {
    parse_duration(text, Duration::from_secs(24 * 3600))
}
