//! The log against a list a partition: random appends, polls, commits, members that go, and restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use rep_core::contract::support::Subject;
use rep_core::ports::log::{GroupReader, NewRecord, Polled};
use rep_core::{Topic, partition_of};

use crate::store::Embedded;

const TOPIC: Topic = Topic::ProductInventory;

#[derive(Clone, Debug)]
enum Step {
    /// Append records with these keys, each value so many bytes.
    Append(Vec<u8>, usize),
    /// Poll for at most so many.
    Poll(usize),
    /// Commit all that was read.
    Commit,
    /// Drop the member and subscribe anew.
    Rejoin,
    /// Shut the stores and open them again.
    Reopen,
    /// Read a partition from an offset that may be anywhere, at most so many.
    Read(u32, u64, usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Some values are so large that the newest batches leave memory.
        6 => (vec(any::<u8>(), 1..40), prop_oneof![9 => Just(8_usize), 1 => Just(60_000)])
            .prop_map(|(keys, bytes)| Step::Append(keys, bytes)),
        8 => (1_usize..60).prop_map(Step::Poll),
        4 => Just(Step::Commit),
        1 => Just(Step::Rejoin),
        1 => Just(Step::Reopen),
        4 => (0_u32..3, 0_u64..300, 1_usize..50).prop_map(|(p, offset, max)| Step::Read(p, offset, max)),
    ]
}

#[derive(Default)]
struct Model {
    partitions: BTreeMap<u32, Vec<Vec<u8>>>,
    read: BTreeMap<u32, usize>,
    committed: BTreeMap<u32, usize>,
    appended: u32,
}

async fn run(steps: Vec<Step>) {
    let mut subject = Embedded::fresh();
    let mut model = Model::default();
    let mut reader: Option<Box<dyn GroupReader>> = None;
    for step in steps {
        if reader.is_none() {
            reader = Some(subject.ports().log.subscribe("model", TOPIC).await.unwrap());
            model.read = model.committed.clone();
        }
        let member = reader.as_mut().unwrap();
        match step {
            Step::Append(keys, bytes) => append(&subject, &mut model, keys, bytes).await,
            Step::Poll(max) => poll(&mut **member, &mut model, max).await,
            Step::Commit => {
                let offsets: Vec<(u32, u64)> =
                    model.read.iter().map(|(p, next)| (*p, *next as u64)).collect();
                // Partitions are taken over by the first poll.
                if member.assignment().len() == TOPIC.partitions() as usize {
                    member.commit(&offsets).await.unwrap();
                    model.committed = model.read.clone();
                }
            }
            Step::Rejoin => reader = None,
            Step::Reopen => {
                reader = None;
                subject.reopen().await;
            }
            Step::Read(partition, offset, max) => {
                let found = subject.ports().log.read(TOPIC, partition, offset, max).await.unwrap();
                let known = model.partitions.entry(partition).or_default();
                let expected: Vec<&Vec<u8>> = known.iter().skip(offset as usize).take(max).collect();
                assert!(found.iter().map(|r| &r.value[..]).eq(expected.into_iter().map(|v| &v[..])));
                assert!(found.iter().zip(offset..).all(|(r, offset)| r.position.offset == offset));
            }
        }
        check_offsets(&subject, &model).await;
    }
}

async fn append(subject: &Embedded, model: &mut Model, keys: Vec<u8>, bytes: usize) {
    let mut records = Vec::new();
    for key in keys {
        model.appended += 1;
        let mut value = model.appended.to_be_bytes().to_vec();
        value.resize(bytes, key);
        records.push(NewRecord::new(vec![key], value));
    }
    let places = subject.ports().log.append(TOPIC, records.clone()).await.unwrap();
    for (place, record) in places.iter().zip(records) {
        assert_eq!(place.partition, partition_of(&record.key, TOPIC.partitions()));
        let known = model.partitions.entry(place.partition).or_default();
        assert_eq!(place.offset, known.len() as u64);
        known.push(record.value.to_vec());
    }
}

async fn poll(member: &mut dyn GroupReader, model: &mut Model, max: usize) {
    let polled = member.poll(max, Duration::ZERO).await.unwrap();
    let Polled::Records(records) = polled else { panic!("a sole member") };
    assert!(records.len() <= max);
    for record in &records {
        let partition = record.position.partition;
        let next = model.read.entry(partition).or_default();
        assert_eq!(record.position.offset, *next as u64);
        assert_eq!(record.value, model.partitions[&partition][*next]);
        *next += 1;
    }
    let left: usize =
        model.partitions.iter().map(|(p, known)| known.len() - model.read.get(p).copied().unwrap_or(0)).sum();
    assert!(!records.is_empty() || left == 0, "{left} records were there, none was given");
}

async fn check_offsets(subject: &Embedded, model: &Model) {
    for standing in subject.ports().log.offsets(TOPIC, "model").await.unwrap() {
        let end = model.partitions.get(&standing.partition).map_or(0, Vec::len);
        assert_eq!((standing.begin, standing.end), (0, end as u64));
        let committed = model.committed.get(&standing.partition).copied().unwrap_or(0);
        assert_eq!(standing.committed.unwrap_or(0), committed as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_list_a_partition(steps in vec(any_step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
