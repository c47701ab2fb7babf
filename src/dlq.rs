//! `rep dlq`: records that could not be processed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::{ApiArgs, Client, print_line, printable};

/// Letters of one page.
const PAGE: usize = 200;

const EXAMPLES: &str = "\
Examples:
  rep dlq list                       the newest, with their ids
  rep dlq list --reason PANIC --json
  rep dlq show 0-17                  one, with what the record says
  rep dlq replay 0-17 2-4            writes these records again to their topics
  rep dlq replay --all --reason REFUSED
  rep dlq show 0-17 --json > letter.json && $EDITOR letter.json && rep dlq replay 0-17 --event letter.json
                                     repairs the event, then replays it

A replay appends the original record to the topic it came from. An event that had its effect before has none again:
it carries its trace id. What would only be dead-lettered again is refused, unless --force is given.

Exit status: 0, or 1 if something could not be done.";

/// What the command line says.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Subcommand)]
enum DlqCommand {
    /// List dead letters, newest first
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "COUNT")]
        limit: usize,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Show one with what its record says
    Show {
        /// Its id, such as `0-17`
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Write records again to the topics they came from
    Replay {
        /// Their ids, such as `0-17`
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// All that the filters admit, oldest first
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        filter: FilterArgs,
        /// A file with a repaired event as JSON, in the form that `show --json` has under `event`; `-` is standard input
        #[arg(long, value_name = "FILE", conflicts_with = "all")]
        event: Option<PathBuf>,
        /// Replay even what would be dead-lettered again
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        api: ApiArgs,
    },
}

#[derive(Args)]
struct FilterArgs {
    /// Only of records of this topic
    #[arg(long)]
    topic: Option<String>,
    /// Only with this reason, such as MALFORMED
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: DlqArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DlqCommand::List { filter, limit, json, api } => list(&api.client()?, &filter, limit, json)?,
        DlqCommand::Show { id, json, api } => show(&api.client()?, &id, json)?,
        DlqCommand::Replay { ids, all, filter, event, force, api } => {
            let event = event.as_deref().map(event_of).transpose()?;
            anyhow::ensure!(
                event.is_none() || ids.len() == 1,
                "`--event` stands in for one record: give one id"
            );
            let client = api.client()?;
            let ids = if all { all_ids(&client, &filter)? } else { ids };
            return replay(&client, &ids, &asked(force, event));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Letters that `filter` admits, newest first, at most `limit`; and how many are kept in all.
fn letters(client: &Client, filter: &FilterArgs, limit: usize) -> anyhow::Result<(Vec<Value>, u64)> {
    let (mut letters, mut total, mut cursor) = (Vec::new(), 0, None::<String>);
    while letters.len() < limit {
        let mut query = vec![("limit", (limit - letters.len()).min(PAGE).to_string())];
        query.extend(filter.topic.clone().map(|topic| ("topic", topic)));
        query.extend(filter.reason.clone().map(|reason| ("reason", reason)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let mut page = client.get("/dead-letters", &query)?;
        total = page["total"].as_u64().unwrap_or(0);
        if let Value::Array(items) = page["items"].take() {
            letters.extend(items);
        }
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok((letters, total))
}

fn list(client: &Client, filter: &FilterArgs, limit: usize, json: bool) -> anyhow::Result<()> {
    let (letters, total) = letters(client, filter, limit)?;
    if json {
        print_line(json!({"items": letters, "total": total}))?;
        return Ok(());
    }
    if letters.is_empty() {
        print_line(if total == 0 { "no dead letters" } else { "no dead letter matches" })?;
        return Ok(());
    }
    print_line(format!("{:<10} {:<24} {:<16} {:<32} error", "id", "given up", "reason", "record"))?;
    for letter in &letters {
        let text = |name: &str| letter[name].as_str().unwrap_or("?");
        let record = format!("{}/{}@{}", text("topic"), letter["partition"], letter["offset"]);
        let (id, at, reason) = (text("id"), text("failedAt"), text("reason"));
        let line = format!("{id:<10} {at:<24} {reason:<16} {record:<32} {}", text("error"));
        if !print_line(printable(&line))? {
            break;
        }
    }
    Ok(())
}

fn show(client: &Client, id: &str, json: bool) -> anyhow::Result<()> {
    let letter = client.get(&format!("/dead-letters/{id}"), &[])?;
    if json {
        print_line(letter)?;
        return Ok(());
    }
    let text = |name: &str| printable(letter[name].as_str().unwrap_or("?"));
    print_line(format!("id         {}", text("id")))?;
    print_line(format!("reason     {}", text("reason")))?;
    print_line(format!("error      {}", text("error")))?;
    print_line(format!(
        "record     {} partition {} offset {}",
        text("topic"),
        letter["partition"],
        letter["offset"]
    ))?;
    print_line(format!(
        "given up   {} by {} after attempt {}",
        text("failedAt"),
        text("group"),
        letter["attempts"]
    ))?;
    print_line(format!("key        {}", text("key")))?;
    print_line(format!("length     {} bytes", letter["payloadBytes"]))?;
    if letter["cutFromSha256"].is_string() {
        print_line(format!(
            "cut        only the beginning is kept; SHA-256 of the whole {}",
            text("cutFromSha256")
        ))?;
    }
    match (&letter["event"], &letter["decodeError"]) {
        (Value::Null, Value::Null) => print_line("event      of a topic that is unknown")?,
        (Value::Null, error) => {
            let message = printable(error["message"].as_str().unwrap_or("?"));
            print_line(format!("event      cannot be decoded: {message}"))?;
            print_line(format!("payload    {}", text("payload")))?
        }
        (event, _) => print_line(format!("event      {}", serde_json::to_string_pretty(event)?))?,
    };
    Ok(())
}

/// All that `filter` admits, the oldest first, each record once: a crash may park one twice.
fn all_ids(client: &Client, filter: &FilterArgs) -> anyhow::Result<Vec<String>> {
    let (letters, _) = letters(client, filter, usize::MAX)?;
    let mut seen = HashSet::new();
    let of_record = |letter: &&Value| {
        seen.insert(["topic", "partition", "offset", "group"].map(|name| letter[name].to_string()))
    };
    let mut ids: Vec<String> = letters
        .iter()
        .filter(of_record)
        .filter_map(|letter| Some(letter["id"].as_str()?.to_owned()))
        .collect();
    ids.reverse();
    Ok(ids)
}

/// The repaired event in `file`.
fn event_of(file: &Path) -> anyhow::Result<Value> {
    let text = match file == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?,
        false => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?
        }
    };
    let event: Value = serde_json::from_str(&text).context("the repaired event is no JSON")?;
    // What `show --json` printed, edited in place, is taken too.
    Ok(if event["event"].is_object() { event["event"].clone() } else { event })
}

/// The body of a replay.
fn asked(force: bool, event: Option<Value>) -> Value {
    let mut asked = json!({ "force": force });
    if let Some(event) = event {
        asked["event"] = event;
    }
    asked
}

/// Replays each; goes on behind one that cannot be.
fn replay(client: &Client, ids: &[String], asked: &Value) -> anyhow::Result<ExitCode> {
    let (mut replayed, mut failed) = (0, 0);
    for id in ids {
        match client.post(&format!("/dead-letters/{id}/replay"), asked) {
            Ok(answer) => {
                replayed += 1;
                let topic = answer["topic"].as_str().unwrap_or("?");
                print_line(format!("{id} is {topic}/{}@{} now", answer["partition"], answer["offset"]))?;
            }
            Err(error) if error.is::<crate::client::Unreachable>() => return Err(error),
            Err(error) => {
                failed += 1;
                eprintln!("{id}: {error:#}");
            }
        }
    }
    print_line(format!("{replayed} replayed, {failed} not"))?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
