//! `ingest`: durable events a second with all effects (vectors, documents, interest, popularity, offsets).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use rep_backends::Backends;
use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use rep_core::{
    ActionType, Clock, InterestReason, ProductId, Registers, Standing, Timestamp, Topic, UserAction, UserId,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::fixture::{Numbers, Scratch, action, parts, product_id, stage_seconds, stock};
use crate::status::process;

const USERS: u64 = 20_000;
const PRODUCTS: u64 = 10_000;
const DIMENSIONS: usize = 384;
/// Records of one append.
const APPEND_RECORDS: usize = 1000;
/// Products whose interested shoppers are compared with those the events make, the hottest.
const COMPARED: u64 = 20;
/// Events of one millisecond of the shop's time.
const EVENTS_PER_MS: u64 = 100;
/// How late events come: nearly all by what a network takes, one of a hundred from a device that was offline.
const LATE_MS: u64 = 100;
const OFFLINE_MS: u64 = 3_600_000;

pub(super) fn run(quick: bool, one_moment: bool) -> anyhow::Result<Value> {
    super::runtime()?.block_on(measure(if quick { 200_000 } else { 2_000_000 }, one_moment))
}

async fn measure(events: u64, one_moment: bool) -> anyhow::Result<Value> {
    let scratch = Scratch::new("ingest")?;
    let parts = parts(scratch.path(), DIMENSIONS)?;
    let backends = parts.stores()?.backends.clone();
    stock(&backends, PRODUCTS, DIMENSIONS).await?;
    eprintln!("making {events} events");
    let now = parts.clock.now();
    let mut expected = Expected::of_the_hottest();
    let mut appends: Vec<Vec<NewRecord>> = Vec::new();
    for begin in (0..events).step_by(APPEND_RECORDS) {
        let records = (begin..begin + APPEND_RECORDS as u64).map(|n| {
            let action = if one_moment { action(n, USERS, PRODUCTS, now) } else { event(n, events, now) };
            expected.note(&action);
            let value = backends.codec.encode(&action)?;
            Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), value))
        });
        appends.push(records.collect::<anyhow::Result<_>>()?);
    }
    let bytes: usize = appends.iter().flatten().map(|r| r.value.len()).sum();
    let stop = CancellationToken::new();
    let role = BehaviourRole::new(
        BehaviourDeps {
            log: Arc::clone(&backends.log),
            codec: backends.codec.clone(),
            clock: Arc::clone(&parts.clock) as Arc<dyn Clock>,
            behaviour: Arc::clone(&backends.behaviour),
            preferences: Arc::clone(&backends.preferences),
            catalog: Arc::clone(&backends.catalog),
            popularity: Arc::clone(&backends.popularity),
            embedder: parts.stores()?.embedder.clone().context("no model")?,
        },
        BehaviourConfig::default(),
    );
    let consumer = tokio::spawn(role.run(stop.clone()));
    eprintln!("appending {} MB while the consumer runs", bytes >> 20);
    let (began, cpu_before) = (Instant::now(), process(Duration::ZERO).cpu_seconds);
    for records in appends {
        backends.log.append(Topic::UserAction, records).await?;
    }
    let appended = began.elapsed();
    loop {
        let offsets = backends.log.offsets(Topic::UserAction, "behaviour").await?;
        if offsets.iter().all(|o| o.lag() == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let done = began.elapsed();
    let after = process(Duration::ZERO);
    let documents = backends.behaviour.count().await?;
    stop.cancel();
    let stats = consumer.await??;
    let interested = expected.compare(&backends).await?;
    let stage_seconds = stage_seconds(&parts.telemetry.text(), "behaviour");
    Ok(json!({
        "bench": "ingest", "one_moment": one_moment, "events": events, "users": USERS, "products": PRODUCTS, "dimensions": DIMENSIONS,
        "event_bytes_mean": bytes as u64 / events,
        "append_events_per_s": (events as f64 / appended.as_secs_f64()).round(),
        "events_per_s": (events as f64 / done.as_secs_f64()).round(),
        "seconds": done.as_secs_f64(), "cpu_cores": (after.cpu_seconds - cpu_before) / done.as_secs_f64(),
        "rss_mb": after.rss_bytes >> 20, "documents": documents, "processed": stats.processed,
        "interested_compared": interested,
        "dead_lettered": stats.dead_lettered, "disk_mb": backends.data_dir.as_ref().map(|dir| dir.upkeep.disk_bytes() >> 20),
        "stage_seconds": stage_seconds, "goal": "events_per_s >= 100000",
    }))
}

/// Event `n` of `events`, the last of which is logged `now`: of every action that has a register of interest, and at times
/// that are not in the order of the log, so that some registers are compared before they are written.
fn event(n: u64, events: u64, now: Timestamp) -> UserAction {
    let mut action = action(n, USERS, PRODUCTS, now);
    let mut numbers = Numbers::new(n + (1 << 40));
    match numbers.below(100) {
        0 => action.action_type = ActionType::RemoveFromCart,
        1 => action.action_type = ActionType::RemoveFromWishlist,
        2 => action.action_type = ActionType::Dislike,
        _ => {}
    }
    let late_max_ms = if numbers.below(100) == 0 { OFFLINE_MS } else { LATE_MS };
    let ago_ms = (events - n) / EVENTS_PER_MS + numbers.below(late_max_ms);
    action.timestamp = now.minus(Duration::from_millis(ago_ms));
    action
}

/// What the events say about the products that are compared.
struct Expected(HashMap<ProductId, HashMap<UserId, Registers>>);

impl Expected {
    fn of_the_hottest() -> Self {
        Self((0..COMPARED).map(|n| (product_id(n), HashMap::new())).collect())
    }

    fn note(&mut self, action: &UserAction) {
        if let Some(shoppers) = action.product_id.as_ref().and_then(|product| self.0.get_mut(product)) {
            shoppers.entry(action.user_id.clone()).or_default().note(action.action_type, action.timestamp);
        }
    }

    /// How many interests were compared; an error if the store has others.
    async fn compare(&self, backends: &Backends) -> anyhow::Result<usize> {
        let since = Timestamp::default();
        let mut compared = 0;
        for (product, shoppers) in &self.0 {
            let standing = |(user, registers): (&UserId, &Registers)| match registers.standing(since) {
                Standing::Interested { reason, at } => Some((user.clone(), (reason, at))),
                _ => None,
            };
            let expected: HashMap<UserId, (InterestReason, Timestamp)> =
                shoppers.iter().filter_map(standing).collect();
            let found = backends.behaviour.interested(product, since, USERS as usize).await?;
            let found: HashMap<_, _> =
                found.into_iter().map(|one| (one.user_id, (one.reason, one.at))).collect();
            ensure!(
                found == expected,
                "{} are interested in `{product}` by the events, and {} in the store, or for other reasons",
                expected.len(),
                found.len()
            );
            compared += expected.len();
        }
        ensure!(compared > 0, "no interest was compared");
        Ok(compared)
    }
}
