//! `rep tail`: the records of a topic, decoded, as they come.

mod frames;
mod line;

use std::io::BufReader;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use self::frames::{Frame, Frames};
use crate::client::{ApiArgs, Client, Unreachable, print_line};

/// How long an API that went away is waited for.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Time between two attempts.
const RETRY_EVERY: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  rep tail                                        the topics, and how far behind their readers are
  rep tail user.action.v1                         every action from now on
  rep tail user.action.v1 --user u-17 --last 20   the last 20 of one shopper, then what comes
  rep tail notification.push.v1 --json | jq       one JSON object a line
  rep tail user.action.v1 --from-beginning --no-follow > log.txt

Exit status: 0 when it was stopped or, with --no-follow, came to the end; 1 if it could not go on.";

/// What the command line says.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TailArgs {
    /// The topic; without one, lists them
    topic: Option<String>,
    /// Only what is about this shopper
    #[arg(long, value_name = "ID", requires = "topic")]
    user: Option<String>,
    /// Begin with the oldest record that is kept
    #[arg(long, requires = "topic", conflicts_with = "last")]
    from_beginning: bool,
    /// Begin with the last so many records, up to 1000
    #[arg(long, value_name = "COUNT", requires = "topic", value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: Option<u16>,
    /// End where the log ends instead of waiting for more
    #[arg(long, requires = "topic")]
    no_follow: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Runs the command.
pub(crate) fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let client = args.api.client()?;
    match &args.topic {
        None => topics(&client, args.json)?,
        Some(topic) => follow(&client, topic, args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn topics(client: &Client, json: bool) -> anyhow::Result<()> {
    let topics = client.get("/topics", &[])?;
    if json {
        print_line(topics)?;
        return Ok(());
    }
    print_line(format!("{:<24} {:>10} {:>12}  behind", "topic", "partitions", "records"))?;
    for topic in topics["items"].as_array().into_iter().flatten() {
        let groups = topic["groups"].as_array().into_iter().flatten();
        let lags: Vec<String> =
            groups.map(|g| format!("{} {}", g["group"].as_str().unwrap_or("?"), g["lag"])).collect();
        let name = topic["name"].as_str().unwrap_or("?");
        let (partitions, records) = (topic["partitions"].to_string(), topic["records"].to_string());
        print_line(format!("{name:<24} {partitions:>10} {records:>12}  {}", lags.join(", ")))?;
    }
    Ok(())
}

/// Why reading a stream stopped.
enum Stop {
    /// All was told, or nobody reads any more.
    Done,
    /// The connection broke off.
    Broken(String),
}

fn follow(client: &Client, topic: &str, args: &TailArgs) -> anyhow::Result<()> {
    let path = format!("/topics/{topic}/events");
    let query = query(args);
    let mut cursor: Option<String> = None;
    let mut away: Option<Instant> = None;
    loop {
        let stop = match client.open(&path, &query, cursor.as_deref()) {
            Ok(response) => {
                away = None;
                let (_, body) = response.into_parts();
                read(Frames::new(BufReader::new(body.into_reader())), args, &mut cursor)?
            }
            // An API that answered before may be starting again.
            Err(error) if cursor.is_some() && error.is::<Unreachable>() => Stop::Broken(format!("{error:#}")),
            Err(error) => return Err(error),
        };
        let Stop::Broken(reason) = stop else { return Ok(()) };
        let since = *away.get_or_insert_with(|| {
            eprintln!("the connection broke off ({reason}); trying again");
            Instant::now()
        });
        if since.elapsed() > AWAY_MAX {
            bail!("{reason}; gave up after {} s", AWAY_MAX.as_secs());
        }
        std::thread::sleep(RETRY_EVERY);
    }
}

fn query(args: &TailArgs) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    if let Some(user) = &args.user {
        query.push(("userId", user.clone()));
    }
    if args.from_beginning {
        query.push(("fromBeginning", "true".to_owned()));
    }
    if let Some(last) = args.last {
        query.push(("last", last.to_string()));
    }
    if args.no_follow {
        query.push(("follow", "false".to_owned()));
    }
    query
}

/// Prints what comes until the stream ends; `cursor` is where to go on.
fn read(
    mut frames: Frames<impl std::io::BufRead>,
    args: &TailArgs,
    cursor: &mut Option<String>,
) -> anyhow::Result<Stop> {
    loop {
        let Frame { name, id, data } = match frames.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(Stop::Broken("the API closed the stream".to_owned())),
            Err(error) => return Ok(Stop::Broken(error.to_string())),
        };
        let data: Value = serde_json::from_str(&data).context("the API's stream is not understood")?;
        match name.as_str() {
            "record" => {
                let read_on = if args.json { print_line(&data)? } else { print_line(line::of(&data))? };
                if !read_on {
                    return Ok(Stop::Done);
                }
            }
            "gap" => eprintln!(
                "records {} to {} of partition {} were removed before they could be read",
                data["from"], data["to"], data["partition"]
            ),
            "end" => return Ok(Stop::Done),
            "failure" => bail!("{}", data["detail"].as_str().unwrap_or("the log could not be read")),
            _ => {}
        }
        if id.is_some() {
            *cursor = id;
        }
    }
}
