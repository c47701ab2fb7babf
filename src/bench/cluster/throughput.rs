//! Actions a second of one behaviour role, beside the client library that only reads and a loader that only writes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use rep_backends::elasticsearch::bench::BareLoader;
use rep_backends::kafka::bench::consume;
use rep_backends::{Backends, Retrieval, SystemClock, Trial};
use rep_consumers::behaviour::{BehaviourConfig, GROUP, LANES};
use rep_core::avro::Event as _;
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::log::NewRecord;
use rep_core::{Clock as _, Position, Topic};
use serde_json::{Value, json};

use super::Bench;
use super::child::Served;
use crate::bench::fixture::{action, stage_seconds, stock};
use crate::bench::http::Connection;

/// How often all three are measured, in turn; the median counts.
pub(super) const REPETITIONS: u64 = 3;
const USERS: u64 = 20_000;
const PRODUCTS: u64 = 2_000;
/// Records of one append.
const APPEND_RECORDS: u64 = 1000;
/// Longest time without progress.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at what is committed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Share of the slower of the two others that is aimed at.
const GOAL: f64 = 0.9;

/// Seconds of one repetition.
struct Took {
    behaviour: f64,
    /// Of which in each stage of the role, by its metrics; some run beside others.
    stages: BTreeMap<String, f64>,
    consumer: f64,
    loader: f64,
}

/// Name of the installation of a repetition: stores are empty at the beginning of each.
pub(super) fn part(repetition: u64) -> String {
    format!("load{repetition}")
}

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Value> {
    let events = if bench.quick { 20_000 } else { 200_000 };
    let mut took = Vec::new();
    for repetition in 0..REPETITIONS {
        eprintln!("throughput, {} of {REPETITIONS}", repetition + 1);
        let once = async |trial: &Trial| repeat(bench, trial, events, repetition).await;
        took.push(bench.in_trial(&part(repetition), once).await?);
    }
    let rate = |of: fn(&Took) -> f64| {
        let mut rates: Vec<f64> = took.iter().map(|took| events as f64 / of(took)).collect();
        rates.sort_by(f64::total_cmp);
        (rates[rates.len() / 2], rates)
    };
    let (behaviour, behaviours) = rate(|took| took.behaviour);
    let (consumer, consumers) = rate(|took| took.consumer);
    let (loader, loaders) = rate(|took| took.loader);
    let share = behaviour / consumer.min(loader);
    let stage_seconds: Vec<_> = took.iter().map(|took| &took.stages).collect();
    let all = |rates: Vec<f64>| rates.into_iter().map(f64::round).collect::<Vec<_>>();
    Ok(json!({
        "events": events, "products": PRODUCTS, "repetitions": REPETITIONS, "bulk_documents": BehaviourConfig::default().bulk_documents,
        "lanes": LANES,
        "behaviour_events_per_s": behaviour.round(), "behaviour_all": all(behaviours),
        "bare_consumer_events_per_s": consumer.round(), "bare_consumer_all": all(consumers),
        "bare_loader_events_per_s": loader.round(), "bare_loader_all": all(loaders),
        "behaviour_stage_seconds": stage_seconds, "share_of_slower": share, "goal": format!("share_of_slower >= {GOAL}"), "met": share >= GOAL,
    }))
}

async fn repeat(bench: &Bench, trial: &Trial, events: u64, repetition: u64) -> anyhow::Result<Took> {
    let backends = bench.connect(trial, Retrieval::Elasticsearch).await?;
    stock(&backends, PRODUCTS, bench.model.dimensions).await?;
    eprintln!("appending {events} actions");
    append(&backends, events).await?;
    let kafka = &trial.servers().kafka;
    // Whoever goes second finds a larger index, and the log in memory: they take turns.
    let ((behaviour, stages), loader) = if repetition.is_multiple_of(2) {
        let loader = load(trial, events).await?;
        (work_off(bench, trial, &backends, events, 2 * events).await?, loader)
    } else {
        let behaviour = work_off(bench, trial, &backends, events, events).await?;
        (behaviour, load(trial, events).await?)
    };
    eprintln!("reading them and nothing else");
    let consumer = consume(kafka, Topic::UserAction, "bench-bare", events).await?;
    Ok(Took {
        behaviour: behaviour.as_secs_f64(),
        stages,
        consumer: consumer.as_secs_f64(),
        loader: loader.as_secs_f64(),
    })
}

async fn append(backends: &Backends, events: u64) -> anyhow::Result<()> {
    let now = SystemClock.now();
    for begin in (0..events).step_by(APPEND_RECORDS as usize) {
        let records = (begin..(begin + APPEND_RECORDS).min(events)).map(|n| {
            let action = action(n, USERS, PRODUCTS, now);
            let value = backends.codec.encode(&action)?;
            Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), value))
        });
        let records = records.collect::<anyhow::Result<_>>()?;
        backends.log.append(Topic::UserAction, records).await?;
    }
    Ok(())
}

/// Has the loader write as many documents of the same kind under trace ids of their own.
async fn load(trial: &Trial, events: u64) -> anyhow::Result<Duration> {
    eprintln!("loading {events} documents and nothing else");
    let (now, partitions) = (SystemClock.now(), u64::from(Topic::UserAction.partitions()));
    let document = |n: u64| BehaviourDocument {
        action: action(n + (1 << 40), USERS, PRODUCTS, now),
        position: Position { epoch: 1, partition: (n % partitions) as u32, offset: n / partitions },
        appended_at: now,
    };
    let documents: Vec<BehaviourDocument> = (0..events).map(document).collect();
    let bulk_documents = BehaviourConfig::default().bulk_documents;
    let loader = BareLoader::new(&trial.servers().elasticsearch, &documents, bulk_documents)?;
    drop(documents);
    Ok(loader.run(LANES).await?)
}

/// Has a behaviour role work off what is in the log: from the first record it takes to the last commit. Then
/// `documents` must be in the index.
async fn work_off(
    bench: &Bench,
    trial: &Trial,
    backends: &Backends,
    events: u64,
    documents: u64,
) -> anyhow::Result<(Duration, BTreeMap<String, f64>)> {
    eprintln!("one behaviour role works off {events} actions");
    let served = Served::start(bench, trial, &["behaviour"]).await?;
    let mut metrics = Connection::open(served.address("behaviour")?).await?;
    let began = until(async || Ok(received(&mut metrics).await? > 0.0), Duration::from_millis(5)).await;
    let began = began.context("the behaviour role took no record")?;
    let (mut committed, mut progress) = (0, Instant::now());
    while committed < events {
        anyhow::ensure!(
            progress.elapsed() < STALL_MAX,
            "the behaviour role committed {committed} of {events} actions, and none for {STALL_MAX:?}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
        let offsets = backends.log.offsets(Topic::UserAction, GROUP).await?;
        let now: u64 = offsets.iter().map(|partition| partition.next() - partition.begin).sum();
        if now > committed {
            (committed, progress) = (now, Instant::now());
        }
    }
    let took = began.elapsed();
    let stages = stage_seconds(&told(&mut metrics).await?, GROUP);
    served.stop().await?;
    let is_there = async || Ok(backends.behaviour.count().await? >= documents);
    until(is_there, LOOK_EVERY).await.context("not every action has become a document")?;
    Ok((took, stages))
}

/// When `condition` held.
async fn until(
    mut condition: impl AsyncFnMut() -> anyhow::Result<bool>,
    look_every: Duration,
) -> anyhow::Result<Instant> {
    let began = Instant::now();
    while !condition().await? {
        anyhow::ensure!(began.elapsed() < STALL_MAX, "not within {STALL_MAX:?}");
        tokio::time::sleep(look_every).await;
    }
    Ok(Instant::now())
}

/// The metrics of a process.
async fn told(metrics: &mut Connection) -> anyhow::Result<String> {
    let (status, text) = metrics.send("GET", "/metrics", None).await?;
    anyhow::ensure!(status.is_success(), "the metrics were answered with {status}");
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Records that the role has taken, by its metrics.
async fn received(metrics: &mut Connection) -> anyhow::Result<f64> {
    let text = told(metrics).await?;
    let line = text.lines().find(|line| {
        line.starts_with("rep_consumer_received_total{") && line.contains(&format!("role=\"{GROUP}\""))
    });
    let value = line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.parse());
    Ok(value.transpose()?.unwrap_or(0.0))
}
