//! Real servers: those that the environment names, else started once for this run of the tests.
//!
//! `REP_TEST_KAFKA` is `host:port` of a broker, `REP_TEST_REGISTRY` the base URL of a registry's Confluent-compatible
//! API, `REP_TEST_REDIS` the address of a Redis; `scripts/servers env` names the others. A server that cannot be had fails
//! the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio::sync::OnceCell;

/// What `variable` says, else what it is for `servers`, started once for this process.
pub(crate) async fn shared(variable: &str, servers: &'static [&'static str]) -> String {
    if let Ok(address) = std::env::var(variable) {
        return address;
    }
    static STARTED: OnceCell<Servers> = OnceCell::const_new();
    let start = || async { tokio::task::spawn_blocking(|| Servers::start(servers)).await.unwrap() };
    STARTED.get_or_init(start).await.address(variable)
}

/// Servers in a directory of their own, which end with this process.
pub(crate) struct Servers {
    dir: TempDir,
    /// Variables by which `scripts/servers` sets them up.
    settings: Vec<(&'static str, String)>,
}

fn script() -> PathBuf {
    // A crate lies in the repository or is its root.
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut scripts = folders.map(|folder| folder.join("scripts/servers"));
    scripts.find(|script| script.exists()).expect("the repository has `scripts/servers`")
}

impl Servers {
    /// Blocks until they answer; the first time ever they are fetched, which takes minutes.
    pub(crate) fn start(names: &[&str]) -> Self {
        Self::start_with(names, Vec::new())
    }

    /// The same, with variables by which `scripts/servers` sets them up.
    pub(crate) fn start_with(names: &[&str], settings: Vec<(&'static str, String)>) -> Self {
        let servers = Self { dir: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), settings };
        let pid = std::process::id().to_string();
        servers.run("start", &[&["--port-base", "0", "--until-pid", &pid], names].concat());
        servers
    }

    fn run(&self, verb: &str, rest: &[&str]) -> String {
        let output = self.command(verb, rest).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", script().display()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`scripts/servers {verb}` failed: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, verb: &str, rest: &[&str]) -> Command {
        let mut command = Command::new(script());
        command.arg(verb).arg("--dir").arg(self.dir.path()).args(rest);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Sends a server a signal.
    pub(crate) fn signal(&self, server: &str, signal: &str) {
        self.run("signal", &[server, signal]);
    }

    /// Starts a server again on the same ports and data; blocks until it answers.
    pub(crate) fn restart(&self, server: &str) {
        self.run("restart", &[server]);
    }

    /// What `variable` is for these servers.
    pub(crate) fn address(&self, variable: &str) -> String {
        let exports = self.run("env", &[]);
        let value = exports
            .lines()
            .find_map(|line| line.strip_prefix("export ")?.strip_prefix(variable)?.strip_prefix('='));
        let value =
            value.unwrap_or_else(|| panic!("`scripts/servers env` does not name {variable}: {exports}"));
        value.trim_matches(['"', '\'']).to_owned()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Also after a failure: the directory goes, and with it what tells which processes are to end. What goes wrong
        // here must not hide why the test failed.
        let _ = self.command("stop", &[]).output();
    }
}
