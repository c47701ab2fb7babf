//! `recommend`: `GET /recommendations` over HTTP, open loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rep_core::Topic;
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use serde_json::{Value, json};

use super::Latencies;
use super::fixture::{Numbers, Scratch, action, parts, stock, until_idle, user_id};
use super::http::Connection;
use crate::up::{Running, Servers};

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
    let (backends, clock) = (parts.backends.clone(), Arc::clone(&parts.clock));
    eprintln!("making {products} products");
    stock(&backends, products, DIMENSIONS).await?;
    let servers = Servers::bind(&parts.settings).await?;
    let running = Running::start(parts, servers).await?;
    eprintln!("making {USERS} shoppers");
    let records = (0..USERS * 10).map(|n| {
        let mut action = action(n, USERS, products, clock.now());
        action.user_id = user_id(n % USERS);
        let value = backends.codec.encode(&action)?;
        Ok(NewRecord { key: Bytes::copy_from_slice(action.key()), value: value.into() })
    });
    backends.log.append(Topic::UserAction, records.collect::<anyhow::Result<_>>()?).await?;
    while backends.log.offsets(Topic::UserAction, "behaviour").await?.iter().any(|o| o.lag() > 0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until_idle().await?;
    let mut results = Vec::new();
    for filter in ["", "&inStock=true&maxPrice=250", "&category=category-03"] {
        eprintln!("{RATE} requests/s for {seconds} s {filter}");
        let mut latencies = Latencies::new();
        let mut workers = Vec::new();
        let begin = Instant::now() + Duration::from_millis(100);
        for worker in 0..CONNECTIONS {
            let address = running.api_address;
            workers.push(tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let (mut latencies, mut numbers) = (Latencies::new(), Numbers::new(worker));
                for n in (worker..RATE * seconds).step_by(CONNECTIONS as usize) {
                    // Latency counts from when the request was due: a slow answer delays no later one unseen.
                    let due = begin + Duration::from_secs(1) * u32::try_from(n)? / u32::try_from(RATE)?;
                    tokio::time::sleep_until(due.into()).await;
                    let path =
                        format!("/recommendations?userId={}&limit=10{filter}", user_id(numbers.below(USERS)));
                    connection.json("GET", &path, None).await?;
                    latencies.record(due.elapsed());
                }
                anyhow::Ok(latencies)
            }));
        }
        for worker in workers {
            latencies.merge(&worker.await??);
        }
        let achieved = (RATE * seconds) as f64 / begin.elapsed().as_secs_f64();
        results.push(json!({"filter": filter.trim_start_matches('&'), "requests_per_s": achieved.round(), "latency": latencies.json()}));
    }
    running.stop().await?;
    Ok(json!({
        "bench": "recommend", "products": products, "dimensions": DIMENSIONS, "users": USERS, "results": results,
        "goal": "p99_ms <= 5 at 1000 requests/s",
    }))
}
