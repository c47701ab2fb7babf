//! How much traffic this machine can make: runs the simulator against a log that only counts.
//!
//!     cargo run --release -p rep-simulator --example rate -- [EVENTS_PER_SECOND] [SECONDS]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rep_core::avro::Codec;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, PartitionOffsets, Record};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Money, Position, ProductId, Timestamp, Topic};
use rep_simulator::{Catalogue, Generator, GeneratorConfig, Parts, RunnerConfig, Shop, Simulator, Wish};

struct Counting;

#[async_trait]
impl EventLog for Counting {
    async fn append(&self, _: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, StoreError> {
        Ok(vec![Position { epoch: 1, partition: 0, offset: 0 }; records.len()])
    }

    async fn subscribe(&self, _: &str, _: Topic) -> Result<Box<dyn GroupReader>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Invalid, "nothing is kept"))
    }

    async fn read(&self, _: Topic, _: u32, _: u64, _: usize) -> Result<Vec<Record>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Invalid, "nothing is kept"))
    }

    async fn offsets(&self, _: Topic, _: &str) -> Result<Vec<PartitionOffsets>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Invalid, "nothing is kept"))
    }
}

#[async_trait]
impl Shop for Counting {
    async fn change(&self, _: &ProductId, _: Option<Money>, _: Option<u32>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn has(&self, products: &[ProductId]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![true; products.len()])
    }
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(0))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rate: f64 = arguments.next().map_or(Ok(50_000.0), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let catalogue = Arc::new(Catalogue::new(42, 10_000));

    let began = Instant::now();
    let bytes: usize = catalogue.iter().map(|product| product.passage().len()).sum();
    println!("catalogue: 10,000 products, {bytes} bytes of passages, {:.0?}", began.elapsed());
    let mut generator = Generator::new(GeneratorConfig { rate, ..Default::default() }, catalogue.clone(), 42);
    let codec = Codec::with_sequential_ids();
    let began = Instant::now();
    let events = generator.next_batch(200_000);
    println!("generator: {:.2} µs an event", began.elapsed().as_secs_f64() * 1e6 / 2e5);
    let began = Instant::now();
    let bytes: usize = events.iter().map(|e| codec.encode(e).map(|b| b.len())).sum::<Result<_, _>>()?;
    println!(
        "codec: {:.2} µs an event, {} bytes",
        began.elapsed().as_secs_f64() * 1e6 / 2e5,
        bytes / 200_000
    );
    drop(events);

    let parts = Parts {
        catalogue,
        log: Arc::new(Counting),
        codec,
        clock: Arc::new(WallClock),
        shop: Arc::new(Counting),
    };
    let simulator = Simulator::new(parts, RunnerConfig::default());
    let began = Instant::now();
    simulator.start(Wish { rate: Some(rate), ..Wish::default() }).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let status = simulator.stop().await;
    let elapsed = began.elapsed().as_secs_f64();
    let actual = status.totals.events as f64 / elapsed;
    println!(
        "runner: asked {rate:.0}/s, got {actual:.0}/s ({:+.2} %) over {elapsed:.1} s, {} late, {} missed",
        100.0 * (actual / rate - 1.0),
        status.late,
        status.totals.missed
    );
    Ok(())
}
