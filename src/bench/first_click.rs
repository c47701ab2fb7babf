//! `first-click`: the first minutes of a demo shop, while its catalogue is being embedded.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Latencies;
use super::fixture::{Numbers, Scratch};
use super::http::Connection;
use super::program::Program;

/// Time between two clicks, of a new shopper each.
const CLICK_EVERY: Duration = Duration::from_secs(3);
/// Longest wait for a click to change the list; what takes longer counts as this and as missed.
const CHANGED_MAX: Duration = Duration::from_secs(30);
/// How long shoppers click beside busy loops, where the whole catalogue takes long.
const BUSY_FOR: Duration = Duration::from_secs(90);
/// Longest wait for the whole catalogue to be embedded.
const EMBEDDED_MAX: Duration = Duration::from_secs(1800);
/// How long nothing happens before memory counts as that of a process at rest: longer than a model for the
/// backlog is kept.
const REST: Duration = Duration::from_secs(40);

pub(super) fn run(quick: bool) -> anyhow::Result<Value> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    super::runtime()?.block_on(async {
        let (alone, busy) = (Scratch::new("first-click")?, Scratch::new("first-click-busy")?);
        let mut runs = Vec::new();
        for (data_dir, busy_loops) in [(alone.path(), 0), (busy.path(), cores)] {
            let run = first_minutes(data_dir, quick, busy_loops).await?;
            eprintln!("{run}");
            runs.push(run);
        }
        let rest = at_rest(alone.path(), quick).await?;
        Ok(json!({
            "bench": "first-click", "cores": cores, "runs": runs, "at_rest": rest,
            "goal": "max_ms of clicks <= 2000 in each run, all embedded in took_s <= 90 without busy loops, rss_mb at rest <= 450",
        }))
    })
}

/// Clicks in a shop that is being embedded from nothing, with its simulator running and `busy_loops` threads that
/// compute for nobody.
async fn first_minutes(data_dir: &Path, quick: bool, busy_loops: usize) -> anyhow::Result<Value> {
    eprintln!("the first minutes of a shop, beside {busy_loops} busy loops");
    let _busy = BusyLoops::start(busy_loops);
    let program = Program::start(data_dir, products(quick))?;
    let mut api = program.connect().await?;
    let ready = Instant::now();
    let products = product_ids(&mut api).await?;
    let mut numbers = Numbers::new(1);
    let (mut changed, mut served, mut missed) = (Latencies::new(), Latencies::new(), 0);
    let mut slowest: Vec<Value> = Vec::new();
    let (embedded, model) = loop {
        let due = Instant::now() + CLICK_EVERY;
        let status = api.json("GET", "/status", None).await?;
        let embedded = status["products"]["embedded"].as_u64().context("no count of products")?;
        if embedded == products.len() as u64 || (busy_loops > 0 && ready.elapsed() >= BUSY_FOR) {
            break (embedded, status["model"]["id"].clone());
        }
        anyhow::ensure!(ready.elapsed() < EMBEDDED_MAX, "only {embedded} products within {EMBEDDED_MAX:?}");
        let product = &products[usize::try_from(numbers.below(products.len() as u64))?];
        let click = click(&mut api, changed.0.len(), product, &mut served).await?;
        missed += u64::from(click >= CHANGED_MAX);
        changed.record(click);
        slowest.push(json!({"embedded_before": embedded, "ms": click.as_millis() as u64}));
        tokio::time::sleep_until(due.into()).await;
    };
    let took = ready.elapsed();
    // Of the process that embedded all, with its traffic, once the backlog's model has left.
    let rss_mb = if busy_loops == 0 {
        tokio::time::sleep(rest(quick)).await;
        Some(program.rss_mb()?)
    } else {
        None
    };
    program.stop()?;
    slowest.sort_by_key(|click| std::cmp::Reverse(click["ms"].as_u64()));
    slowest.truncate(3);
    Ok(json!({
        "busy_loops": busy_loops, "model": model, "products": products.len(), "embedded": embedded, "took_s": took.as_secs_f64(),
        "click_to_changed_list": changed.json(), "missed": missed, "slowest": slowest,
        "recommendations_answered": served.json(), "rss_mb_afterwards": rss_mb,
    }))
}

/// How long it takes until the list of a new shopper who clicks on `product` is theirs.
async fn click(
    api: &mut Connection,
    number: u64,
    product: &str,
    served: &mut Latencies,
) -> anyhow::Result<Duration> {
    let user = format!("first-click-{number}");
    let path = format!("/recommendations?userId={user}&limit=20");
    let before = recommended(api, &path, served).await?;
    let clicked = Instant::now();
    let event = json!({"userId": user, "actionType": "CLICK", "productId": product});
    api.json("POST", "/events", Some(&event)).await?;
    while clicked.elapsed() < CHANGED_MAX {
        let now = recommended(api, &path, served).await?;
        if now["strategy"] == "personalized" && ids(&now) != ids(&before) {
            return Ok(clicked.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(CHANGED_MAX)
}

async fn recommended(api: &mut Connection, path: &str, served: &mut Latencies) -> anyhow::Result<Value> {
    let asked = Instant::now();
    let answer = api.json("GET", path, None).await?;
    served.record(asked.elapsed());
    Ok(answer)
}

fn ids(recommendations: &Value) -> Vec<&str> {
    let items = recommendations["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item["productId"].as_str()).collect()
}

async fn product_ids(api: &mut Connection) -> anyhow::Result<Vec<String>> {
    let mut products = BTreeSet::new();
    let mut path = "/products?limit=200".to_owned();
    loop {
        let page = api.json("GET", &path, None).await?;
        let items = page["items"].as_array().context("a page without items")?;
        products.extend(items.iter().filter_map(|product| product["productId"].as_str().map(str::to_owned)));
        let Some(cursor) = page["nextCursor"].as_str() else { return Ok(products.into_iter().collect()) };
        path = format!("/products?limit=200&cursor={cursor}");
    }
}

/// Memory of a shop that is embedded, without traffic, after one search.
async fn at_rest(data_dir: &Path, quick: bool) -> anyhow::Result<Value> {
    eprintln!("the same shop at rest");
    let mut arguments = vec!["--no-simulator"];
    arguments.extend(products(quick));
    let program = Program::start(data_dir, &arguments)?;
    let mut api = program.connect().await?;
    api.json("GET", "/search?q=running+shoes&limit=10", None).await?;
    tokio::time::sleep(rest(quick)).await;
    let result = json!({"ready_s": program.ready.as_secs_f64(), "rss_mb": program.rss_mb()?});
    program.stop()?;
    Ok(result)
}

fn rest(quick: bool) -> Duration {
    if quick { REST / 10 } else { REST }
}

fn products(quick: bool) -> &'static [&'static str] {
    if quick { &["--products", "200"] } else { &[] }
}

/// Threads that keep cores busy until dropped.
struct BusyLoops(Arc<AtomicBool>);

impl BusyLoops {
    fn start(count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..count {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(stop)
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
