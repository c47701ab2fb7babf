//! What the port costs beside the client library alone. Run it alone, and optimised for honest figures:
//! `cargo test -p rep-backends --release --test kafka -- --ignored --nocapture speed`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{ClientConfig, Message as _};
use rep_core::Topic;
use rep_core::ports::log::{GroupReader, NewRecord, Polled};

use crate::subject::{fresh_topics, log_of};

const TOPIC: Topic = Topic::UserAction;
const RECORDS: usize = 200_000;
const BATCH: usize = 500;
const SAMPLES: usize = 500;
/// About an encoded action.
const VALUE: [u8; 200] = [b'x'; 200];

fn record(i: usize) -> NewRecord {
    NewRecord::new(format!("user-{}", i % 5000), bytes::Bytes::from_static(&VALUE))
}

fn show(what: &str, records: usize, took: Duration) {
    println!("{what}: {:.0} records/s", records as f64 / took.as_secs_f64());
}

fn show_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!("{what}: p50 {:.1} ms, p99 {:.1} ms", at(0.5), at(0.99));
}

async fn drain(reader: &mut dyn GroupReader, wanted: usize) -> Duration {
    let (mut read, mut began) = (0, None);
    while read < wanted {
        match reader.poll(BATCH, Duration::from_secs(1)).await.unwrap() {
            Polled::Revoking(partitions) => reader.release(&partitions).await.unwrap(),
            Polled::Records(records) => {
                if !records.is_empty() {
                    began.get_or_insert_with(Instant::now);
                }
                read += records.len();
            }
        }
    }
    began.unwrap().elapsed()
}

fn bare_producer(brokers: &str) -> BaseProducer<DefaultProducerContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("compression.type", "lz4");
    config.set("linger.ms", "1").set("queue.buffering.max.messages", "0");
    config.create().unwrap()
}

fn bare_consumer(brokers: &str, group: &str, topic: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", group).set("auto.offset.reset", "earliest");
    config.set("fetch.wait.max.ms", "10").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    consumer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn speed() {
    let config = fresh_topics().await;
    let (log, name, brokers) = (log_of(&config), config.topic_name(TOPIC), config.brokers.clone());

    let began = Instant::now();
    let appends = (0..4).map(|task| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for batch in 0..RECORDS / 4 / BATCH {
                let records = (0..BATCH).map(|i| record(task + i * 4 + batch)).collect();
                log.append(TOPIC, records).await.unwrap();
            }
        })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap();
    }
    show("append, 4 at a time of 500", RECORDS, began.elapsed());

    let topic = name.clone();
    let bare = move |brokers: String| {
        let producer = bare_producer(&brokers);
        let began = Instant::now();
        for i in 0..RECORDS {
            let record = record(i);
            let message = BaseRecord::to(&topic).key(&record.key[..]).payload(&record.value[..]);
            producer.send(message).map_err(|(error, _)| error).unwrap();
            if i % 100 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
        began.elapsed()
    };
    let at = brokers.clone();
    let took = tokio::task::spawn_blocking(move || bare(at)).await.unwrap();
    show("  library alone, all at once", RECORDS, took);

    let mut times = Vec::new();
    for i in 0..SAMPLES {
        let began = Instant::now();
        log.append(TOPIC, vec![record(i)]).await.unwrap();
        times.push(began.elapsed());
    }
    show_times("append, one record alone", times);

    let mut reader = log.subscribe("port", TOPIC).await.unwrap();
    show("poll of 500", 2 * RECORDS, drain(&mut *reader, 2 * RECORDS + SAMPLES).await);
    let (at, topic) = (brokers.clone(), name.clone());
    let took = tokio::task::spawn_blocking(move || {
        let consumer = bare_consumer(&at, "bare", &topic);
        let (mut read, mut began) = (0, None);
        while read < 2 * RECORDS + SAMPLES {
            if let Some(message) = consumer.poll(Duration::from_secs(1)) {
                message.unwrap();
                began.get_or_insert_with(Instant::now);
                read += 1;
            }
        }
        began.unwrap().elapsed()
    });
    show("  library alone", 2 * RECORDS, took.await.unwrap());

    // From the moment before an append to the moment a poll gives it, one at a time.
    let (mut through, mut acknowledged) = (Vec::new(), Vec::new());
    for i in 0..SAMPLES {
        let began = Instant::now();
        let log = Arc::clone(&log);
        let append = tokio::spawn(async move {
            log.append(TOPIC, vec![record(i)]).await.unwrap();
            began.elapsed()
        });
        drain(&mut *reader, 1).await;
        through.push(began.elapsed());
        acknowledged.push(append.await.unwrap());
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    show_times("append to poll", through);
    let (at, topic) = (brokers.clone(), name.clone());
    let bare = tokio::task::spawn_blocking(move || {
        let (consumer, producer) = (bare_consumer(&at, "bare-end", &topic), bare_producer(&at));
        for _ in 0..2 * (RECORDS + SAMPLES) {
            while consumer.poll(Duration::from_secs(1)).is_none() {}
        }
        let times = (0..SAMPLES).map(|i| {
            let (record, began) = (record(i), Instant::now());
            let message = BaseRecord::to(&topic).key(&record.key[..]).payload(&record.value[..]);
            producer.send(message).map_err(|(error, _)| error).unwrap();
            loop {
                producer.poll(Duration::ZERO);
                if consumer
                    .poll(Duration::from_secs(1))
                    .is_some_and(|message| message.unwrap().payload().is_some())
                {
                    break;
                }
            }
            let took = began.elapsed();
            std::thread::sleep(Duration::from_millis(4));
            took
        });
        times.collect::<Vec<_>>()
    });
    show_times("  library alone", bare.await.unwrap());

    let mut commits = Vec::new();
    drain(&mut *reader, SAMPLES).await;
    let standings = log.offsets(TOPIC, "port").await.unwrap();
    for _ in 0..100 {
        let next: Vec<(u32, u64)> = standings.iter().map(|s| (s.partition, s.end)).collect();
        let began = Instant::now();
        reader.commit(&next).await.unwrap();
        commits.push(began.elapsed());
    }
    show_times("commit of 12 partitions", commits);
    let mut reads = Vec::new();
    for i in 0..100 {
        let began = Instant::now();
        assert_eq!(log.read(TOPIC, 0, i * 10, 1).await.unwrap().len(), 1);
        reads.push(began.elapsed());
    }
    show_times("read of one record", reads);
    let mut asked = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        log.offsets(TOPIC, "port").await.unwrap();
        asked.push(began.elapsed());
    }
    show_times("offsets of 12 partitions", asked);
    let began = Instant::now();
    drop(reader);
    drop(log);
    println!("closing: {:?}", began.elapsed());
}
