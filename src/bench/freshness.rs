//! `freshness`: action accepted → changed recommendation served, while other shoppers act.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use rep_backends::Backends;
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use rep_core::{Clock, Topic};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Latencies;
use super::fixture::{Scratch, action, parts, product_id, stock, until_idle};
use super::http::Connection;
use crate::process::{Role, Running, Servers};

const USERS: u64 = 20_000;
const PRODUCTS: u64 = 10_000;
const DIMENSIONS: usize = 384;
/// Time between two batches of the load.
const LOAD_EVERY: Duration = Duration::from_millis(10);
/// Time between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(25);
/// Longest wait for a probe to be seen.
const VISIBLE_MAX: Duration = Duration::from_secs(10);

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    super::runtime()?.block_on(async {
        let scratch = Scratch::new("freshness")?;
        let parts = parts(scratch.path(), DIMENSIONS)?;
        let (backends, clock) = (parts.stores()?.backends.clone(), Arc::clone(&parts.clock));
        stock(&backends, PRODUCTS, DIMENSIONS).await?;
        let servers = Servers::bind(&parts.settings, &parts.roles).await?;
        let address = servers.address(Role::Api).context("the API has no port")?;
        let running = Running::start(parts, servers).await?;
        until_idle().await?;
        let probes = if quick { 100 } else { 1000 };
        let mut results = Vec::new();
        for rate in [0, 1_000, 10_000] {
            eprintln!("{probes} probes at {rate} events/s");
            results.push(measure(&backends, &clock, address, rate, probes).await?);
        }
        running.stop().await?;
        Ok(json!({"bench": "freshness", "dimensions": DIMENSIONS, "results": results, "goal": "p99_ms <= 50"}))
    })
}

async fn measure(
    backends: &Backends,
    clock: &Arc<dyn Clock>,
    address: SocketAddr,
    rate: u64,
    probes: u64,
) -> anyhow::Result<Value> {
    let stop = CancellationToken::new();
    let load = tokio::spawn(load(backends.clone(), Arc::clone(clock), rate, stop.clone()));
    // The load has settled before the first probe.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut connection = Connection::open(address).await?;
    let (mut visible, mut accepted) = (Latencies::new(), Latencies::new());
    let mut ticks = tokio::time::interval(PROBE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for probe in 0..probes {
        ticks.tick().await;
        let user = format!("probe-{rate}-{probe}");
        let event =
            json!({"userId": user, "actionType": "CLICK", "productId": product_id(probe * 7 % PRODUCTS)});
        let sent = Instant::now();
        connection.json("POST", "/events", Some(&event)).await?;
        let durable = Instant::now();
        accepted.record(durable - sent);
        let path = format!("/recommendations?userId={user}&limit=10");
        // Before the action counts, a new shopper gets what is popular.
        while connection.json("GET", &path, None).await?["strategy"] != "personalized" {
            anyhow::ensure!(
                durable.elapsed() < VISIBLE_MAX,
                "an action was not visible within {VISIBLE_MAX:?}"
            );
        }
        visible.record(durable.elapsed());
    }
    stop.cancel();
    let appended = load.await??;
    Ok(
        json!({"events_per_s": rate, "load_events": appended, "accepted_to_served": visible.json(), "sent_to_accepted": accepted.json()}),
    )
}

async fn load(
    backends: Backends,
    clock: Arc<dyn Clock>,
    rate: u64,
    stop: CancellationToken,
) -> anyhow::Result<u64> {
    let mut ticks = tokio::time::interval(LOAD_EVERY);
    let (began, mut sent) = (Instant::now(), 0);
    let first = rate * 100_000_000;
    while rate > 0 && !stop.is_cancelled() {
        ticks.tick().await;
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        let records = (sent..due).map(|n| {
            let action = action(first + n, USERS, PRODUCTS, clock.now());
            let value = backends.codec.encode(&action)?;
            Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), value))
        });
        let records = records.collect::<anyhow::Result<_>>()?;
        backends.log.append(Topic::UserAction, records).await?;
        sent = due;
    }
    Ok(sent)
}
