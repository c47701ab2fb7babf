//! A process killed at random moments: nothing that was acknowledged is missing, batches are whole, and each
//! event has its effect once.
//!
//! The seed is printed; `REP_TEST_SEED` sets it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use rep_core::Topic;
use rep_core::contract::support::Subject;

use crate::fold::{FOREVER, GROUP, assert_folded_once, drain, fold, offsets, poll, record, whole_log};
use crate::store::{Embedded, clock, config, open};

const DIR: &str = "REP_TEST_CHILD_DIR";
const ROUND: &str = "REP_TEST_CHILD_ROUND";
const ROUNDS: u64 = 10;

/// A small generator: repeats with its seed. Source: Vigna, splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Not a test of its own: what the parent runs again and again, and kills.
#[test]
fn the_child_that_is_killed() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(dir.as_ref(), &round));
}

async fn run(dir: &std::path::Path, round: &str) {
    let mut config = config(dir);
    config.popularity_half_life = FOREVER;
    // Small, so that kills also meet flushes and compactions.
    config.db.memtable_bytes_max = 64 << 10;
    let backends = open(&config, &clock());
    let ports = crate::store::ports(&backends);
    let consumed = ports.clone();
    tokio::spawn(async move {
        let mut reader = consumed.log.subscribe(GROUP, Topic::UserAction).await.unwrap();
        loop {
            let records = poll(&mut *reader, 100).await;
            fold(&consumed, &records).await;
            reader.commit(&offsets(&records)).await.unwrap();
        }
    });
    let appenders = (0..3).map(|appender| {
        let log = ports.log.clone();
        let round = round.to_owned();
        tokio::spawn(async move {
            for batch in 0_usize.. {
                let count = 1 + batch % 23;
                let name = |i| format!("{round}.{appender}.{batch}.{count}.{i}.{}", "x".repeat(batch % 97));
                let records = (0..count).map(|i| record(&format!("user-{}", (batch + i * 7) % 40), name(i)));
                let places = log.append(Topic::UserAction, records.collect()).await.unwrap();
                let mut line = "ack".to_owned();
                for (i, place) in places.iter().enumerate() {
                    line += &format!(" {}/{}/{}", place.partition, place.offset, name(i));
                }
                let mut out = std::io::stdout().lock();
                writeln!(out, "{line}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for appender in appenders {
        appender.await.unwrap();
    }
}

fn child(dir: &std::path::Path, round: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::the_child_that_is_killed", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_kill_9() {
    let now = || u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let seed = std::env::var("REP_TEST_SEED").map_or_else(|_| now(), |text| text.parse().unwrap());
    println!("REP_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    let dir = tempfile::TempDir::new().unwrap();
    let mut acknowledged: BTreeMap<(u32, u64), String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = child(dir.path(), round);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acks = 1 + dice.roll(300);
        let pause = Duration::from_micros(dice.roll(3000));
        let mut seen = 0;
        let mut take = |line: &str| {
            // A line that the kill cut short was not received whole; what it says is not relied on.
            for part in line.split(' ').skip(1) {
                let mut fields = part.splitn(3, '/');
                let mut number = || fields.next().unwrap().parse::<u64>().unwrap();
                let place = (u32::try_from(number()).unwrap(), number());
                acknowledged.insert(place, fields.next().unwrap().to_owned());
            }
        };
        while seen < acks {
            let line = lines.next().expect("the child ended by itself").unwrap();
            if line.starts_with("ack") {
                seen += 1;
                take(&line);
            }
        }
        // The moment of the kill is meant to be anywhere in an append.
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest: Vec<String> =
            lines.map_while(Result::ok).filter(|line| line.starts_with("ack")).collect();
        rest.pop();
        rest.iter().for_each(|line| take(line));

        let subject = Embedded::in_dir(dir.path(), |config| config.popularity_half_life = FOREVER);
        verify(&subject, &acknowledged, round).await;
        if round % 3 == 2 || round == ROUNDS - 1 {
            drain(subject.ports()).await;
            assert_folded_once(subject.ports()).await;
        }
    }
    assert!(acknowledged.len() > 100);
}

async fn verify(subject: &Embedded, acknowledged: &BTreeMap<(u32, u64), String>, round: u64) {
    let mut kept = BTreeMap::new();
    let mut batches: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for record in whole_log(&*subject.ports().log).await {
        let value = String::from_utf8(record.value.to_vec()).unwrap();
        let fields: Vec<&str> = value.split('.').collect();
        let batch = batches.entry(fields[..3].join(".")).or_insert((0, fields[3].parse().unwrap()));
        batch.0 += 1;
        kept.insert((record.position.partition, record.position.offset), value);
    }
    for (place, value) in acknowledged {
        assert_eq!(kept.get(place), Some(value), "acknowledged, but not there after kill {round}: {place:?}");
    }
    for (batch, (found, whole)) in batches {
        assert_eq!(found, whole, "batch {batch} is not whole after kill {round}");
    }
}
