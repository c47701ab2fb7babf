//! Preferences, popularity and offsets move together: a crash at any moment leaves a state from which the
//! log makes the same as if there had been no crash.

use rep_core::Topic;
use rep_core::contract::support::Subject;
use rep_core::ports::behaviour::IndexOutcome;

use crate::fold::{FOREVER, GROUP, assert_folded_once, drain, fold, offsets, poll, record};
use crate::store::Embedded;

async fn append(subject: &Embedded, from: usize, to: usize) {
    let records = (from..to).map(|i| record(&format!("user-{}", i % 17), format!("event-{i}"))).collect();
    subject.ports().log.append(Topic::UserAction, records).await.unwrap();
}

#[tokio::test]
async fn a_crash_at_any_moment_neither_loses_nor_repeats_an_effect() {
    let subject = Embedded::with(|config| config.popularity_half_life = FOREVER);
    let ports = subject.ports();
    let mut reader = ports.log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    for round in 0..8 {
        append(&subject, round * 60, (round + 1) * 60).await;
        let records = poll(&mut *reader, 40).await;
        let crash_before_the_effect = subject.crashed_copy();
        fold(ports, &records).await;
        let crash_before_the_commit = subject.crashed_copy();
        if round % 3 != 2 {
            reader.commit(&offsets(&records)).await.unwrap();
        }
        let crash_after_the_commit = subject.crashed_copy();
        for copy in [crash_before_the_effect, crash_before_the_commit, crash_after_the_commit] {
            drain(copy.ports()).await;
            assert_folded_once(copy.ports()).await;
        }
    }
}

#[tokio::test]
async fn what_another_partition_committed_early_is_fenced() {
    let subject = Embedded::with(|config| config.popularity_half_life = FOREVER);
    let ports = subject.ports();
    append(&subject, 0, 200).await;
    let mut reader = ports.log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    let records = poll(&mut *reader, 500).await;
    assert_eq!(records.len(), 200);
    fold(ports, &records).await;
    // Only one partition is committed, but the checkpoint holds the state of all.
    let one = offsets(&records)[0];
    reader.commit(&[one]).await.unwrap();
    let copy = subject.crashed_copy();
    let states = copy.ports().preferences.recent(1000).await.unwrap();
    assert_eq!(states.iter().map(|state| state.action_count).sum::<u64>(), 200, "written with the commit");
    let mut again = copy.ports().log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    let replayed = poll(&mut *again, 500).await;
    assert!(replayed.len() < 200 && replayed.iter().all(|record| record.position.partition != one.0));
    let outcomes = fold(copy.ports(), &replayed).await;
    assert!(outcomes.iter().all(|outcome| *outcome == IndexOutcome::Redelivered));
    again.commit(&offsets(&replayed)).await.unwrap();
    assert_folded_once(copy.ports()).await;
}

#[tokio::test]
async fn what_was_not_committed_is_not_there_after_a_crash_and_comes_again() {
    let subject = Embedded::with(|config| config.popularity_half_life = FOREVER);
    append(&subject, 0, 100).await;
    let mut reader = subject.ports().log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    let records = poll(&mut *reader, 500).await;
    fold(subject.ports(), &records).await;
    let copy = subject.crashed_copy();
    assert!(copy.ports().preferences.recent(10).await.unwrap().is_empty());
    drain(copy.ports()).await;
    assert_folded_once(copy.ports()).await;
}
