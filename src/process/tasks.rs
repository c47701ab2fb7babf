//! The parts of the process: started by name, watched, and stopped together.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::status::TaskBoard;

/// The calls to stop, heard from the moment this is made: before anybody is told that the process is ready.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        Ok(Self { terminate, interrupt })
    }

    /// Ends when one is heard.
    pub(super) async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Running parts; one that ends before it is told to stops all others.
pub(super) struct Tasks {
    running: JoinSet<(&'static str, anyhow::Result<()>)>,
    board: TaskBoard,
    stop: CancellationToken,
}

impl Tasks {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { running: JoinSet::new(), board: TaskBoard::default(), stop }
    }

    /// What each part says of itself.
    pub(super) fn board(&self) -> &TaskBoard {
        &self.board
    }

    /// Cancelled when all are to stop.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a part.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        part: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.board.lock().insert(name, None);
        self.running.spawn(async move { (name, part.await) });
    }

    /// Waits for a signal, or for a part that ends by itself; then stops all.
    pub(super) async fn run_until_stopped(
        mut self,
        signals: &mut StopSignals,
        streams: CancellationToken,
        stop_max: Duration,
    ) -> anyhow::Result<ExitCode> {
        let early = tokio::select! {
            () = signals.heard() => Ok(()),
            ended = self.running.join_next() => self.note(ended).and(Err(anyhow::anyhow!("a part of the process ended by itself"))),
        };
        tracing::info!("stopping");
        early.and(self.stop_all(streams, stop_max).await)?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }

    /// Stops all parts, `streams` too, within `stop_max`.
    pub(super) async fn stop_all(
        mut self,
        streams: CancellationToken,
        stop_max: Duration,
    ) -> anyhow::Result<()> {
        streams.cancel();
        self.stop.cancel();
        let drained = tokio::time::timeout(stop_max, async {
            let mut first_error = Ok(());
            while let Some(ended) = self.running.join_next().await {
                first_error = first_error.and(self.note(Some(ended)));
            }
            first_error
        });
        match drained.await {
            Ok(result) => result,
            Err(_) => anyhow::bail!("not everything stopped within {} s", stop_max.as_secs()),
        }
    }

    fn note(
        &self,
        ended: Option<Result<(&'static str, anyhow::Result<()>), tokio::task::JoinError>>,
    ) -> anyhow::Result<()> {
        let (name, result) = match ended {
            None => return Ok(()),
            Some(Ok(ended)) => ended,
            Some(Err(error)) => {
                return Err(anyhow::Error::new(error).context("a part of the process panicked"));
            }
        };
        let said = result.as_ref().map_or_else(|error| format!("{error:#}"), |()| "finished".to_owned());
        self.board.lock().insert(name, Some(said));
        result.with_context(|| format!("the {name} failed"))
    }
}
