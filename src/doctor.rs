//! `rep doctor`: checks everything that the present configuration needs, its servers too, and says what to do.

mod data;
mod machine;
mod model;
mod report;
mod servers;

use std::process::ExitCode;

use clap::Args;

use self::report::{Check, Report};
use crate::client::{Client, print_line};
use crate::dashboard;
use crate::options::{Options, Settings};

const EXAMPLES: &str = "\
Examples:
  rep doctor
  rep doctor --data-dir /srv/rep --json
  rep doctor && rep up
  rep doctor --config cluster.toml        Kafka, registry, Elasticsearch and Redis, where the configuration names them

It asks a running rep and never disturbs it. While none runs it opens the data directory, as `rep up` would. Of servers
it only asks; each has about 5 s, side by side.

Exit status: 0 if nothing is in the way (warnings may be there), 1 if there is a problem.";

/// What the command line says.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let report = examine(args);
    if args.json {
        print_line(serde_json::to_string_pretty(&report)?)?;
    } else {
        print_line(&report)?;
    }
    Ok(if report.has_problem() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn examine(args: &DoctorArgs) -> Report {
    let mut report = Report::default();
    let settings = args.options.clone().resolve(args.config.as_deref());
    let settings =
        settings.and_then(|settings| Ok(settings.places().servers().map(|servers| (settings, servers))?));
    let (settings, servers) = match settings {
        Ok(settings) => settings,
        Err(error) => {
            // Everything else depends on it.
            let hint =
                "correct it; `rep config check` tells when it is right, `rep up --help` names the options";
            report.add(Check::problem("configuration", format!("{error:#}"), hint));
            return report;
        }
    };
    report.add(Check::ok("configuration", "valid"));
    let running = running(&settings);
    let is_running = running.is_running;
    report.add(running.check);
    machine::ports(&settings, is_running, &mut report);
    let (model, embedder) = model::check(&settings, &mut report);
    match servers {
        Some(servers) => servers::check(&settings.places(), servers, model.as_ref(), &mut report),
        None => data::check(&settings, model.as_ref(), is_running, &mut report),
    }
    drop(embedder);
    report.add(machine::open_files());
    report.add(dashboard());
    report
}

/// Whether a rep answers where the configuration puts the API.
struct Running {
    is_running: bool,
    check: Check,
}

fn running(settings: &Settings) -> Running {
    let port = settings.ports.api_port;
    if port == 0 {
        let check = Check::ok("api", "takes a free port at start, so none is looked for");
        return Running { is_running: false, check };
    }
    let url = settings.url_of(port);
    let client = Client::new(&url, settings.operator_token.clone());
    let Ok((status, answer)) = client.ask("/readyz") else {
        let check = Check::ok("api", format!("no rep runs at {url}"));
        return Running { is_running: false, check };
    };
    let is_rep = answer["ready"].is_boolean();
    let missing: Vec<String> = answer["missing"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| format!("{}: {}", m["name"].as_str().unwrap_or("?"), m["detail"].as_str().unwrap_or("?")))
        .collect();
    let check = match (is_rep, status) {
        (false, _) => Check::problem(
            "api",
            format!("something else than a rep answers at {url}"),
            "stop it, or choose another port with `--api-port` or `--port-offset`",
        ),
        (true, 200) if missing.is_empty() => Check::ok("api", format!("a rep runs at {url} and is ready")),
        (true, 200) => Check::warning(
            "api",
            format!("a rep runs at {url}; {}", missing.join("; ")),
            "wait if it just started; else read its log",
        ),
        (true, _) => Check::problem(
            "api",
            format!("a rep runs at {url} and is not ready: {}", missing.join("; ")),
            "read its log; restart it if a part of it has stopped",
        ),
    };
    Running { is_running: is_rep, check }
}

fn dashboard() -> Check {
    if dashboard::is_embedded() {
        return Check::ok("dashboard", "is part of this build");
    }
    Check::warning(
        "dashboard",
        "is not part of this build; the API works without it",
        "`make build`, or `npm ci && npm run build` in frontend/ and build again",
    )
}
