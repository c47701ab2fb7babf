//! The steps of the loop.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rep_core::ports::log::{GroupReader, Record};
use rep_core::ports::{StoreError, StoreErrorKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::gather::{Gathered, gather};
use super::lag::Lag;
use super::{Source, unless_stopped};
use crate::dead_letters::DeadLetters;
use crate::handler::{reason, reason_of};
use crate::panics::caught;
use crate::spans::Work;
use crate::{ConsumeConfig, Frontier, Handler, Rejected, RoleContext, RoleError, Verdicts};

pub(super) struct Drive<H> {
    context: RoleContext,
    config: ConsumeConfig,
    handler: H,
    dead_letters: DeadLetters,
    frontier: Frontier,
    verdicts: Verdicts,
    last_commit: Instant,
    /// How long the last commit took.
    commit_took: Duration,
    committing: Option<Committing>,
}

/// A commit that goes on beside the work.
struct Committing {
    offsets: Vec<(u32, u64)>,
    /// Gives how long it took.
    task: AbortOnDropHandle<Result<Duration, StoreError>>,
}

/// Commits take at most one part in so many of the time: under load each holds more, and a crash repeats more.
const COMMIT_SHARE: u32 = 10;
/// No commit is put off for longer than this many intervals.
const COMMIT_DELAY_MAX: u32 = 10;
/// How soon a commit under way is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Why a batch was not taken, and after how many attempts.
struct Failure {
    reason: &'static str,
    error: String,
    attempts: u32,
}

impl<H: Handler> Drive<H> {
    pub(super) fn new(
        context: RoleContext,
        config: ConsumeConfig,
        handler: H,
        dead_letters: DeadLetters,
    ) -> Self {
        Self {
            context,
            config,
            handler,
            dead_letters,
            frontier: Frontier::default(),
            verdicts: Verdicts::default(),
            last_commit: Instant::now(),
            commit_took: Duration::ZERO,
            committing: None,
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.frontier.in_flight()
    }

    pub(super) async fn run(
        &mut self,
        source: &Source,
        shutdown: &CancellationToken,
    ) -> Result<(), RoleError> {
        let Some(joined) = unless_stopped(shutdown, self.subscribe(source)).await else { return Ok(()) };
        let mut reader = joined?;
        let lag = Lag::watch(self.context.clone(), source.clone());
        loop {
            let wait = self.poll_wait();
            let gathering = gather(&mut *reader, &self.context, &self.config, wait);
            let Some(gathered) = unless_stopped(shutdown, gathering).await else { break };
            let Gathered { records, revoking } = gathered?;
            let assigned = reader.assignment();
            self.context.note_assigned(&assigned);
            lag.note(assigned);
            if unless_stopped(shutdown, self.learn(source, &records)).await.is_none() {
                break;
            }
            let idle = records.is_empty();
            self.process(records).await?;
            self.tick().await?;
            if !revoking.is_empty() {
                self.hand_on(&mut *reader, &revoking).await?;
            }
            if self.frontier.has_progress() && (idle || self.commit_wait().is_zero()) {
                self.begin_commit(&*reader);
            }
            self.end_commit(&mut *reader, false).await?;
        }
        self.flush().await?;
        self.commit(&mut *reader).await
    }

    async fn subscribe(&self, source: &Source) -> Result<Box<dyn GroupReader>, RoleError> {
        let mut retry = self.context.retry("subscribe");
        loop {
            match self.context.bounded(source.log.subscribe(source.group, source.topic)).await {
                Ok(reader) => return Ok(reader),
                Err(error) => retry.after(error).await.map_err(at("subscribe"))?,
            }
        }
    }

    /// Learns by what schemas other programs wrote `records`. While that cannot be known, for whatever reason, the
    /// role is paused: it says nothing about the records, and none is parked for it.
    async fn learn(&self, source: &Source, records: &[Record]) {
        let mut retry = self.context.retry("schemas");
        let learn = || source.codec.learn(source.topic, records.iter().map(|record| &record.value[..]));
        while let Err(error) = self.context.bounded(learn()).await {
            retry.wait(&error).await;
        }
    }

    /// Until there is something else to do than to wait for records.
    fn poll_wait(&self) -> Duration {
        let mut wait = self.config.poll_wait;
        if let Some(due) = self.handler.due() {
            wait = wait.min(due.saturating_duration_since(Instant::now()));
        }
        if self.committing.is_some() {
            wait = wait.min(LOOK_AGAIN);
        } else if self.frontier.has_progress() {
            wait = wait.min(self.commit_wait());
        }
        wait
    }

    fn commit_wait(&self) -> Duration {
        let interval = self.config.commit_interval;
        let spaced = interval.max(self.commit_took * COMMIT_SHARE).min(interval * COMMIT_DELAY_MAX);
        spaced.saturating_sub(self.last_commit.elapsed())
    }

    /// Works `records` off, as part of the traces that led to them.
    async fn process(&mut self, records: Vec<Record>) -> Result<(), RoleError> {
        if records.is_empty() {
            return Ok(());
        }
        let work = Work::on(&records, self.context.role(), "handle");
        self.work_off(records).instrument(work.span()).await
    }

    /// Hands `records` over; halves what is refused until the records at fault stand alone, and parks those.
    async fn work_off(&mut self, records: Vec<Record>) -> Result<(), RoleError> {
        // A flush that a revocation's bound cut off may have left verdicts behind.
        self.settle().await;
        let role = self.context.role();
        let count = records.len() as u64;
        records.iter().for_each(|record| self.frontier.deliver(record.position));
        self.context.stats().received.fetch_add(count, Ordering::Relaxed);
        metrics::counter!("rep_consumer_received_total", "role" => role).increment(count);
        metrics::histogram!("rep_consumer_batch_size", "role" => role).record(count as f64);
        let begun = Instant::now();
        let mut waiting = vec![&records[..]];
        while let Some(batch) = waiting.pop() {
            match self.attempt(batch).await {
                Ok(()) => {}
                Err(_) if batch.len() > 1 => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    waiting.extend([second, first]);
                    continue;
                }
                Err(Failure { reason, error, attempts }) => {
                    let rejected = batch.iter().map(|r| Rejected::new(r, reason, &error, attempts));
                    self.verdicts.rejected.extend(rejected);
                }
            }
            self.settle().await;
        }
        self.context.observe("handle", begun);
        Ok(())
    }

    /// Tries one batch until it is taken or refused.
    async fn attempt(&mut self, batch: &[Record]) -> Result<(), Failure> {
        let mut retry = self.context.retry("handle");
        loop {
            self.verdicts.clear();
            let attempts = retry.attempts();
            match caught(self.handler.handle(batch, &mut self.verdicts)).await {
                Ok(Ok(())) => {
                    self.verdicts.rejected.iter_mut().for_each(|r| r.attempts = r.attempts.max(attempts));
                    return Ok(());
                }
                Ok(Err(error)) => {
                    if let Err(error) = retry.after(error).await {
                        self.verdicts.clear();
                        return Err(Failure {
                            reason: reason_of(&error),
                            error: error.to_string(),
                            attempts,
                        });
                    }
                }
                Err(error) => {
                    self.verdicts.clear();
                    return Err(Failure { reason: reason::PANIC, error, attempts });
                }
            }
        }
    }

    /// Parks what was rejected, and only then lets the frontier pass.
    ///
    /// Cancelled while parking, it parks the same records again.
    async fn settle(&mut self) {
        if !self.verdicts.rejected.is_empty() {
            self.dead_letters.park(&self.verdicts.rejected).await;
        }
        let verdicts = std::mem::take(&mut self.verdicts);
        let parked = verdicts.rejected.iter().map(|rejected| &rejected.record.position);
        verdicts.done.iter().chain(parked).for_each(|position| self.frontier.done(*position));
        let stats = self.context.stats();
        stats.add(verdicts.tally);
        self.context.count(verdicts.tally);
        let done = verdicts.done.len() as u64;
        stats.processed.fetch_add(done, Ordering::Relaxed);
        metrics::counter!("rep_consumer_processed_total", "role" => self.context.role()).increment(done);
    }

    async fn tick(&mut self) -> Result<(), RoleError> {
        self.handler.tick(&mut self.verdicts).await.map_err(at("tick"))?;
        self.settle().await;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), RoleError> {
        self.handler.flush(&mut self.verdicts).await.map_err(at("flush"))?;
        self.settle().await;
        Ok(())
    }

    /// Starts a commit of what is finished, to go on beside the work, unless one is under way.
    fn begin_commit(&mut self, reader: &dyn GroupReader) {
        let offsets = self.frontier.committable();
        if self.committing.is_some() || offsets.is_empty() {
            return;
        }
        self.last_commit = Instant::now();
        let (commit, context) = (reader.commit(&offsets), self.context.clone());
        let task = tokio::spawn(async move {
            let begun = Instant::now();
            context.bounded(commit).await.map(|()| begun.elapsed())
        });
        self.committing = Some(Committing { offsets, task: AbortOnDropHandle::new(task) });
    }

    /// Notes a commit under way that has ended, or waits until it has; one that failed is tried again, and the
    /// work waits.
    async fn end_commit(&mut self, reader: &mut dyn GroupReader, wait: bool) -> Result<(), RoleError> {
        let Some(Committing { offsets, task }) =
            self.committing.take_if(|committing| wait || committing.task.is_finished())
        else {
            return Ok(());
        };
        match task.await {
            Ok(Ok(took)) => self.note_commit(&offsets, took),
            Ok(Err(error)) => {
                tracing::debug!(role = self.context.role(), %error, "a commit failed beside the work");
                self.commit_rest(reader).await?;
            }
            Err(error) => {
                tracing::error!(role = self.context.role(), %error, "a commit was broken off");
                self.commit_rest(reader).await?;
            }
        }
        Ok(())
    }

    fn note_commit(&mut self, offsets: &[(u32, u64)], took: Duration) {
        self.frontier.committed(offsets);
        self.commit_took = took;
        self.context.observe_for("commit", took);
    }

    /// Commits all that is finished; returns when it is durable.
    async fn commit(&mut self, reader: &mut dyn GroupReader) -> Result<(), RoleError> {
        self.end_commit(reader, true).await?;
        self.commit_rest(reader).await
    }

    async fn commit_rest(&mut self, reader: &mut dyn GroupReader) -> Result<(), RoleError> {
        let mut retry = self.context.retry("commit");
        let mut pruned = false;
        loop {
            let offsets = self.frontier.committable();
            self.last_commit = Instant::now();
            if offsets.is_empty() {
                return Ok(());
            }
            match self.context.bounded(reader.commit(&offsets)).await {
                Ok(()) => {
                    self.note_commit(&offsets, self.last_commit.elapsed());
                    return Ok(());
                }
                Err(error) if error.kind() == StoreErrorKind::Invalid && !pruned => {
                    pruned = true;
                    self.forget_lost(reader, &error);
                }
                Err(error) => retry.after(error).await.map_err(at("commit"))?,
            }
        }
    }

    /// Partitions that were taken from us unasked (we were away too long) are another member's work now.
    fn forget_lost(&mut self, reader: &dyn GroupReader, error: &StoreError) {
        let assigned: BTreeSet<u32> = reader.assignment().into_iter().collect();
        let mut lost = self.frontier.partitions();
        lost.retain(|partition| !assigned.contains(partition));
        tracing::warn!(role = self.context.role(), ?lost, %error, "commit is refused; partitions were lost");
        metrics::counter!("rep_consumer_partitions_lost_total", "role" => self.context.role())
            .increment(lost.len() as u64);
        self.frontier.forget(&lost);
        self.handler.revoked(&lost);
    }

    /// Finishes and commits what was read from `partitions`, and lets them go; unfinished if that takes too
    /// long: the next member reads it again.
    async fn hand_on(&mut self, reader: &mut dyn GroupReader, partitions: &[u32]) -> Result<(), RoleError> {
        let role = self.context.role();
        let bound = self.config.revoke_max;
        let finish = async {
            self.flush().await?;
            self.commit(reader).await
        };
        match tokio::time::timeout(bound, finish).await {
            Ok(finished) => finished?,
            Err(_) => {
                tracing::warn!(role, ?partitions, ?bound, "partitions go on unfinished");
                metrics::counter!("rep_consumer_revocations_unfinished_total", "role" => role).increment(1);
            }
        }
        self.handler.revoked(partitions);
        self.frontier.forget(partitions);
        let mut retry = self.context.retry("release");
        while let Err(error) = self.context.bounded(reader.release(partitions)).await {
            retry.after(error).await.map_err(at("release"))?;
        }
        Ok(())
    }
}

fn at(stage: &'static str) -> impl Fn(StoreError) -> RoleError {
    move |source| RoleError::Store { stage, source }
}
