//! The program as a person starts it: `rep up` in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::http::Connection;

/// A running `rep up`; killed when dropped.
pub(super) struct Program {
    child: Child,
    pub(super) began: Instant,
    /// From its start to the line that says it is ready.
    pub(super) ready: Duration,
    api: String,
}

impl Program {
    /// Starts it on `data_dir` and free ports, and waits until it is ready.
    pub(super) fn start(data_dir: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("up").arg("--data-dir").arg(data_dir).args(arguments);
        for port in ["api", "simulator", "behaviour", "notify", "embedder", "dashboard"] {
            command.args([format!("--{port}-port"), "0".to_owned()]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("the child has no output")?;
        let mut program = Self { child, began, ready: Duration::ZERO, api: String::new() };
        let line = BufReader::new(output).lines().next().context("`rep up` ended before it was ready")??;
        program.ready = began.elapsed();
        let api = line.split(" · ").find_map(|part| part.strip_prefix("api http://"));
        api.with_context(|| format!("no address in `{line}`"))?.clone_into(&mut program.api);
        Ok(program)
    }

    pub(super) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.api.parse()?).await
    }

    /// Memory that it holds now, in MiB.
    pub(super) fn rss_mb(&self) -> anyhow::Result<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages: u64 = statm.split(' ').nth(1).context("no memory in statm")?.parse()?;
        Ok((pages * 4096) >> 20)
    }

    /// Asks it to stop and waits until it has.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        anyhow::ensure!(self.child.wait()?.success(), "`rep up` did not stop cleanly");
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already unless the benchmark failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
