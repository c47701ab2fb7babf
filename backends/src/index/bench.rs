//! How fast and how exact the vector index is on this machine; `rep bench knn` prints it.

mod measure;
mod mixture;

use std::time::{Duration, Instant};

use rep_core::{Currency, Money, MoneyError, Product, ProductId, UnitVector, VectorError};
use serde::Serialize;

use self::measure::{Phase, measure};
use super::random::SplitMix;
use super::{GraphConfig, Kernel, VectorIndex, WidthError};

pub use self::mixture::{Mixture, Noise};

/// Prices are even in `1..=PRICE_MINOR_MAX`: a bound on the price lets through any share.
const PRICE_MINOR_MAX: i64 = 1_000_000;

/// What is measured.
#[derive(Clone, Debug)]
pub struct BenchConfig {
    /// Vectors.
    pub vectors: usize,
    /// Their width.
    pub dimensions: usize,
    /// How they differ.
    pub noise: Noise,
    /// Threads that build, and that search for `qps_threads`.
    pub threads: usize,
    /// Shares of the products that filters let through, from 0 to 1.
    pub filters: Vec<f64>,
    /// Vectors set a second while latencies are measured; 0 for none.
    pub upserts_per_s: u32,
    /// Searches a filter.
    pub queries: usize,
    /// Everything follows from it.
    pub seed: u64,
}

impl Default for BenchConfig {
    /// 100,000 × 768, two threads, filters of all, half, 5 % and 0.5 %, 1,000 upserts a second.
    fn default() -> Self {
        Self {
            vectors: 100_000,
            dimensions: 768,
            noise: Noise::Latent,
            threads: 2,
            filters: vec![1.0, 0.5, 0.05, 0.005],
            upserts_per_s: 1000,
            queries: 2000,
            seed: 1,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Vectors.
    pub vectors: usize,
    /// Their width.
    pub dimensions: usize,
    /// How they differ.
    pub noise: Noise,
    /// Instructions used.
    pub kernel: String,
    /// Threads of `qps_threads`.
    pub threads: usize,
    /// Seconds until every vector could be found.
    pub build_s: f64,
    /// Seconds from the first vector until the graph was there, the making of vectors included, which shares the
    /// processor with it; `None` if there are too few vectors for one.
    pub graph_s: Option<f64>,
    /// Bytes on the heap: f32, int8, fields, graph.
    pub memory_bytes: usize,
    /// Upserts a second that were asked for while latencies were measured.
    pub upserts_per_s: u32,
    /// By filter.
    pub filters: Vec<FilterReport>,
}

/// Searches for ten under one filter.
#[derive(Clone, Debug, Serialize)]
pub struct FilterReport {
    /// Share of the products that pass.
    pub share: f64,
    /// `category` or `price`: what is filtered by.
    pub by: &'static str,
    /// Median latency on one thread beside the upserts, in ms.
    pub p50_ms: f64,
    /// 99th percentile, in ms.
    pub p99_ms: f64,
    /// Searches a second on one thread, without upserts.
    pub qps_1: f64,
    /// On all threads, without upserts.
    pub qps_threads: f64,
    /// Share of the true ten nearest (by f32 over all) that were found, without upserts.
    pub recall_at_10: f64,
    /// Upserts a second that were done.
    pub upserts_done_per_s: f64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A vector could not be made.
    #[error("bench vector: {0}")]
    Vector(#[from] VectorError),
    /// A vector did not fit.
    #[error(transparent)]
    Width(#[from] WidthError),
    /// A product could not be made.
    #[error("bench price: {0}")]
    Price(#[from] MoneyError),
    /// A product could not be named.
    #[error("bench id: {0}")]
    Id(#[from] rep_core::IdError),
    /// A thread panicked.
    #[error("a bench thread panicked")]
    Thread,
}

/// The made-up shop.
struct Shop {
    mixture: Mixture,
    config: BenchConfig,
}

impl Shop {
    /// The product of that number. Its category is named after the share of products in it.
    fn product(&self, number: usize) -> Result<Product, BenchError> {
        let mut random = SplitMix::new(self.config.seed.wrapping_add(7_777_777) ^ (number as u64) << 20);
        let price = 1 + random.below(PRICE_MINOR_MAX as usize) as i64;
        let mut at = f64::from(random.unit());
        let share = self.category_shares().find(|share| {
            at -= share;
            at <= 0.0
        });
        Ok(Product {
            product_id: ProductId::new(format!("p{number:08}"))?,
            name: String::new(),
            description: String::new(),
            category: share.map_or("rest".to_owned(), |share| share.to_string()),
            brand: None,
            price: Money::from_minor(price, Currency::EUR)?,
            stock: 1,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at: None,
            history: Default::default(),
            group_id: None,
        })
    }

    /// Shares that are measured by category: those under all, as far as they fit together.
    fn category_shares(&self) -> impl Iterator<Item = f64> + '_ {
        let mut left = 1.0;
        self.config.filters.iter().copied().filter(move |share| {
            let fits = *share < 1.0 && *share <= left;
            left -= if fits { *share } else { 0.0 };
            fits
        })
    }

    fn vector(&self, number: usize) -> Result<UnitVector, BenchError> {
        Ok(self.mixture.vector(self.config.seed, number)?)
    }

    /// Of the same mixture, and not among the products.
    fn query(&self, number: usize) -> Result<UnitVector, BenchError> {
        Ok(self.mixture.vector(self.config.seed ^ 0x5eed, number)?)
    }
}

/// Builds an index, searches it under each filter, compares with brute force.
pub fn run(config: &BenchConfig) -> Result<BenchReport, BenchError> {
    let mixture = Mixture::new(config.noise, config.dimensions, config.seed);
    let shop = Shop { mixture, config: config.clone() };
    let threads = config.threads.max(1);
    let index = VectorIndex::new(config.dimensions, GraphConfig { threads, ..GraphConfig::default() });
    let began = Instant::now();
    let (mut build_s, mut made) = (Duration::ZERO, 0);
    // Vectors are made in parts, and the making does not count.
    while made < config.vectors {
        let part = made..config.vectors.min(made + 10_000);
        made = part.end;
        let products = part.map(|number| Ok((shop.product(number)?, shop.vector(number)?)));
        let products: Vec<_> = products.collect::<Result<_, BenchError>>()?;
        let started = Instant::now();
        for (product, vector) in products {
            index.upsert(&product, vector)?;
        }
        build_s += started.elapsed();
    }
    let graph_s = index.graph_pending().map(|_| {
        while index.graph_pending().is_some_and(|pending| pending > 0) {
            std::thread::sleep(Duration::from_millis(10));
        }
        began.elapsed().as_secs_f64()
    });
    let phase = Phase { index: &index, shop: &shop, threads };
    let filters = measure(&phase)?;
    Ok(BenchReport {
        vectors: config.vectors,
        dimensions: config.dimensions,
        noise: config.noise,
        kernel: format!("{:?}", Kernel::detected()),
        threads,
        build_s: build_s.as_secs_f64(),
        graph_s,
        memory_bytes: index.memory_bytes(),
        upserts_per_s: config.upserts_per_s,
        filters,
    })
}
