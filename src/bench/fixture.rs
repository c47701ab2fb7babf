//! What benchmarks run on: made-up products with made-up vectors, shoppers who act, and a model that costs
//! nothing, where the model is not what is measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ndarray::Array2;
use rep_api::ApiConfig;
use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_core::ports::catalog::VectorWrite;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::{
    ActionType, Clock, Currency, ModelId, Money, Product, ProductId, Timestamp, TraceId, UnitVector,
    UserAction, UserId, stable_hash128,
};
use rep_embedder::Manifest;

use crate::options::{Options, Settings};
use crate::process::{Parts, Role, Stores};
use crate::status::process;
use crate::telemetry::Telemetry;

/// Categories of the made-up products.
pub(super) const CATEGORIES: u64 = 16;
/// Centres around which vectors lie.
const CENTRES: u64 = 500;

/// A small generator of numbers (splitmix64; Steele, Lea, Flood 2014): the same seed gives the same load.
#[derive(Clone)]
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// In [-1, 1).
    fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A vector near the centre that `n` belongs to.
pub(super) fn vector(n: u64, dimensions: usize) -> UnitVector {
    let mut centre = Numbers::new(n % CENTRES + 1_000_000);
    let mut noise = Numbers::new(n);
    let numbers = (0..dimensions).map(|_| centre.signed() + 0.6 * noise.signed()).collect();
    UnitVector::normalised(numbers).unwrap_or_else(|_| unreachable!("random numbers have a direction"))
}

pub(super) fn product_id(n: u64) -> ProductId {
    ProductId::new(format!("p-{n:06}")).unwrap_or_else(|_| unreachable!("letters and digits are an id"))
}

pub(super) fn user_id(n: u64) -> UserId {
    UserId::new(format!("u-{n:06}")).unwrap_or_else(|_| unreachable!("letters and digits are an id"))
}

pub(super) fn product(n: u64) -> Product {
    let minor = i64::try_from(500 + Numbers::new(n).below(50_000)).unwrap_or(500);
    Product {
        product_id: product_id(n),
        name: format!("Product {n}"),
        description: format!("The product with the number {n}, made up for a benchmark"),
        category: format!("category-{:02}", n % CENTRES % CATEGORIES),
        brand: None,
        price: Money::from_minor(minor, Currency::EUR)
            .unwrap_or_else(|_| unreachable!("the amount is in range")),
        stock: 10,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    }
}

/// An action of one of `users` with one of `products`, by the shares a shop sees.
pub(super) fn action(n: u64, users: u64, products: u64, at: Timestamp) -> UserAction {
    let mut numbers = Numbers::new(n);
    let action_type = match numbers.below(100) {
        0..70 => ActionType::View,
        70..90 => ActionType::Click,
        90..95 => ActionType::AddToCart,
        95..97 => ActionType::Wishlist,
        _ => ActionType::Purchase,
    };
    // The square of an even share prefers small numbers: some products are hot.
    let share = numbers.below(1 << 20) as f64 / f64::from(1 << 20);
    UserAction {
        trace_id: TraceId::new(format!("bench-{n}"))
            .unwrap_or_else(|_| unreachable!("letters and digits are an id")),
        user_id: user_id(numbers.below(users)),
        action_type,
        product_id: Some(product_id((share * share * products as f64) as u64)),
        search_query: None,
        session_id: None,
        timestamp: at,
        metadata: Default::default(),
    }
}

/// Fills an empty catalogue with `products` products and their vectors.
pub(super) async fn stock(backends: &Backends, products: u64, dimensions: usize) -> anyhow::Result<()> {
    stock_with(backends, products, dimensions, product).await
}

/// The same with products of another make.
pub(super) async fn stock_with(
    backends: &Backends,
    products: u64,
    dimensions: usize,
    product: impl Fn(u64) -> Product,
) -> anyhow::Result<()> {
    for begin in (0..products).step_by(1000) {
        let numbers = begin..(begin + 1000).min(products);
        let batch: Vec<Product> = numbers.clone().map(&product).collect();
        let writes = numbers.zip(&batch).map(|(n, product)| VectorWrite {
            product_id: product.product_id.clone(),
            passage_hash: stable_hash128(product.passage().as_bytes()),
            vector: vector(n, dimensions),
        });
        let writes = writes.collect();
        backends.catalog.put(batch).await?;
        backends.catalog.set_vectors(writes).await?;
    }
    Ok(())
}

/// Waits until nothing works in the background any more, such as the building of the vector index.
pub(super) async fn until_idle() -> anyhow::Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(500);
    let (began, mut before) = (Instant::now(), f64::INFINITY);
    while began.elapsed() < Duration::from_secs(900) {
        tokio::time::sleep(LOOK_EVERY).await;
        let cpu_seconds = process(Duration::ZERO).cpu_seconds;
        if cpu_seconds - before < 0.1 * LOOK_EVERY.as_secs_f64() && before.is_finite() {
            return Ok(());
        }
        before = cpu_seconds;
    }
    anyhow::bail!("the process did not come to rest within 15 minutes")
}

/// Seconds spent in each stage of a consumer, from the metrics; some stages run beside others.
pub(super) fn stage_seconds(metrics: &str, role: &str) -> BTreeMap<String, f64> {
    let label = |labels: &str, name: &str| {
        Some(labels.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.to_owned())
    };
    let of = |line: &str| {
        let (labels, value) = line.rsplit_once(' ')?;
        (label(labels, "role")? == role).then_some(())?;
        Some((label(labels, "stage")?, value.parse().ok()?))
    };
    metrics.lines().filter(|line| line.starts_with("rep_consumer_stage_seconds_sum")).filter_map(of).collect()
}

/// Gives a text the vector that its hash says: no model, no cost.
pub(super) struct HashEmbedder {
    model: ModelId,
    dimensions: usize,
}

impl HashEmbedder {
    pub(super) fn new(dimensions: usize) -> Self {
        let model = ModelId::new("bench").unwrap_or_else(|_| unreachable!("letters are an id"));
        Self { model, dimensions }
    }
}

#[async_trait]
impl Embedder for HashEmbedder {
    fn model(&self) -> &ModelId {
        &self.model
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    async fn embed(&self, texts: &[String], _: TextKind, _: Urgency) -> Result<Array2<f32>, EmbedError> {
        let rows = texts.iter().flat_map(|text| {
            let n = (stable_hash128(text.as_bytes()) & u128::from(u64::MAX)) as u64;
            vector(n, self.dimensions).as_slice().to_vec()
        });
        Array2::from_shape_vec((texts.len(), self.dimensions), rows.collect())
            .map_err(|error| EmbedError::Failed(error.to_string()))
    }
}

/// Settings on free ports, without simulated traffic.
pub(super) fn settings(data_dir: &Path) -> anyhow::Result<Settings> {
    let port = Some(0);
    Options {
        data_dir: Some(data_dir.to_owned()),
        products: Some(0),
        no_simulator: Some(true),
        api_port: port,
        simulator_port: port,
        behaviour_port: port,
        notify_port: port,
        embedder_port: port,
        dashboard_port: port,
        ..Options::default()
    }
    .complete()
}

/// Parts of a process whose model costs nothing.
pub(super) fn parts(data_dir: &Path, dimensions: usize) -> anyhow::Result<Parts> {
    let settings = settings(data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let embedder: Arc<dyn Embedder> = Arc::new(HashEmbedder::new(dimensions));
    let config = ConnectConfig::new(data_dir.to_owned(), embedder.model().clone(), dimensions);
    let backends = open_data_dir(&config, Arc::clone(&clock))?;
    let manifest = Manifest {
        id: embedder.model().clone(),
        dimensions,
        max_tokens: 256,
        pooling: rep_embedder::Pooling::Mean,
        centres: None,
        query_prefix: String::new(),
        passage_prefix: String::new(),
        precision: rep_embedder::Precision::Fp32,
        languages: Vec::new(),
        source: None,
        sha256: Default::default(),
    };
    let api = ApiConfig { rate: None, ..ApiConfig::default() };
    let stores = Some(Stores { backends, manifest, embedder: Some(embedder) });
    Ok(Parts { settings, roles: Role::all(), telemetry: Telemetry::install()?, clock, api, stores })
}

/// A folder that is removed when it goes out of use, on the disk where data would lie.
pub(super) struct Scratch(std::path::PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> anyhow::Result<Self> {
        let path = std::path::Path::new(".rep/bench").join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left for the person to see.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
