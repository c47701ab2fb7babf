//! `notify`: a price drop that concerns many shoppers, each with an open stream.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use rep_core::{ActionType, Topic};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Latencies;
use super::fixture::{Scratch, action, parts, product_id, stage_seconds, stock, user_id};
use super::http::Connection;
use crate::process::{Role, Running, Servers};

const PRODUCTS: u64 = 1_000;
/// The one whose price drops.
const PRODUCT: u64 = 7;
const DIMENSIONS: usize = 384;
/// Longest wait for the last stream.
const DELIVERED_MAX: Duration = Duration::from_secs(60);

/// What the process of the shoppers is told: the API's address, and how many there are.
const ADDRESS: &str = "REP_BENCH_ADDRESS";
const STREAMS: &str = "REP_BENCH_STREAMS";

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let shoppers = if quick { 500 } else { 10_000 };
    allow_files(shoppers)?;
    super::runtime()?.block_on(measure(shoppers))
}

/// The other process: opens the streams, drops the price, and measures.
pub(super) fn streams() -> anyhow::Result<Value> {
    let told = |name: &str| std::env::var(name).with_context(|| format!("`{name}` is not set"));
    let shoppers = told(STREAMS)?.parse()?;
    allow_files(shoppers)?;
    super::runtime()?.block_on(listen(told(ADDRESS)?.parse()?, shoppers))
}

/// Allows this process to have so many streams open.
fn allow_files(shoppers: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let (maximum, needed) = (getrlimit(Resource::Nofile).maximum, shoppers + 500);
    let limit = Rlimit {
        current: Some(maximum.unwrap_or(needed).max(needed)),
        maximum: maximum.map(|maximum| maximum.max(needed)),
    };
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| anyhow::anyhow!("cannot allow {needed} open files ({error}); raise `ulimit -n`"))
}

async fn measure(shoppers: u64) -> anyhow::Result<Value> {
    let scratch = Scratch::new("notify")?;
    let mut parts = parts(scratch.path(), DIMENSIONS)?;
    parts.api.streams.total_max = usize::try_from(shoppers)? + 10;
    let (backends, clock) = (parts.stores()?.backends.clone(), Arc::clone(&parts.clock));
    let telemetry = parts.telemetry.clone();
    stock(&backends, PRODUCTS, DIMENSIONS).await?;
    let servers = Servers::bind(&parts.settings, &parts.roles).await?;
    let address = servers.address(Role::Api).context("the API has no port")?;
    let running = Running::start(parts, servers).await?;
    eprintln!("{shoppers} shoppers put the product into their carts");
    let records = (0..shoppers).map(|n| {
        let mut action = action(n, 1, PRODUCTS, clock.now());
        action.user_id = user_id(n);
        action.action_type = ActionType::AddToCart;
        action.product_id = Some(product_id(PRODUCT));
        let value = backends.codec.encode(&action)?;
        Ok(NewRecord::new(Bytes::copy_from_slice(action.key()), value))
    });
    backends.log.append(Topic::UserAction, records.collect::<anyhow::Result<_>>()?).await?;
    while backends.log.offsets(Topic::UserAction, "behaviour").await?.iter().any(|o| o.lag() > 0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut listeners = Command::new(std::env::current_exe()?);
    listeners.args(["bench", "notify-streams"]).stderr(Stdio::inherit());
    listeners.env(ADDRESS, address.to_string()).env(STREAMS, shoppers.to_string());
    let output = tokio::task::spawn_blocking(move || listeners.output()).await??;
    anyhow::ensure!(output.status.success(), "the process of the shoppers failed");
    let mut result: Value =
        serde_json::from_slice(&output.stdout).context("the process of the shoppers says nothing")?;
    let metrics = telemetry.text();
    result["stage_seconds"] = json!({"inventory": stage_seconds(&metrics, "inventory"), "notify": stage_seconds(&metrics, "notify")});
    running.stop().await?;
    Ok(result)
}

async fn listen(address: SocketAddr, shoppers: u64) -> anyhow::Result<Value> {
    eprintln!("opening {shoppers} streams");
    let mut streams = Vec::new();
    for n in 0..shoppers {
        streams.push(open_stream(address, &format!("u-{n:06}")).await?);
    }
    let mut connection = Connection::open(address).await?;
    let sent = Instant::now();
    let waiting: Vec<_> =
        streams.into_iter().map(|stream| tokio::spawn(first_notification(stream))).collect();
    let path = format!("/products/{}", product_id(PRODUCT));
    connection.json("PATCH", &path, Some(&json!({"price": "1.00"}))).await?;
    let mut latencies = Latencies::new();
    let mut missing = 0;
    // Shoppers stay: who left at once would have the server close streams while others wait for theirs.
    let mut open = Vec::with_capacity(waiting.len());
    for stream in waiting {
        let left = DELIVERED_MAX.saturating_sub(sent.elapsed());
        match tokio::time::timeout(left, stream).await {
            Ok(arrived) => {
                let (at, stream) = arrived??;
                latencies.record(at.saturating_duration_since(sent));
                open.push(stream);
            }
            Err(_) => missing += 1,
        }
    }
    drop(open);
    Ok(json!({
        "bench": "notify", "streams": shoppers, "missing": missing, "price_drop_to_stream": latencies.json(),
        "goal": "p99_ms <= 500",
    }))
}

async fn open_stream(address: SocketAddr, user: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /notifications/stream?userId={user} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    anyhow::ensure!(head.ends_with(b"200"), "a stream was answered with {}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// When the first notification was there, and the stream.
async fn first_notification(mut stream: TcpStream) -> anyhow::Result<(Instant, TcpStream)> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await?;
        anyhow::ensure!(read > 0, "a stream ended before its notification");
        seen.extend_from_slice(&buffer[..read]);
        if seen.windows(19).any(|window| window == b"event: notification") {
            return Ok((Instant::now(), stream));
        }
        anyhow::ensure!(seen.len() < 1 << 20, "a stream says much, but no notification");
    }
}
