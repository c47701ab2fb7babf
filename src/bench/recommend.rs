//! `recommend`: `GET /recommendations` over HTTP, open loop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use rep_core::Topic;
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use serde_json::{Value, json};

use super::Latencies;
use super::fixture::{Numbers, Scratch, action, parts, stock, until_idle, user_id};
use crate::process::{Role, Running, Servers};

const USERS: u64 = 5_000;
const DIMENSIONS: usize = 768;
const RATE: u64 = 1_000;
/// Connections the requests are spread over.
const CONNECTIONS: u64 = 32;

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let (products, seconds) = if quick { (10_000, 2) } else { (100_000, 20) };
    super::runtime()?.block_on(measure(products, seconds))
}

async fn measure(products: u64, seconds: u64) -> anyhow::Result<Value> {
    let scratch = Scratch::new("recommend")?;
    let parts = parts(scratch.path(), DIMENSIONS)?;
    let (backends, clock) = (parts.stores()?.backends.clone(), Arc::clone(&parts.clock));
    eprintln!("making {products} products");
    stock(&backends, products, DIMENSIONS).await?;
    let servers = Servers::bind(&parts.settings, &parts.roles).await?;
    let address = servers.address(Role::Api).context("the API has no port")?;
    let running = Running::start(parts, servers).await?;
    eprintln!("making {USERS} shoppers");
    let records = (0..USERS * 10).map(|n| {
        let mut action = action(n, USERS, products, clock.now());
        action.user_id = user_id(n % USERS);
        let value = backends.codec.encode(&action)?;
        Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), value))
    });
    backends.log.append(Topic::UserAction, records.collect::<anyhow::Result<_>>()?).await?;
    while backends.log.offsets(Topic::UserAction, "behaviour").await?.iter().any(|o| o.lag() > 0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until_idle().await?;
    let mut results = Vec::new();
    for filter in ["", "&inStock=true&maxPrice=250", "&category=category-03"] {
        eprintln!("{RATE} requests/s for {seconds} s {filter}");
        let begin = Instant::now() + Duration::from_millis(100);
        let load = move || load(address, filter, seconds, begin);
        let latencies = tokio::task::spawn_blocking(load).await??;
        let achieved = (RATE * seconds) as f64 / begin.elapsed().as_secs_f64();
        results.push(json!({"filter": filter.trim_start_matches('&'), "requests_per_s": achieved.round(), "latency": latencies.json()}));
    }
    running.stop().await?;
    Ok(json!({
        "bench": "recommend", "products": products, "dimensions": DIMENSIONS, "users": USERS, "results": results,
        "goal": "p99_ms <= 5 at 1000 requests/s",
    }))
}

/// Sends the requests, from threads of their own: they wake up to the tenth of a millisecond, and wait in no queue
/// of the server's runtime.
fn load(address: SocketAddr, filter: &str, seconds: u64, begin: Instant) -> anyhow::Result<Latencies> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|worker| scope.spawn(move || requests(address, filter, seconds, begin, worker)))
            .collect();
        let mut latencies = Latencies::new();
        for worker in workers {
            latencies.merge(&worker.join().map_err(|_| anyhow::anyhow!("a connection panicked"))??);
        }
        Ok(latencies)
    })
}

/// The requests of one connection. Latency counts from when the request was due: a slow answer delays no later one
/// unseen.
fn requests(
    address: SocketAddr,
    filter: &str,
    seconds: u64,
    begin: Instant,
    worker: u64,
) -> anyhow::Result<Latencies> {
    let agent = ureq::Agent::new_with_defaults();
    let (mut latencies, mut numbers) = (Latencies::new(), Numbers::new(worker));
    for n in (worker..RATE * seconds).step_by(CONNECTIONS as usize) {
        let due = begin + Duration::from_secs(1) * u32::try_from(n)? / u32::try_from(RATE)?;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let user = user_id(numbers.below(USERS));
        let mut answer =
            agent.get(format!("http://{address}/recommendations?userId={user}&limit=10{filter}")).call()?;
        let body = answer.body_mut().read_to_vec()?;
        latencies.record(due.elapsed());
        let answer: Value = serde_json::from_slice(&body)?;
        anyhow::ensure!(
            answer["items"].as_array().is_some_and(|items| items.len() == 10),
            "ten items: {answer}"
        );
    }
    Ok(latencies)
}
