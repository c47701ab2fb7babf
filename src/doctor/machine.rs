//! What the machine gives: ports, open files.

use std::io::ErrorKind;
use std::net::TcpListener;

use rustix::process::{Resource, getrlimit};

use super::report::{Check, Report};
use crate::client::Client;
use crate::options::Settings;

/// Open files under which the stores cannot work: a table of each keyspace, journals, a few connections.
const OPEN_FILES_MIN: u64 = 256;
/// Open files that are enough for thousands of streams.
const OPEN_FILES_GOOD: u64 = 4096;

/// Whether each port is free, or used by the rep that runs.
pub(super) fn ports(settings: &Settings, is_running: bool, report: &mut Report) {
    let ports = settings.ports;
    let all = [
        ("dashboard", ports.dashboard_port, "/api/livez"),
        ("api", ports.api_port, "/livez"),
        ("notify", ports.notify_port, "/livez"),
        ("simulator", ports.simulator_port, "/livez"),
        ("behaviour", ports.behaviour_port, "/livez"),
        ("inventory", ports.inventory_port, "/livez"),
        ("embedder", ports.embedder_port, "/livez"),
    ];
    let (mut free, mut ours) = (Vec::new(), Vec::new());
    for (name, port, probe) in all {
        match TcpListener::bind((settings.bind, port)) {
            Ok(_) => free.push(format!("{name} {port}")),
            Err(error)
                if error.kind() == ErrorKind::AddrInUse && is_running && answers(settings, port, probe) =>
            {
                ours.push(format!("{name} {port}"));
            }
            Err(error) => report.add(Check::problem(
                "ports",
                format!("{name} cannot listen on {}:{port}: {error}", settings.bind),
                format!("stop what uses it, or choose others with `--port-offset` or `--{name}-port`"),
            )),
        }
    }
    if !ours.is_empty() {
        report.add(Check::ok("ports", format!("used by the rep that runs: {}", ours.join(", "))));
    }
    if !free.is_empty() {
        report.add(Check::ok("ports", format!("free: {}", free.join(", "))));
    }
}

/// Whether something speaks HTTP there and knows the route.
fn answers(settings: &Settings, port: u16, path: &str) -> bool {
    let client = Client::new(&settings.url_of(port), settings.operator_token.clone());
    client.open(path, &[], None).is_ok()
}

/// How many files this process may hold open; `rep up` raises nothing.
pub(super) fn open_files() -> Check {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Check::ok("open files", "no limit");
    };
    let detail = format!("{limit} may be open at once");
    match limit {
        ..OPEN_FILES_MIN => {
            Check::problem("open files", detail, format!("`ulimit -n {OPEN_FILES_GOOD}` before `rep up`"))
        }
        OPEN_FILES_MIN..OPEN_FILES_GOOD => Check::warning(
            "open files",
            format!("{detail}; thousands of streams need more"),
            format!("`ulimit -n {OPEN_FILES_GOOD}` before `rep up`"),
        ),
        _ => Check::ok("open files", detail),
    }
}
