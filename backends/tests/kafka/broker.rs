//! A broker that dies, hangs, and comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rep_backends::kafka::KafkaConfig;
use rep_backends::kafka::topics::apply;
use rep_core::contract::support::{WAIT_MAX, eventually};
use rep_core::ports::StoreErrorKind;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, Polled};
use rep_core::{Position, Topic};

use crate::servers::Servers;
use crate::subject::{TOPICS, config_at, log_of};

const TOPIC: Topic = Topic::ProductInventory;

async fn own_broker() -> (Arc<Servers>, KafkaConfig) {
    let servers = tokio::task::spawn_blocking(|| Servers::start(&["kafka"])).await.unwrap();
    let config =
        KafkaConfig { delivery_max: Duration::from_secs(4), ..config_at(&servers.address("REP_TEST_KAFKA")) };
    apply(&config, &TOPICS).await.unwrap();
    (Arc::new(servers), config)
}

async fn blocking<T: Send + 'static>(servers: &Arc<Servers>, work: fn(&Servers) -> T) -> T {
    let servers = Arc::clone(servers);
    tokio::task::spawn_blocking(move || work(&servers)).await.unwrap()
}

#[derive(Default)]
struct Oracle {
    acknowledged: Mutex<BTreeMap<String, Position>>,
    failures: Mutex<Vec<String>>,
    longest: Mutex<Duration>,
}

impl Oracle {
    /// Appends until told to stop; what was acknowledged is an obligation.
    async fn append(self: Arc<Self>, log: Arc<dyn EventLog>, appender: usize, stop: Arc<AtomicBool>) {
        let mut batch = 0_usize;
        while !stop.load(Ordering::Relaxed) {
            let name = |i: usize| format!("{appender}.{batch}.{i}");
            let record = |i: usize| NewRecord::new(format!("key-{i}"), name(i));
            let began = Instant::now();
            match log.append(TOPIC, (0..10).map(record).collect()).await {
                Ok(places) => self.acknowledged.lock().extend((0..10).map(|i| (name(i), places[i]))),
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                    self.failures.lock().push(error.to_string());
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            let mut longest = self.longest.lock();
            *longest = began.elapsed().max(*longest);
            batch += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_missing_after_the_broker_was_killed() {
    let (servers, config) = own_broker().await;
    let log = log_of(&config);
    let (oracle, stop) = (Arc::new(Oracle::default()), Arc::new(AtomicBool::new(false)));
    let appenders: Vec<_> = (0..4)
        .map(|i| tokio::spawn(Arc::clone(&oracle).append(Arc::clone(&log), i, Arc::clone(&stop))))
        .collect();
    let read = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let reading = {
        let (log, read) = (Arc::clone(&log), Arc::clone(&read));
        tokio::spawn(async move {
            let mut reader = log.subscribe("group", TOPIC).await.unwrap();
            loop {
                match reader.poll(100, Duration::from_millis(100)).await {
                    Ok(Polled::Revoking(partitions)) => reader.release(&partitions).await.unwrap(),
                    Ok(Polled::Records(records)) => {
                        for record in &records {
                            *read
                                .lock()
                                .entry(String::from_utf8(record.value.to_vec()).unwrap())
                                .or_default() += 1;
                        }
                        let next = records.iter().map(|r| (r.position.partition, r.position.offset + 1));
                        let next: BTreeMap<u32, u64> = next.collect();
                        let next: Vec<(u32, u64)> = next.into_iter().collect();
                        if let Err(error) = reader.commit(&next).await {
                            assert!(
                                error.is_retryable() || error.kind() == StoreErrorKind::Invalid,
                                "{error}"
                            );
                        }
                    }
                    Err(error) => assert!(error.is_retryable(), "{error}"),
                }
            }
        })
    };
    for round in 1..=2 {
        let before = oracle.acknowledged.lock().len();
        eventually("appends succeed", async || {
            (oracle.acknowledged.lock().len() > before + 500).then_some(())
        })
        .await;
        blocking(&servers, |servers| servers.signal("kafka", "KILL")).await;
        tokio::time::sleep(Duration::from_secs(round * 3)).await;
        blocking(&servers, |servers| servers.restart("kafka")).await;
    }
    let before = oracle.acknowledged.lock().len();
    eventually("appends succeed again", async || {
        (oracle.acknowledged.lock().len() > before + 500).then_some(())
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    for appender in appenders {
        appender.await.unwrap();
    }
    let acknowledged = std::mem::take(&mut *oracle.acknowledged.lock());
    eventually("the reader has all that was acknowledged", async || {
        let read = read.lock();
        acknowledged.keys().all(|name| read.contains_key(name)).then_some(())
    })
    .await;
    reading.abort();
    let mut kept = BTreeMap::new();
    for partition in 0..TOPIC.partitions() {
        let mut from = 0;
        loop {
            let page = log.read(TOPIC, partition, from, 5000).await.unwrap();
            let Some(last) = page.last() else { break };
            from = last.position.offset + 1;
            kept.extend(page.into_iter().map(|r| ((partition, r.position.offset), r.value)));
        }
    }
    for (name, place) in &acknowledged {
        let found = kept.get(&(place.partition, place.offset));
        assert_eq!(found.map(|value| &value[..]), Some(name.as_bytes()), "{place}");
    }
    let (failures, longest) = (oracle.failures.lock().len(), *oracle.longest.lock());
    println!("{} acknowledged, {failures} appends failed, the longest took {longest:?}", acknowledged.len());
    assert!(longest < config.delivery_max + config.answer_max + WAIT_MAX / 4, "{longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_hangs_memory_is_bounded_and_every_call_ends() {
    let (servers, config) = own_broker().await;
    let config = KafkaConfig { append_bytes_max: 2 << 20, ..config };
    let log = log_of(&config);
    let record = || NewRecord::new("key", vec![b'x'; 100_000]);
    log.append(TOPIC, vec![record()]).await.unwrap();
    let mut reader = log.subscribe("group", TOPIC).await.unwrap();
    blocking(&servers, |servers| servers.signal("kafka", "STOP")).await;
    let began = Instant::now();
    let appends: Vec<_> = (0..200)
        .map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(TOPIC, vec![record()]).await })
        })
        .collect();
    let mut full = 0;
    for append in appends {
        let error = append.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        full += usize::from(error.to_string().contains("try again later"));
    }
    assert!(began.elapsed() < config.delivery_max + WAIT_MAX / 4, "{:?}", began.elapsed());
    assert!(full >= 150, "only {full} of 200 appends of 100 kB were refused by a buffer of 2 MiB");
    for asked in [log.offsets(TOPIC, "group").await.map(drop), log.read(TOPIC, 0, 0, 1).await.map(drop)] {
        assert_eq!(asked.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    blocking(&servers, |servers| servers.signal("kafka", "CONT")).await;
    eventually("appends succeed again", async || log.append(TOPIC, vec![record()]).await.ok()).await;
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        match reader.poll(1, Duration::from_millis(100)).await {
            Ok(Polled::Records(records)) if !records.is_empty() => break,
            Ok(Polled::Revoking(partitions)) => reader.release(&partitions).await.unwrap(),
            Ok(Polled::Records(_)) => {}
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        assert!(Instant::now() < deadline, "the reader does not go on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_outage_left_in_the_queue_does_not_hold_a_reader_up() {
    let (servers, config) = own_broker().await;
    let log = log_of(&config);
    let record = || NewRecord::new("key", "value");
    log.append(TOPIC, vec![record()]).await.unwrap();
    let mut reader = log.subscribe("group", TOPIC).await.unwrap();
    let records = async |reader: &mut dyn GroupReader, errors: &mut usize| {
        let deadline = Instant::now() + WAIT_MAX;
        while Instant::now() < deadline {
            match reader.poll(10, Duration::from_millis(100)).await {
                Ok(Polled::Records(records)) if !records.is_empty() => return,
                Ok(Polled::Revoking(partitions)) => reader.release(&partitions).await.unwrap(),
                Ok(Polled::Records(_)) => {}
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    *errors += 1;
                }
            }
        }
        panic!("the reader does not go on");
    };
    records(&mut *reader, &mut 0).await;
    // Nobody polls meanwhile, as when a role waits after an error: each lost connection leaves an error in the queue.
    for _ in 0..4 {
        blocking(&servers, |servers| servers.signal("kafka", "KILL")).await;
        blocking(&servers, |servers| servers.restart("kafka")).await;
        eventually("appends succeed again", async || log.append(TOPIC, vec![record()]).await.ok()).await;
    }
    let mut errors = 0;
    records(&mut *reader, &mut errors).await;
    assert!(errors <= 2, "{errors} polls failed although the broker was back");
}
