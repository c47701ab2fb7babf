//! A process of `rep serve`, as an operator starts it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rep_backends::Trial;

use super::Bench;

/// Longest wait for a process to be ready: it loads the model.
const READY_MAX: Duration = Duration::from_secs(120);
/// Longest wait for its end; its own bound is 30 s.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Services that have a port.
const SERVICES: [&str; 7] = ["api", "simulator", "behaviour", "inventory", "notify", "embedder", "dashboard"];

/// Roles in a process of their own; killed when it is dropped.
pub(super) struct Served {
    process: Child,
    ready_line: String,
    /// Kept open: the process may say more.
    _output: Option<BufReader<ChildStdout>>,
}

impl Served {
    /// Starts `roles` on `trial` and on free ports, and waits until they are ready.
    pub(super) async fn start(bench: &Bench, trial: &Trial, roles: &[&str]) -> anyhow::Result<Self> {
        let mut process = command(bench, trial, roles)?.spawn().context("cannot start `rep serve`")?;
        let output = process.stdout.take().context("`rep serve` has no output")?;
        let mut served = Self { process, ready_line: String::new(), _output: None };
        let reading = tokio::task::spawn_blocking(move || {
            let (mut output, mut line) = (BufReader::new(output), String::new());
            output.read_line(&mut line).map(|_| (output, line))
        });
        let ready = tokio::time::timeout(READY_MAX, reading).await;
        let (output, line) =
            ready.with_context(|| format!("`rep serve` was not ready within {READY_MAX:?}"))???;
        anyhow::ensure!(!line.is_empty(), "`rep serve` ended before it was ready; it says above why");
        (served.ready_line, served._output) = (line, Some(output));
        Ok(served)
    }

    /// Where `role` listens.
    pub(super) fn address(&self, role: &str) -> anyhow::Result<SocketAddr> {
        let line = self.ready_line.trim().trim_start_matches("rep is ready: ");
        let url = line.split(" · ").find_map(|part| part.strip_prefix(&format!("{role} http://")));
        Ok(url.with_context(|| format!("no address of {role} in `{line}`"))?.parse()?)
    }

    /// Asks it to stop, and waits until it has.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let asked = Instant::now();
        let status: ExitStatus = loop {
            if let Some(status) = self.process.try_wait()? {
                break status;
            }
            anyhow::ensure!(asked.elapsed() < STOP_MAX, "`rep serve` did not stop within {STOP_MAX:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        anyhow::ensure!(status.success(), "`rep serve` did not stop cleanly: {status}");
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Gone already after `stop`.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `rep serve` with what is set here and nothing of this process's own configuration; addresses go by the environment,
/// since they may hold passwords.
fn command(bench: &Bench, trial: &Trial, roles: &[&str]) -> anyhow::Result<Command> {
    let dir = bench.data_dir(trial)?;
    let config = dir.join("rep.toml");
    std::fs::write(&config, "")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").args(roles).stdin(Stdio::null()).stdout(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        let is_kept =
            |name: &str| ["REP_CACHE", "REP_LOG_LEVEL"].contains(&name) || !name.starts_with("REP_");
        if !name.to_str().is_some_and(is_kept) {
            command.env_remove(name);
        }
    }
    if std::env::var_os("REP_LOG_LEVEL").is_none() {
        command.env("REP_LOG_LEVEL", "warn");
    }
    let (places, settings) = (trial.places(), &bench.settings);
    command.env("REP_LOG", places.log.reveal()).env("REP_SEARCH", places.search.reveal());
    command
        .env("REP_PREFERENCES", places.preferences.reveal())
        .envs(places.registry.iter().map(|url| ("REP_REGISTRY", url.reveal())));
    command.env("REP_CONFIG", config).env("REP_DATA_DIR", dir);
    command.envs(settings.model.iter().map(|model| ("REP_MODEL", model)));
    command.envs(settings.onnxruntime.iter().map(|library| ("REP_ONNXRUNTIME", library)));
    command.envs(SERVICES.map(|service| (format!("REP_{}_PORT", service.to_uppercase()), "0")));
    Ok(command)
}
