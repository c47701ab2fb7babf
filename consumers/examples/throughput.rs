//! How many actions a second one behaviour role gives their effects, on embedded stores in a temporary
//! folder: `cargo run --release -p rep-consumers --example throughput -- 1000000`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ndarray::Array2;
use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole, GROUP};
use rep_core::avro::Event;
use rep_core::ports::catalog::VectorWrite;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::ports::log::NewRecord;
use rep_core::{
    ActionType, Clock, Currency, ModelId, Money, Product, ProductId, Topic, TraceId, UnitVector, UserAction,
    UserId, stable_hash128,
};
use tokio_util::sync::CancellationToken;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const DIMENSIONS: usize = 384;
const PRODUCTS: usize = 2_000;
const USERS: usize = 10_000;
const APPEND_RECORDS: usize = 5_000;

/// Carries the model's name; the stream has no searches.
struct NoQueries(ModelId);

#[async_trait]
impl Embedder for NoQueries {
    fn model(&self) -> &ModelId {
        &self.0
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, texts: &[String], _: TextKind, _: Urgency) -> Result<Array2<f32>, EmbedError> {
        Err(EmbedError::Failed(format!("{} texts in a stream without searches", texts.len())))
    }
}

fn main() -> Outcome {
    let events = std::env::args().nth(1).map_or(Ok(300_000), |count| count.parse::<usize>())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(events))
}

async fn measure(events: usize) -> Outcome {
    let folder = tempfile::tempdir()?;
    let model = ModelId::new("throughput-384")?;
    let config = ConnectConfig::new(folder.path().to_owned(), model.clone(), DIMENSIONS);
    let backends = open_data_dir(&config, Arc::new(SystemClock))?;
    fill_catalog(&backends).await?;

    let begun = Instant::now();
    feed(&backends, events).await?;
    println!("appended  {events} events in {:?}: {:.0}/s", begun.elapsed(), rate(events, begun));

    let deps = BehaviourDeps {
        log: backends.log.clone(),
        codec: backends.codec.clone(),
        clock: Arc::new(SystemClock),
        behaviour: backends.behaviour.clone(),
        preferences: backends.preferences.clone(),
        catalog: backends.catalog.clone(),
        popularity: backends.popularity.clone(),
        embedder: Arc::new(NoQueries(model)),
    };
    let role = BehaviourRole::new(deps, BehaviourConfig::default());
    let shutdown = CancellationToken::new();
    let begun = Instant::now();
    let task = tokio::spawn(role.run(shutdown.clone()));
    while lag(&backends).await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("processed {events} events in {:?}: {:.0}/s", begun.elapsed(), rate(events, begun));
    shutdown.cancel();
    println!("{:?}", task.await??);
    Ok(())
}

fn rate(events: usize, begun: Instant) -> f64 {
    events as f64 / begun.elapsed().as_secs_f64()
}

async fn lag(backends: &Backends) -> Outcome<u64> {
    let offsets = backends.log.offsets(Topic::UserAction, GROUP).await?;
    Ok(offsets.iter().map(|partition| partition.lag()).sum())
}

async fn fill_catalog(backends: &Backends) -> Outcome {
    let mut products = Vec::new();
    let mut vectors = Vec::new();
    for n in 0..PRODUCTS {
        let product = Product {
            product_id: ProductId::new(format!("product-{n}"))?,
            name: format!("Product {n}"),
            description: "A thing".to_owned(),
            category: "things".to_owned(),
            brand: None,
            price: Money::from_minor(1000, Currency::EUR)?,
            stock: 5,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at: None,
            history: Default::default(),
            group_id: None,
        };
        let numbers = (0..DIMENSIONS).map(|d| ((n * 31 + d * 17) % 101) as f32 - 50.0).collect();
        vectors.push(VectorWrite {
            product_id: product.product_id.clone(),
            passage_hash: stable_hash128(product.passage().as_bytes()),
            vector: UnitVector::normalised(numbers)?,
        });
        products.push(product);
    }
    backends.catalog.put(products).await?;
    backends.catalog.set_vectors(vectors).await?;
    Ok(())
}

async fn feed(backends: &Backends, events: usize) -> Outcome {
    let kinds = [ActionType::View, ActionType::Click, ActionType::AddToCart, ActionType::Wishlist];
    let now = SystemClock.now();
    let mut records = Vec::with_capacity(APPEND_RECORDS);
    for n in 0..events {
        let action = UserAction {
            trace_id: TraceId::new(format!("00000000-0000-7000-8000-{n:012}"))?,
            user_id: UserId::new(format!("user-{}", n.wrapping_mul(7919) % USERS))?,
            action_type: kinds[n % kinds.len()],
            product_id: Some(ProductId::new(format!("product-{}", n.wrapping_mul(104_729) % PRODUCTS))?),
            search_query: None,
            session_id: None,
            timestamp: now,
            metadata: [("page".to_owned(), "home".to_owned())].into(),
        };
        let value = backends.codec.encode(&action)?;
        records.push(NewRecord::new(Bytes::copy_from_slice(action.key()), value));
        if records.len() == APPEND_RECORDS || n + 1 == events {
            backends.log.append(Topic::UserAction, std::mem::take(&mut records)).await?;
        }
    }
    Ok(())
}
