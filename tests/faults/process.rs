//! `rep serve` as child processes that are killed, put to sleep and asked to stop.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::cli::command;

/// Longest time from the start of a process to its line that says it is ready.
const READY_MAX: Duration = Duration::from_secs(120);
/// Longest time from SIGTERM to the end, as promised.
pub(crate) const STOP_MAX: Duration = Duration::from_secs(30);

/// One role as a process of its own on a free port; killed when dropped.
pub(crate) struct Process {
    role: &'static str,
    child: Child,
    url: Arc<OnceLock<String>>,
    log: PathBuf,
}

impl Process {
    /// Starts `role` on the stores that `args` name; `slot` names its data directory and its log in `dir`.
    pub(crate) fn spawn(
        role: &'static str,
        slot: usize,
        args: &[String],
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let log = dir.join(format!("{role}-{slot}.log"));
        let mut command = command(Path::new(env!("CARGO_MANIFEST_DIR")));
        command.args(["serve", role, &format!("--{role}-port"), "0", "--data-dir"]);
        command.arg(dir.join(format!("{role}-{slot}"))).args(args);
        let errors = File::options().create(true).append(true).open(&log)?;
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().context("rep starts")?;
        let output = child.stdout.take().context("its output is piped")?;
        let url = Arc::new(OnceLock::new());
        let told = Arc::clone(&url);
        // Ends with the process.
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let wanted = format!("rep is ready: {role} ");
            if let Some(url) = lines.filter_map(|line| line.strip_prefix(&wanted).map(str::to_owned)).next() {
                let _ = told.set(url); // Once: there is one such line.
            }
        });
        Ok(Self { role, child, url, log })
    }

    /// Waits until it said that it is ready; gives its address.
    pub(crate) fn ready(&mut self) -> anyhow::Result<&str> {
        let began = Instant::now();
        while self.url.get().is_none() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready:\n{}", self.role, self.log_end());
            }
            if began.elapsed() > READY_MAX {
                bail!("{} is not ready after {READY_MAX:?}:\n{}", self.role, self.log_end());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(self.url().unwrap_or_default())
    }

    /// Its address, once it is ready.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.get().map(String::as_str)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(self.pid(), signal)?)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM; gives how it ended and after what time.
    pub(crate) fn stop(&mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let began = Instant::now();
        self.signal(Signal::TERM)?;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, began.elapsed()));
            }
            if began.elapsed() > 2 * STOP_MAX {
                bail!("{} runs on {:?} after SIGTERM:\n{}", self.role, began.elapsed(), self.log_end());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Memory that it has in use, in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS is there")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib << 10)
    }

    /// The last lines that it logged.
    pub(crate) fn log_end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("--- {}\n{}", self.log.display(), lines[lines.len().saturating_sub(15)..].join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone after `kill` and `stop`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
