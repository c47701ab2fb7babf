//! `ingest`: durable events a second with all effects (vectors, documents, popularity, offsets).

use anyhow::Context as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use rep_core::{Clock, Topic};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::fixture::{Scratch, action, parts, stage_seconds, stock};
use crate::status::process;

const USERS: u64 = 20_000;
const PRODUCTS: u64 = 10_000;
const DIMENSIONS: usize = 384;
/// Records of one append.
const APPEND_RECORDS: usize = 1000;

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    super::runtime()?.block_on(measure(if quick { 200_000 } else { 2_000_000 }))
}

async fn measure(events: u64) -> anyhow::Result<Value> {
    let scratch = Scratch::new("ingest")?;
    let parts = parts(scratch.path(), DIMENSIONS)?;
    let backends = parts.stores()?.backends.clone();
    stock(&backends, PRODUCTS, DIMENSIONS).await?;
    eprintln!("making {events} events");
    let now = parts.clock.now();
    let mut appends: Vec<Vec<NewRecord>> = Vec::new();
    for begin in (0..events).step_by(APPEND_RECORDS) {
        let records = (begin..begin + APPEND_RECORDS as u64).map(|n| {
            let action = action(n, USERS, PRODUCTS, now);
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
    let stage_seconds = stage_seconds(&parts.telemetry.text(), "behaviour");
    Ok(json!({
        "bench": "ingest", "events": events, "users": USERS, "products": PRODUCTS, "dimensions": DIMENSIONS,
        "event_bytes_mean": bytes as u64 / events,
        "append_events_per_s": (events as f64 / appended.as_secs_f64()).round(),
        "events_per_s": (events as f64 / done.as_secs_f64()).round(),
        "seconds": done.as_secs_f64(), "cpu_cores": (after.cpu_seconds - cpu_before) / done.as_secs_f64(),
        "rss_mb": after.rss_bytes >> 20, "documents": documents, "processed": stats.processed,
        "dead_lettered": stats.dead_lettered, "disk_mb": backends.data_dir.as_ref().map(|dir| dir.upkeep.disk_bytes() >> 20),
        "stage_seconds": stage_seconds, "goal": "events_per_s >= 100000",
    }))
}
