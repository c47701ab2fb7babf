//! The suite of [`EventLog`]: appending and reading here, groups in [`groups`].
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

pub mod groups;

use std::collections::BTreeSet;

pub use groups::*;

use super::support::{Subject, unique};
use crate::ports::log::{EventLog, NewRecord, Record};
use crate::{Position, Topic, TraceContext, partition_of, stable_hash128};

/// Makes every sentence of the suite a test; `$make` gives a [`Subject`].
#[macro_export]
macro_rules! log_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            log,
            $make,
            [
                each_record_gets_the_place_its_key_and_turn_say,
                a_record_can_be_read_as_soon_as_its_append_returns,
                an_append_of_nothing_gives_nothing,
                concurrent_appends_share_no_place,
                a_read_gives_at_most_what_was_asked_for,
                a_read_at_the_end_gives_nothing,
                a_read_before_the_oldest_begins_at_the_oldest,
                a_record_keeps_its_trace_context,
                what_was_appended_is_there_after_reopening,
                a_group_reads_each_record_once_and_each_partition_in_order,
                a_new_group_begins_at_the_oldest_record,
                two_groups_read_the_same_records,
                a_poll_gives_at_most_what_was_asked_for,
                a_poll_that_waits_wakes_when_a_record_comes,
                a_poll_in_vain_gives_nothing_after_its_wait,
                a_poll_that_is_dropped_loses_nothing,
                a_group_goes_on_where_it_committed,
                what_was_not_committed_is_read_again,
                a_commit_is_there_after_reopening,
                a_commit_for_what_is_not_ones_own_is_refused_whole,
                offsets_tell_where_a_group_stands,
                members_share_the_partitions,
                a_member_that_leaves_hands_its_partitions_on,
                what_moves_between_members_is_read_once,
            ]
        );
    };
}

/// Records `from..to` of `key`; each value tells key and number.
pub(super) fn records(key: &str, numbers: std::ops::Range<usize>) -> Vec<NewRecord> {
    let record = |i| NewRecord::new(key.to_owned(), format!("{key} says {i}").into_bytes());
    numbers.map(record).collect()
}

/// A key of `partition` that nobody used before.
pub(super) fn key_of(topic: Topic, partition: u32) -> String {
    loop {
        let key = unique("key");
        if partition_of(key.as_bytes(), topic.partitions()) == partition {
            return key;
        }
    }
}

async fn at(log: &dyn EventLog, topic: Topic, place: Position) -> Option<Record> {
    let found = log.read(topic, place.partition, place.offset, 1).await.unwrap();
    found.into_iter().next().filter(|record| record.position == place)
}

/// `append` gives each record its position, in the order given; the partition follows from the key, and
/// records that share a partition stay in order.
pub async fn each_record_gets_the_place_its_key_and_turn_say(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let (a, b) = (key_of(Topic::UserAction, 2), key_of(Topic::UserAction, 7));
    let mut mixed = Vec::new();
    for (of_a, of_b) in records(&a, 0..20).into_iter().zip(records(&b, 0..20)) {
        mixed.extend([of_a, of_b]);
    }
    let first = log.append(Topic::UserAction, mixed.clone()).await.unwrap();
    let second = log.append(Topic::UserAction, mixed.clone()).await.unwrap();
    let places: Vec<Position> = first.into_iter().chain(second).collect();
    for (place, record) in places.iter().zip(mixed.iter().chain(&mixed)) {
        assert_eq!(place.partition, partition_of(&record.key, 12));
        assert!(place.epoch >= 1);
        let kept = at(&**log, Topic::UserAction, *place).await.unwrap();
        assert_eq!((&kept.key, &kept.value), (&record.key, &record.value));
    }
    for partition in [2, 7] {
        let offsets: Vec<u64> =
            places.iter().filter(|p| p.partition == partition).map(|p| p.offset).collect();
        assert!(offsets.is_sorted_by(|x, y| x < y), "{offsets:?}");
    }
}

/// A record can be read as soon as its append returns, with the log's time on it.
pub async fn a_record_can_be_read_as_soon_as_its_append_returns(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    for topic in Topic::ALL {
        let place = log.append(topic, records(&unique("key"), 0..1)).await.unwrap()[0];
        let record = at(&**log, topic, place).await.unwrap();
        assert!(record.appended_at.as_ms() > 0);
    }
}

/// An append of nothing gives nothing.
pub async fn an_append_of_nothing_gives_nothing(subject: &mut impl Subject) {
    assert!(subject.ports().log.append(Topic::UserAction, Vec::new()).await.unwrap().is_empty());
}

/// Appends at one time do not share a place, and none is lost.
pub async fn concurrent_appends_share_no_place(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let appends: Vec<_> = (0..32)
        .map(|_| {
            let (log, key) = (log.clone(), unique("key"));
            tokio::spawn(async move { log.append(Topic::UserAction, records(&key, 0..25)).await.unwrap() })
        })
        .collect();
    let mut places = BTreeSet::new();
    for append in appends {
        for place in append.await.unwrap() {
            assert!(places.insert((place.partition, place.offset)), "{place} was given twice");
            assert!(at(&**log, Topic::UserAction, place).await.is_some(), "{place} is empty");
        }
    }
    assert_eq!(places.len(), 32 * 25);
}

/// `read` gives at most `max` records.
pub async fn a_read_gives_at_most_what_was_asked_for(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let places = log.append(Topic::UserAction, records(&unique("key"), 0..9)).await.unwrap();
    let (partition, mut offset) = (places[0].partition, places[0].offset);
    while offset <= places[8].offset {
        let found = log.read(Topic::UserAction, partition, offset, 4).await.unwrap();
        assert!((1..=4).contains(&found.len()));
        assert!(found.iter().zip(offset..).all(|(record, expected)| record.position.offset >= expected));
        offset = found[found.len() - 1].position.offset + 1;
    }
}

/// `read` gives nothing at the end.
pub async fn a_read_at_the_end_gives_nothing(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    for standing in log.offsets(Topic::ProductInventory, &unique("group")).await.unwrap() {
        // Others may append meanwhile, but not that much.
        let end = standing.end + 1_000_000;
        assert!(log.read(Topic::ProductInventory, standing.partition, end, 10).await.unwrap().is_empty());
    }
}

/// An offset before the oldest record kept reads from the oldest.
pub async fn a_read_before_the_oldest_begins_at_the_oldest(subject: &mut impl Subject) {
    let log = &subject.ports().log;
    let place = log.append(Topic::UserAction, records(&unique("key"), 0..1)).await.unwrap()[0];
    let standings = log.offsets(Topic::UserAction, &unique("group")).await.unwrap();
    let begin = standings[place.partition as usize].begin;
    let oldest = log.read(Topic::UserAction, place.partition, 0, 1).await.unwrap();
    assert!(oldest[0].position.offset >= begin && oldest[0].position.offset <= place.offset);
}

/// A record has the trace context that it was appended with, or none: read, polled and after reopening.
pub async fn a_record_keeps_its_trace_context(subject: &mut impl Subject) {
    let key = unique("key");
    let trace = TraceContext::new(stable_hash128(key.as_bytes()).to_be_bytes(), [0xf0; 8], true);
    let traces = [None, trace, TraceContext::new([0xff; 16], [0xff; 8], false)];
    let appended = records(&key, 0..9).into_iter().zip(traces.into_iter().cycle());
    let appended: Vec<NewRecord> = appended.map(|(record, trace)| record.in_trace(trace)).collect();
    let topic = Topic::ProductInventory;
    let places = subject.ports().log.append(topic, appended.clone()).await.unwrap();
    let mut reader = subject.ports().log.subscribe(&unique("group"), topic).await.unwrap();
    let polled = groups::read_own(&mut *reader, &[key], appended.len()).await;
    drop(reader);
    for reopened in [false, true] {
        if reopened {
            subject.reopen().await;
        }
        let log = &subject.ports().log;
        for (i, (place, record)) in places.iter().zip(&appended).enumerate() {
            let read = at(&**log, topic, *place).await.unwrap();
            for kept in [&read, &polled[i]] {
                assert_eq!((&kept.value, kept.trace), (&record.value, record.trace));
            }
        }
    }
}

/// `append` returns once every record is durable.
pub async fn what_was_appended_is_there_after_reopening(subject: &mut impl Subject) {
    let key = unique("key");
    let places = subject.ports().log.append(Topic::UserAction, records(&key, 0..10)).await.unwrap();
    subject.reopen().await;
    let log = &subject.ports().log;
    let expected = records(&key, 0..10);
    for (place, record) in places.iter().zip(&expected) {
        let kept = at(&**log, Topic::UserAction, *place).await.unwrap();
        assert_eq!((&kept.key, &kept.value), (&record.key, &record.value));
    }
    let next = log.append(Topic::UserAction, records(&key, 10..11)).await.unwrap()[0];
    assert!(next.offset > places[9].offset, "offsets go on where they were");
    assert_eq!(next.epoch, places[9].epoch);
}
