//! What the log promises to groups.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{key_of, records};
use crate::Topic;
use crate::contract::support::{Subject, WAIT_MAX, eventually, unique};
use crate::ports::StoreErrorKind;
use crate::ports::log::{EventLog, GroupReader, Polled, Record};

const SOON: Duration = Duration::from_millis(100);
const TOPIC: Topic = Topic::ProductInventory;

/// Polls once; hands on what is revoked.
async fn step(reader: &mut dyn GroupReader) -> Vec<Record> {
    match reader.poll(500, SOON).await.unwrap() {
        Polled::Records(records) => records,
        Polled::Revoking(partitions) => {
            reader.release(&partitions).await.unwrap();
            Vec::new()
        }
    }
}

/// A reader that has every partition of `TOPIC`, of a group that has committed all that is there.
async fn reader_at_the_end(log: &dyn EventLog, group: &str) -> Box<dyn GroupReader> {
    let reader = sole_reader(log, group).await;
    let standings = log.offsets(TOPIC, group).await.unwrap();
    let ends: Vec<(u32, u64)> = standings.iter().map(|s| (s.partition, s.end)).collect();
    reader.commit(&ends).await.unwrap();
    drop(reader);
    sole_reader(log, group).await
}

/// A reader that has every partition of `TOPIC`; what it read meanwhile is dropped.
async fn sole_reader(log: &dyn EventLog, group: &str) -> Box<dyn GroupReader> {
    let mut reader = log.subscribe(group, TOPIC).await.unwrap();
    eventually("a sole member has all partitions", async || {
        // Nothing is asked for, so nothing is passed over.
        reader.poll(0, SOON / 10).await.unwrap();
        (reader.assignment().len() == TOPIC.partitions() as usize).then_some(())
    })
    .await;
    reader
}

/// Records with one of `keys`, in the order read, until there are `count`.
pub(super) async fn read_own(reader: &mut dyn GroupReader, keys: &[String], count: usize) -> Vec<Record> {
    let mut found = Vec::new();
    let deadline = Instant::now() + WAIT_MAX;
    while found.len() < count {
        assert!(Instant::now() < deadline, "found only {} of {count} records", found.len());
        let read = step(reader).await;
        found.extend(read.into_iter().filter(|r| keys.iter().any(|key| key.as_bytes() == &r.key[..])));
    }
    found
}

fn values(found: &[Record]) -> Vec<String> {
    found.iter().map(|record| String::from_utf8(record.value.to_vec()).unwrap()).collect()
}

fn expected(key: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|i| format!("{key} says {i}")).collect()
}

/// A key in each partition.
fn keys() -> Vec<String> {
    (0..TOPIC.partitions()).map(|partition| key_of(TOPIC, partition)).collect()
}

async fn append_all(log: &dyn EventLog, keys: &[String], numbers: std::ops::Range<usize>) {
    let all = keys.iter().flat_map(|key| records(key, numbers.clone())).collect();
    log.append(TOPIC, all).await.unwrap();
}

fn assert_in_order(found: &[Record]) {
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    for record in found {
        let before = last.insert(record.position.partition, record.position.offset);
        assert!(before.is_none_or(|offset| offset < record.position.offset), "{}", record.position);
    }
}

/// A sole member reads each record once, and the records of each partition in order.
pub async fn a_group_reads_each_record_once_and_each_partition_in_order(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let mut reader = reader_at_the_end(&**log, &unique("group")).await;
    let keys = keys();
    for part in 0..5 {
        append_all(&**log, &keys, part * 10..(part + 1) * 10).await;
    }
    let found = read_own(&mut *reader, &keys, keys.len() * 50).await;
    assert_in_order(&found);
    for key in &keys {
        let of_key: Vec<Record> = found.iter().filter(|r| &r.key[..] == key.as_bytes()).cloned().collect();
        assert_eq!(values(&of_key), expected(key, 0..50));
    }
}

/// A group that never committed begins at the oldest record kept.
pub async fn a_new_group_begins_at_the_oldest_record(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let key = unique("key");
    let place = log.append(TOPIC, records(&key, 0..3)).await.unwrap()[0];
    let mut reader = log.subscribe(&unique("group"), TOPIC).await.unwrap();
    let oldest = log.read(TOPIC, place.partition, 0, 1).await.unwrap()[0].position;
    let deadline = Instant::now() + WAIT_MAX;
    let first = loop {
        let read = step(&mut *reader).await;
        if let Some(record) = read.into_iter().find(|r| r.position.partition == place.partition) {
            break record.position;
        }
        assert!(Instant::now() < deadline, "nothing came");
    };
    assert_eq!(first, oldest);
}

/// What one group reads takes nothing from another.
pub async fn two_groups_read_the_same_records(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let mut one = reader_at_the_end(&**log, &unique("group")).await;
    let mut two = reader_at_the_end(&**log, &unique("group")).await;
    let key = unique("key");
    log.append(TOPIC, records(&key, 0..20)).await.unwrap();
    for reader in [&mut one, &mut two] {
        let found = read_own(&mut **reader, std::slice::from_ref(&key), 20).await;
        assert_eq!(values(&found), expected(&key, 0..20));
    }
}

/// `poll` gives at most `max` records.
pub async fn a_poll_gives_at_most_what_was_asked_for(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let mut reader = reader_at_the_end(&**log, &unique("group")).await;
    let key = unique("key");
    log.append(TOPIC, records(&key, 0..30)).await.unwrap();
    let mut found = Vec::new();
    let deadline = Instant::now() + WAIT_MAX;
    while found.len() < 30 {
        assert!(Instant::now() < deadline, "found only {} records", found.len());
        let Polled::Records(read) = reader.poll(7, SOON).await.unwrap() else { panic!("a sole member") };
        assert!(read.len() <= 7);
        found.extend(read.into_iter().filter(|r| &r.key[..] == key.as_bytes()));
    }
    assert_eq!(values(&found), expected(&key, 0..30));
}

/// A poll that waits returns as soon as a record comes.
pub async fn a_poll_that_waits_wakes_when_a_record_comes(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let mut reader = reader_at_the_end(&**log, &unique("group")).await;
    let key = unique("key");
    let waiting = tokio::spawn(async move {
        let started = Instant::now();
        let polled = reader.poll(1, WAIT_MAX).await.unwrap();
        (polled, started.elapsed())
    });
    tokio::task::yield_now().await;
    log.append(TOPIC, records(&key, 0..1)).await.unwrap();
    let (polled, waited) = waiting.await.unwrap();
    assert!(matches!(polled, Polled::Records(records) if !records.is_empty()));
    assert!(waited < WAIT_MAX / 2, "woke only after {waited:?}");
}

/// If nothing came within the wait, a poll gives no records and no error.
pub async fn a_poll_in_vain_gives_nothing_after_its_wait(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let mut reader = reader_at_the_end(&**log, &unique("group")).await;
    let started = Instant::now();
    // On a shared server somebody else's record may come; then there was no wait to measure.
    if let Polled::Records(records) = reader.poll(1, SOON).await.unwrap()
        && records.is_empty()
    {
        assert!(started.elapsed() >= SOON);
        assert!(started.elapsed() < WAIT_MAX / 2);
    }
}

/// Dropping a poll that has not returned loses no record.
pub async fn a_poll_that_is_dropped_loses_nothing(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let mut reader = reader_at_the_end(&**log, &unique("group")).await;
    let keys = keys();
    let mut found = Vec::new();
    let deadline = Instant::now() + WAIT_MAX;
    append_all(&**log, &keys, 0..50).await;
    while found.len() < keys.len() * 50 {
        assert!(Instant::now() < deadline, "found only {} records", found.len());
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            polled = reader.poll(40, SOON) => {
                let Polled::Records(read) = polled.unwrap() else { panic!("a sole member") };
                found.extend(read.into_iter().filter(|r| keys.iter().any(|k| k.as_bytes() == &r.key[..])));
            }
        }
        let Polled::Records(read) = reader.poll(40, SOON).await.unwrap() else { panic!("a sole member") };
        found.extend(read.into_iter().filter(|r| keys.iter().any(|k| k.as_bytes() == &r.key[..])));
    }
    assert_in_order(&found);
    assert_eq!(found.len(), keys.len() * 50);
}

/// A group goes on where it committed.
pub async fn a_group_goes_on_where_it_committed(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let mut reader = reader_at_the_end(&**log, &group).await;
    let key = unique("key");
    let places = log.append(TOPIC, records(&key, 0..10)).await.unwrap();
    read_own(&mut *reader, std::slice::from_ref(&key), 10).await;
    reader.commit(&[(places[3].partition, places[3].offset + 1)]).await.unwrap();
    drop(reader);
    let mut reader = log.subscribe(&group, TOPIC).await.unwrap();
    assert_eq!(values(&read_own(&mut *reader, std::slice::from_ref(&key), 6).await), expected(&key, 4..10));
}

/// Dropping the reader leaves the group without committing.
pub async fn what_was_not_committed_is_read_again(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let mut reader = reader_at_the_end(&**log, &group).await;
    let key = unique("key");
    log.append(TOPIC, records(&key, 0..10)).await.unwrap();
    read_own(&mut *reader, std::slice::from_ref(&key), 10).await;
    drop(reader);
    let mut reader = log.subscribe(&group, TOPIC).await.unwrap();
    assert_eq!(values(&read_own(&mut *reader, std::slice::from_ref(&key), 10).await), expected(&key, 0..10));
}

/// A commit is durable when it returns.
pub async fn a_commit_is_there_after_reopening(subject: &mut impl Subject) {
    let (group, key) = (unique("group"), unique("key"));
    let log = &subject.ports().log;
    let reader = reader_at_the_end(&**log, &group).await;
    let places = log.append(TOPIC, records(&key, 0..10)).await.unwrap();
    reader.commit(&[(places[5].partition, places[5].offset + 1)]).await.unwrap();
    drop(reader);
    subject.reopen().await;
    let log = &subject.ports().log;
    let standing = log.offsets(TOPIC, &group).await.unwrap()[places[5].partition as usize];
    assert_eq!(standing.committed, Some(places[5].offset + 1));
    let mut reader = log.subscribe(&group, TOPIC).await.unwrap();
    assert_eq!(values(&read_own(&mut *reader, std::slice::from_ref(&key), 4).await), expected(&key, 6..10));
}

/// Offsets of partitions that a member does not have are refused as invalid, and nothing is committed.
pub async fn a_commit_for_what_is_not_ones_own_is_refused_whole(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let keys = keys();
    append_all(&**log, &keys, 0..2).await;
    let mut reader = log.subscribe(&group, TOPIC).await.unwrap();
    eventually("a sole member has all partitions", async || {
        step(&mut *reader).await;
        (reader.assignment().len() == keys.len()).then_some(())
    })
    .await;
    let standings = log.offsets(TOPIC, &group).await.unwrap();
    let own = (0, standings[0].end);
    for foreign in [(TOPIC.partitions(), 0), (1, standings[1].end + 1_000_000)] {
        let error = reader.commit(&[own, foreign]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }
    reader.release(&[1]).await.unwrap();
    let error = reader.commit(&[own, (1, standings[1].end)]).await;
    // A sole member gets what it releases back, and may then commit it.
    if let Err(error) = error {
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
        let standings = log.offsets(TOPIC, &group).await.unwrap();
        assert!(standings.iter().all(|standing| standing.committed.is_none()), "{standings:?}");
    }
}

/// `offsets` tells begin, end and what the group committed, for each partition in order.
pub async fn offsets_tell_where_a_group_stands(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let places = log.append(TOPIC, records(&unique("key"), 0..10)).await.unwrap();
    let partition = places[9].partition;
    let standings = log.offsets(TOPIC, &group).await.unwrap();
    assert!(standings.iter().map(|s| s.partition).eq(0..TOPIC.partitions()));
    for standing in &standings {
        assert_eq!(standing.committed, None);
        assert_eq!(standing.lag(), standing.end - standing.begin);
    }
    assert!(standings[partition as usize].end > places[9].offset);
    let reader = sole_reader(&**log, &group).await;
    reader.commit(&[(partition, places[7].offset)]).await.unwrap();
    let standing = log.offsets(TOPIC, &group).await.unwrap()[partition as usize];
    assert_eq!(standing.committed, Some(places[7].offset));
    assert!(standing.lag() >= 3);
}

/// Each partition is read by one member at a time, and each member has its share.
pub async fn members_share_the_partitions(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let mut members = vec![sole_reader(&**log, &group).await];
    for count in 2..=TOPIC.partitions() as usize {
        members.push(log.subscribe(&group, TOPIC).await.unwrap());
        settle(&mut members).await;
        let sizes: Vec<usize> = members.iter().map(|m| m.assignment().len()).collect();
        let share = TOPIC.partitions() as usize / count;
        assert!(sizes.iter().all(|size| (share..=share + 1).contains(size)), "{sizes:?}");
    }
}

/// Polls all until every partition has a member and no member is without; checks that none has two.
async fn settle(members: &mut [Box<dyn GroupReader>]) {
    eventually("the group settles", async || {
        for member in members.iter_mut() {
            step(&mut **member).await;
        }
        let all: Vec<u32> = members.iter().flat_map(|m| m.assignment()).collect();
        let distinct: BTreeSet<u32> = all.iter().copied().collect();
        let idle = members.iter().any(|m| m.assignment().is_empty());
        (distinct.len() == TOPIC.partitions() as usize && distinct.len() == all.len() && !idle).then_some(())
    })
    .await;
}

/// A member that leaves hands its partitions on.
pub async fn a_member_that_leaves_hands_its_partitions_on(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let mut members = vec![sole_reader(&**log, &group).await];
    members.push(log.subscribe(&group, TOPIC).await.unwrap());
    settle(&mut members).await;
    members.remove(0);
    settle(&mut members).await;
    assert_eq!(members[0].assignment().len(), TOPIC.partitions() as usize);
}

/// What is committed before a release is read once, whichever members come and go.
pub async fn what_moves_between_members_is_read_once(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let group = unique("group");
    let keys = keys();
    let mut members = vec![reader_at_the_end(&**log, &group).await];
    let mut seen: Vec<String> = Vec::new();
    for round in 0..6 {
        append_all(&**log, &keys, round * 20..(round + 1) * 20).await;
        match round {
            1 | 2 => members.push(log.subscribe(&group, TOPIC).await.unwrap()),
            4 => drop(members.remove(0)),
            _ => {}
        }
        let wanted = (round + 1) * 20 * keys.len();
        let deadline = Instant::now() + WAIT_MAX;
        while seen.len() < wanted {
            assert!(Instant::now() < deadline, "read only {} of {wanted} records", seen.len());
            for member in &mut members {
                match member.poll(7, SOON / 10).await.unwrap() {
                    Polled::Revoking(partitions) => member.release(&partitions).await.unwrap(),
                    Polled::Records(read) => {
                        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
                        for record in read {
                            next.insert(record.position.partition, record.position.offset + 1);
                            if keys.iter().any(|key| key.as_bytes() == &record.key[..]) {
                                seen.push(String::from_utf8(record.value.to_vec()).unwrap());
                            }
                        }
                        let next: Vec<(u32, u64)> = next.into_iter().collect();
                        member.commit(&next).await.unwrap();
                    }
                }
            }
        }
    }
    for key in &keys {
        let of_key: Vec<&String> =
            seen.iter().filter(|value| value.starts_with(&format!("{key} "))).collect();
        assert_eq!(of_key.len(), 120, "each once");
        assert!(of_key.iter().zip(expected(key, 0..120)).all(|(read, wrote)| **read == wrote), "in order");
    }
}
