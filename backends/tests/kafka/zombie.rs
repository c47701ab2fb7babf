//! A member that was asleep past its session: the group went on, and what it says afterwards is refused.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rep_backends::kafka::KafkaConfig;
use rep_core::Topic;
use rep_core::contract::support::eventually;
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, Polled};
use rustix::process::{Pid, Signal, kill_process};

use crate::subject::{fresh_topics, log_of};

const TOPIC: Topic = Topic::ProductInventory;
const GROUP: &str = "sleepers";
const BROKERS: &str = "REP_TEST_CHILD_BROKERS";
const PREFIX: &str = "REP_TEST_CHILD_PREFIX";

/// As short as brokers allow.
fn with_short_session(config: KafkaConfig) -> KafkaConfig {
    KafkaConfig { session: Duration::from_secs(6), ..config }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "child: {line}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: what is put to sleep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_that_sleeps() {
    let (Ok(brokers), Ok(prefix)) = (std::env::var(BROKERS), std::env::var(PREFIX)) else { return };
    let log = log_of(&with_short_session(KafkaConfig { prefix, ..KafkaConfig::new(brokers) }));
    let mut reader = log.subscribe(GROUP, TOPIC).await.unwrap();
    let mut next = std::collections::BTreeMap::new();
    while next.len() < 3 {
        if let Polled::Records(records) = reader.poll(10, Duration::from_millis(100)).await.unwrap() {
            next.extend(records.iter().map(|record| (record.position.partition, record.position.offset + 1)));
        }
    }
    let next: Vec<(u32, u64)> = next.into_iter().collect();
    say("has read");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
    let committed = reader.commit(&next).await;
    say(&format!("commit {:?}", committed.map_err(|error| error.kind())));
    say(&format!("has {:?}", reader.assignment()));
    loop {
        if let Ok(Polled::Revoking(partitions)) = reader.poll(10, Duration::from_millis(100)).await {
            say(&format!("revoked {partitions:?}"));
            let committed = reader.commit(&next).await;
            say(&format!("commit {:?}", committed.map_err(|error| error.kind())));
            reader.release(&partitions).await.unwrap();
            break;
        }
    }
    eventually("it is a member again", async || {
        match reader.poll(10, Duration::from_millis(100)).await {
            Ok(Polled::Revoking(partitions)) => reader.release(&partitions).await.unwrap(),
            Ok(Polled::Records(_)) => {}
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        (!reader.assignment().is_empty()).then_some(())
    })
    .await;
    say("is back");
}

struct Sleeper {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Sleeper {
    fn start(config: &KafkaConfig) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "zombie::the_child_that_sleeps", "--nocapture"])
            .env(BROKERS, &config.brokers)
            .env(PREFIX, &config.prefix)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing it says.
    fn says(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the child ended").unwrap();
            // The test harness writes to the same place, without ending its line.
            if let Some((_, said)) = line.split_once("child: ") {
                return said.to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // Already ended if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until the reader has all partitions and their records.
async fn take_over(reader: &mut dyn GroupReader, count: usize) -> Vec<(u32, u64)> {
    let mut next = std::collections::BTreeMap::new();
    let mut read = 0;
    eventually("the group goes on without the sleeper", async || {
        match reader.poll(10, Duration::from_millis(100)).await.unwrap() {
            Polled::Revoking(partitions) => reader.release(&partitions).await.unwrap(),
            Polled::Records(records) => {
                read += records.len();
                next.extend(
                    records.iter().map(|record| (record.position.partition, record.position.offset + 1)),
                );
            }
        }
        (read >= count).then_some(())
    })
    .await;
    next.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleeper_s_commits_are_refused_and_it_comes_back() {
    let config = with_short_session(fresh_topics().await);
    let log = log_of(&config);
    let append = async |log: &dyn EventLog| {
        let record = |i: usize| NewRecord::new(format!("key-{i}"), "v");
        log.append(TOPIC, (0..30).map(record).collect()).await.unwrap();
    };
    append(&*log).await;
    let mut sleeper = Sleeper::start(&config);
    assert_eq!(sleeper.says(), "has read");
    sleeper.signal(Signal::STOP);
    append(&*log).await;
    let mut reader = log.subscribe(GROUP, TOPIC).await.unwrap();
    let next = take_over(&mut *reader, 60).await;
    reader.commit(&next).await.unwrap();
    let standings = log.offsets(TOPIC, GROUP).await.unwrap();

    sleeper.child.stdin.take().unwrap().write_all(b"wake\n").unwrap();
    sleeper.signal(Signal::CONT);
    let listening = tokio::task::spawn_blocking(move || {
        let mut said = Vec::new();
        while said.last().is_none_or(|line| line != "is back") {
            said.push(sleeper.says());
        }
        said
    });
    // It gets partitions again only if the other member hands them over.
    while !listening.is_finished() {
        if let Polled::Revoking(partitions) = reader.poll(10, Duration::from_millis(20)).await.unwrap() {
            reader.release(&partitions).await.unwrap();
        }
    }
    let said = listening.await.unwrap();
    assert_eq!(
        said,
        ["commit Err(Invalid)", "has []", "revoked [0, 1, 2]", "commit Err(Invalid)", "is back"]
    );
    assert_eq!(log.offsets(TOPIC, GROUP).await.unwrap(), standings, "nothing it said was taken");
}
