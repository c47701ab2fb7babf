//! Latency, throughput and recall under each filter.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rep_core::vector::dot;
use rep_core::{Currency, PriceRange, ProductFilter, UnitVector};

use super::{BenchError, FilterReport, PRICE_MINOR_MAX, Shop};
use crate::index::{Neighbour, VectorIndex};

/// Results a search asks for.
const K: usize = 10;
/// Queries whose true neighbours are computed: each costs a product with every vector.
const RECALL_QUERIES: usize = 100;

pub(super) struct Phase<'a> {
    pub(super) index: &'a VectorIndex,
    pub(super) shop: &'a Shop,
    pub(super) threads: usize,
}

/// Measures every filter of the config.
pub(super) fn measure(phase: &Phase<'_>) -> Result<Vec<FilterReport>, BenchError> {
    let shop = phase.shop;
    let queries: Vec<UnitVector> =
        (0..shop.config.queries.max(1)).map(|number| shop.query(number)).collect::<Result<_, _>>()?;
    let by_price = shop.config.filters.iter().map(|share| (*share, "price"));
    let by_category = shop.category_shares().map(|share| (share, "category"));
    by_price.chain(by_category).map(|(share, by)| one(phase, &queries, share, by)).collect()
}

fn one(
    phase: &Phase<'_>,
    queries: &[UnitVector],
    share: f64,
    by: &'static str,
) -> Result<FilterReport, BenchError> {
    let mut filter = ProductFilter::default();
    match by {
        "category" => filter.category = Some(share.to_string()),
        _ if share < 1.0 => {
            let max = (share * PRICE_MINOR_MAX as f64) as i64;
            filter.price = Some(PriceRange::up_to(max, Currency::EUR));
        }
        _ => {}
    }
    // Warm caches, and what is made at first use.
    for query in queries.iter().take(50) {
        phase.index.nearest(query, K, &filter)?;
    }
    let recall_at_10 = recall(phase, queries, &filter)?;
    let qps_1 = throughput(phase, queries, &filter, 1)?;
    let qps_threads = throughput(phase, queries, &filter, phase.threads)?;
    let (latencies, upserts_done_per_s) = latencies(phase, queries, &filter)?;
    let percentile = |share: f64| {
        let at = ((latencies.len() - 1) as f64 * share) as usize;
        latencies[at].as_secs_f64() * 1e3
    };
    Ok(FilterReport {
        share,
        by,
        p50_ms: percentile(0.5),
        p99_ms: percentile(0.99),
        qps_1,
        qps_threads,
        recall_at_10,
        upserts_done_per_s,
    })
}

/// Sorted, from searches on one thread beside upserts.
fn latencies(
    phase: &Phase<'_>,
    queries: &[UnitVector],
    filter: &ProductFilter,
) -> Result<(Vec<Duration>, f64), BenchError> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let upserts = scope.spawn(|| upsert_until(phase, &done));
        let mut latencies = Vec::with_capacity(queries.len());
        let searched = queries.iter().try_for_each(|query| {
            let started = Instant::now();
            phase.index.nearest(query, K, filter)?;
            latencies.push(started.elapsed());
            Ok(())
        });
        done.store(true, Ordering::Relaxed);
        let upserts = upserts.join().map_err(|_| BenchError::Thread)?;
        latencies.sort_unstable();
        searched.and(upserts).map(|rate| (latencies, rate))
    })
}

/// Sets vectors of products that are there at the rate asked for, each to what it was: recall stays what it
/// is, the work is the same. Gives the rate reached.
fn upsert_until(phase: &Phase<'_>, done: &AtomicBool) -> Result<f64, BenchError> {
    let rate = phase.shop.config.upserts_per_s;
    if rate == 0 {
        return Ok(0.0);
    }
    let pool: Vec<_> = (0..phase.shop.config.vectors.min(1000))
        .map(|number| Ok((phase.shop.product(number)?, phase.shop.vector(number)?)))
        .collect::<Result<_, BenchError>>()?;
    let started = Instant::now();
    let mut count = 0_u32;
    while !done.load(Ordering::Relaxed) {
        let (product, vector) = &pool[count as usize % pool.len()];
        phase.index.upsert(product, vector.clone())?;
        count += 1;
        let due = started + Duration::from_secs(1) * count / rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

fn throughput(
    phase: &Phase<'_>,
    queries: &[UnitVector],
    filter: &ProductFilter,
    threads: usize,
) -> Result<f64, BenchError> {
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    each_thread(threads, |_| {
        while let Some(query) = queries.get(next.fetch_add(1, Ordering::Relaxed)) {
            phase.index.nearest(query, K, filter)?;
        }
        Ok(())
    })?;
    Ok(queries.len() as f64 / started.elapsed().as_secs_f64())
}

/// Share of the true nearest found; one that is as near as the tenth counts, whatever its id.
fn recall(phase: &Phase<'_>, queries: &[UnitVector], filter: &ProductFilter) -> Result<f64, BenchError> {
    let queries = &queries[..queries.len().min(RECALL_QUERIES)];
    let truths = each_thread(phase.threads, |thread| {
        let mut best = vec![Vec::new(); queries.len()];
        for number in (thread..phase.shop.config.vectors).step_by(phase.threads) {
            if filter.admits(&phase.shop.product(number)?) {
                let vector = phase.shop.vector(number)?;
                for (best, query) in best.iter_mut().zip(queries) {
                    keep(best, dot(query.as_slice(), vector.as_slice()));
                }
            }
        }
        Ok(best)
    })?;
    let (mut found, mut expected) = (0, 0);
    for (at, query) in queries.iter().enumerate() {
        let mut truth = Vec::new();
        truths.iter().flat_map(|best| &best[at]).for_each(|score| keep(&mut truth, *score));
        let hits: Vec<Neighbour> = phase.index.nearest(query, K, filter)?;
        let last = truth.last().copied().unwrap_or(f32::INFINITY);
        found += hits.iter().filter(|hit| hit.cosine >= last - 1e-6).count();
        expected += truth.len();
    }
    Ok(if expected == 0 { 1.0 } else { found as f64 / expected as f64 })
}

/// Keeps the greatest [`K`], greatest first.
fn keep(best: &mut Vec<f32>, score: f32) {
    if best.len() == K && best[K - 1] >= score {
        return;
    }
    let at = best.partition_point(|other| *other >= score);
    best.insert(at, score);
    best.truncate(K);
}

/// Runs `work(i)` on thread `i` of `threads`.
fn each_thread<T: Send>(
    threads: usize,
    work: impl Fn(usize) -> Result<T, BenchError> + Sync,
) -> Result<Vec<T>, BenchError> {
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads).map(|i| scope.spawn(move || work(i))).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| BenchError::Thread)?).collect()
    })
}
