//! From the moment an action is due to the shopper's changed vector in the hands of another process.
//!
//! Open loop: actions are due at even distances and count from then, however late they are sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use rep_backends::{Backends, Retrieval, SystemClock, Trial};
use rep_core::avro::Event as _;
use rep_core::ports::log::NewRecord;
use rep_core::ports::preferences::{PreferenceChange, PreferenceStore};
use rep_core::{ActionType, Clock as _, Timestamp, Topic, UserAction, UserId};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinSet;

use super::Bench;
use super::child::Served;
use super::knn;
use crate::bench::Latencies;
use crate::bench::fixture::{action, product_id};

/// Actions a second.
const RATE: u64 = 2_000;
/// Every so many actions, one is of a shopper nobody knows, and is watched.
const PROBE_EVERY: u64 = 50;
const USERS: u64 = 20_000;
/// Time between two appends of what is due.
const APPEND_EVERY: Duration = Duration::from_millis(5);
/// Appends on their way at once.
const APPENDS_MAX: usize = 64;
/// Load before the first action that is watched.
const SETTLE_S: u64 = 3;
/// Longest wait for a change to be seen; those that are not count as this late.
const VISIBLE_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the first change: roles join their groups.
const FIRST_MAX: Duration = Duration::from_secs(60);
/// p99 that is aimed at.
const GOAL_MS: f64 = 250.0;

pub(super) async fn measure(bench: &Bench, trial: &Trial) -> anyhow::Result<Value> {
    let seconds = if bench.quick { 5 } else { 20 };
    let served = Served::start(bench, trial, &["api", "behaviour"]).await?;
    let backends = bench.connect(trial, Retrieval::Elasticsearch).await?;
    eprintln!("waiting for the first change");
    let first = probe(0, SystemClock.now());
    let watched = Watched::new(&backends, &first, Instant::now(), FIRST_MAX);
    backends.log.append(Topic::UserAction, vec![record(&backends, &first)?]).await?;
    anyhow::ensure!(watched.seen().await < FIRST_MAX, "no change was seen within {FIRST_MAX:?}");
    eprintln!("{RATE} actions/s for {seconds} s, of which {} are watched", RATE * seconds / PROBE_EVERY);
    let load = load(bench, &backends, seconds).await?;
    served.stop().await?;
    let p99 = load.seen.0.value_at_quantile(0.99) as f64 / 1000.0;
    Ok(json!({
        "events_per_s": RATE, "achieved_events_per_s": load.rate.round(), "seconds": seconds,
        "roles": "api and behaviour in one process", "due_to_seen": load.seen.json(), "missing": load.missing,
        "goal": format!("p99_ms <= {GOAL_MS}"), "met": load.missing == 0 && p99 <= GOAL_MS,
    }))
}

/// What came of a load.
struct Load {
    seen: Latencies,
    missing: u64,
    /// Actions a second that were durable.
    rate: f64,
}

async fn load(bench: &Bench, backends: &Backends, seconds: u64) -> anyhow::Result<Load> {
    let products = knn::products(bench.quick);
    let (total, settled) = ((SETTLE_S + seconds) * RATE, SETTLE_S * RATE);
    let mut ticks = tokio::time::interval(APPEND_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (mut appends, mut watching) = (JoinSet::new(), JoinSet::new());
    let (began, began_at) = (Instant::now(), SystemClock.now());
    let mut sent = 0;
    while sent < total {
        ticks.tick().await;
        let due = ((began.elapsed().as_secs_f64() * RATE as f64) as u64).min(total);
        let mut records = Vec::new();
        for n in sent..due {
            let after = Duration::from_nanos(n * 1_000_000_000 / RATE);
            let at = began_at.plus(after);
            let action = if n >= settled && n.is_multiple_of(PROBE_EVERY) {
                let action = probe(n, at);
                watching.spawn(Watched::new(backends, &action, began + after, VISIBLE_MAX).seen());
                action
            } else {
                action(n, USERS, products, at)
            };
            records.push(record(backends, &action)?);
        }
        sent = due;
        if appends.len() >= APPENDS_MAX {
            appends.join_next().await.context("no append is on its way")???;
        }
        let log = Arc::clone(&backends.log);
        appends.spawn(async move { log.append(Topic::UserAction, records).await });
    }
    while let Some(appended) = appends.join_next().await {
        appended??;
    }
    let rate = total as f64 / began.elapsed().as_secs_f64();
    let (mut seen, mut missing) = (Latencies::new(), 0);
    while let Some(latency) = watching.join_next().await {
        let latency = latency?;
        missing += u64::from(latency >= VISIBLE_MAX);
        seen.record(latency);
    }
    Ok(Load { seen, missing, rate })
}

fn record(backends: &Backends, action: &UserAction) -> anyhow::Result<NewRecord> {
    Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), backends.codec.encode(action)?))
}

/// The first action of a shopper.
fn probe(n: u64, at: Timestamp) -> UserAction {
    let user =
        UserId::new(format!("probe-{n}")).unwrap_or_else(|_| unreachable!("letters and digits are an id"));
    let product = Some(product_id(n / PROBE_EVERY % 500));
    // Other trace ids than those of the load.
    let action = action(n + (1 << 40), 1, 1, at);
    UserAction { user_id: user, action_type: ActionType::Click, product_id: product, ..action }
}

/// A shopper whose vector is waited for.
struct Watched {
    preferences: Arc<dyn PreferenceStore>,
    changes: Receiver<PreferenceChange>,
    user: UserId,
    due: Instant,
    wait_max: Duration,
}

impl Watched {
    /// From now on, for the first change that `action`, due at `due`, leads to.
    fn new(backends: &Backends, action: &UserAction, due: Instant, wait_max: Duration) -> Self {
        let (preferences, user) = (Arc::clone(&backends.preferences), action.user_id.clone());
        Self { changes: preferences.changes(&user), preferences, user, due, wait_max }
    }

    /// How long after it was due the vector was here; the longest wait if it never was.
    async fn seen(mut self) -> Duration {
        let (due, wait_max) = (self.due, self.wait_max);
        let seen = async {
            loop {
                if self.changes.recv().await.is_err() {
                    // Something may have been missed: listen again, then look.
                    self.changes = self.preferences.changes(&self.user);
                }
                let found = self.preferences.load(std::slice::from_ref(&self.user)).await;
                if found.is_ok_and(|found| found.iter().any(Option::is_some)) {
                    return due.elapsed();
                }
            }
        };
        tokio::time::timeout(wait_max, seen).await.unwrap_or(wait_max)
    }
}
