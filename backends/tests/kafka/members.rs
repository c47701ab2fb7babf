//! Members that come and go under load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::Topic;
use rep_core::contract::support::{WAIT_MAX, eventually};
use rep_core::ports::log::{EventLog, NewRecord, Polled};
use tokio::task::JoinHandle;

use crate::subject::{fresh_topics, log_of};

const TOPIC: Topic = Topic::UserAction;
const KEYS: usize = 60;

/// Reads, notes and commits until it is told to leave.
struct Member {
    leave: Arc<AtomicBool>,
    has: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl Member {
    fn join(log: &Arc<dyn EventLog>, seen: &Arc<Mutex<Vec<String>>>) -> Self {
        let (leave, has) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(0)));
        let (log, seen) = (Arc::clone(log), Arc::clone(seen));
        let (told, having) = (Arc::clone(&leave), Arc::clone(&has));
        let task = tokio::spawn(async move {
            let mut reader = log.subscribe("members", TOPIC).await.unwrap();
            while !told.load(Ordering::Relaxed) {
                match reader.poll(50, Duration::from_millis(50)).await.unwrap() {
                    Polled::Revoking(partitions) => reader.release(&partitions).await.unwrap(),
                    Polled::Records(records) => {
                        let mut next = BTreeMap::new();
                        for record in records {
                            next.insert(record.position.partition, record.position.offset + 1);
                            seen.lock().push(String::from_utf8(record.value.to_vec()).unwrap());
                        }
                        let next: Vec<(u32, u64)> = next.into_iter().collect();
                        reader.commit(&next).await.unwrap();
                    }
                }
                *having.lock() = reader.assignment().len();
            }
        });
        Self { leave, has, task }
    }

    async fn leave(self) {
        self.leave.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_three_one_reads_everything_once_and_in_order() {
    let log = log_of(&fresh_topics().await);
    let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let appender = {
        let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut rounds = 0_usize;
            while !stop.load(Ordering::Relaxed) {
                let record = |key: usize| NewRecord::new(format!("key-{key}"), format!("key-{key}/{rounds}"));
                log.append(TOPIC, (0..KEYS).map(record).collect()).await.unwrap();
                rounds += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            rounds
        })
    };
    let shares = async |members: &[Member], expected: &[usize]| {
        eventually("partitions are shared", async || {
            let mut found: Vec<usize> = members.iter().map(|member| *member.has.lock()).collect();
            found.sort_unstable();
            (found == expected).then_some(())
        })
        .await;
    };
    let mut members = vec![Member::join(&log, &seen)];
    shares(&members, &[12]).await;
    members.push(Member::join(&log, &seen));
    members.push(Member::join(&log, &seen));
    shares(&members, &[4, 4, 4]).await;
    members.remove(0).leave().await;
    members.remove(0).leave().await;
    shares(&members, &[12]).await;
    stop.store(true, Ordering::Relaxed);
    let rounds = appender.await.unwrap();
    tokio::time::timeout(WAIT_MAX, async {
        while seen.lock().len() < rounds * KEYS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    // Time for what would come twice.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for value in seen.lock().iter() {
        let (key, round) = value.split_once('/').unwrap();
        let expected = last.get(key).map_or(0, |round| round + 1);
        assert_eq!(round.parse::<usize>().unwrap(), expected, "{key}: each once and in order");
        last.insert(key.to_owned(), expected);
    }
    assert!(last.values().all(|round| round + 1 == rounds), "{rounds} rounds");
    members.remove(0).leave().await;
}
