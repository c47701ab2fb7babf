//! Retention, the preference cache's bounds, and counts: what goes on beside the ports.

use std::time::Duration;

use rep_core::contract::support::{
    Subject, action, at, commit_something, erasure, new_product, new_user, position,
};
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::ports::preferences::{PreferenceWrite, StoreOutcome};
use rep_core::{ActionType, ModelId, Preference, Topic, UserId};

use crate::fold::{poll, record, whole_log};
use crate::store::Embedded;

async fn append(subject: &Embedded, events: std::ops::Range<usize>) {
    for i in events {
        subject.ports().log.append(Topic::UserAction, vec![record("u", format!("event-{i}"))]).await.unwrap();
    }
}

#[tokio::test]
async fn retention_removes_the_old_and_keeps_offsets() {
    let mut subject = Embedded::with(|config| config.log_retention = Duration::from_secs(60));
    append(&subject, 0..10).await;
    subject.clock.advance(Duration::from_secs(59));
    append(&subject, 10..15).await;
    assert_eq!(subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap(), 0);
    let mut slow = subject.ports().log.subscribe("slow", Topic::UserAction).await.unwrap();
    assert_eq!(poll(&mut *slow, 3).await.len(), 3);

    subject.clock.advance(Duration::from_secs(2));
    assert_eq!(subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap(), 10);
    let kept = whole_log(&*subject.ports().log).await;
    assert!(kept.iter().map(|record| record.position.offset).eq(10..15));
    let partition = kept[0].position.partition;
    let from_the_oldest = subject.ports().log.read(Topic::UserAction, partition, 0, 100).await.unwrap();
    assert_eq!(from_the_oldest, kept);
    assert_eq!(poll(&mut *slow, 100).await, kept, "a slow reader goes on at the oldest");
    drop(slow);

    subject.reopen().await;
    assert_eq!(whole_log(&*subject.ports().log).await, kept);
    // Where offsets go on is told when nothing is kept, too.
    subject.clock.advance(Duration::from_secs(3600));
    assert_eq!(subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap(), 5);
    assert!(whole_log(&*subject.ports().log).await.is_empty());
    let standing = subject.ports().log.offsets(Topic::UserAction, "g").await.unwrap()[partition as usize];
    assert_eq!((standing.begin, standing.end), (15, 15));
    subject.reopen().await;
    let place = subject.ports().log.append(Topic::UserAction, vec![record("u", "next")]).await.unwrap()[0];
    assert_eq!(place.offset, 15);
    let standing = subject.ports().log.offsets(Topic::UserAction, "g").await.unwrap()[partition as usize];
    assert_eq!((standing.begin, standing.end), (15, 16));
}

fn write(user: &UserId, offset: u64) -> PreferenceWrite {
    let preference = Preference {
        action_count: offset,
        position: Some(position(1, offset)),
        ..Preference::new(user.clone(), ModelId::new("m").unwrap())
    };
    PreferenceWrite { preference, changes: Vec::new() }
}

#[tokio::test]
async fn shoppers_that_leave_the_cache_are_found_in_the_backup() {
    let subject = Embedded::with(|config| {
        config.preferences.cached_max = 64;
        config.preferences.ttl = Duration::from_secs(100);
    });
    let store = &subject.ports().preferences;
    let users: Vec<UserId> = (0..1000).map(|_| new_user()).collect();
    store.store(users.iter().map(|user| write(user, 5)).collect()).await.unwrap();
    subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap();
    assert_eq!(store.recent(5000).await.unwrap().len(), 1000, "what is not written yet does not leave");
    commit_something(&*subject.ports().log).await;
    subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap();
    assert!(store.recent(5000).await.unwrap().len() <= 128, "the cache is bounded");
    let found = store.load(&users).await.unwrap();
    assert!(found.iter().all(|state| state.as_ref().is_some_and(|state| state.action_count == 5)));
    let again = store.store(users.iter().map(|user| write(user, 5)).collect()).await.unwrap();
    assert_eq!(again, [StoreOutcome::Stale; 1000], "the fence is in the backup, too");

    subject.clock.advance(Duration::from_secs(101));
    subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap();
    assert!(store.recent(5000).await.unwrap().is_empty(), "nobody changed them for the time to live");
    assert!(store.load(&users[..1]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn loading_more_shoppers_than_the_cache_holds_does_not_grow_it_without_bound() {
    let mut subject = Embedded::with(|config| config.preferences.cached_max = 64);
    let users: Vec<UserId> = (0..2000).map(|_| new_user()).collect();
    subject.ports().preferences.store(users.iter().map(|user| write(user, 1)).collect()).await.unwrap();
    commit_something(&*subject.ports().log).await;
    assert!(subject.ports().preferences.recent(5000).await.unwrap().len() <= 128, "written ones leave");
    subject.reopen().await;
    let store = &subject.ports().preferences;
    assert!(store.load(&users).await.unwrap().iter().all(Option::is_some));
    assert!(store.recent(5000).await.unwrap().len() <= 128);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_writes_beside_evictions_and_commits_never_go_back() {
    let subject = Embedded::with(|config| config.preferences.cached_max = 1);
    let users: Vec<UserId> = (0..8).map(|_| new_user()).collect();
    let (store, log, upkeep) = (
        subject.ports().preferences.clone(),
        subject.ports().log.clone(),
        subject.backends().data_dir.as_ref().unwrap().upkeep.clone(),
    );
    let evicting = tokio::spawn(async move {
        for _ in 0..100 {
            commit_something(&*log).await;
            upkeep.run_once().await.unwrap();
        }
    });
    let mut offset = 0;
    while !evicting.is_finished() {
        offset += 1;
        let outcomes = store.store(users.iter().map(|user| write(user, offset)).collect()).await.unwrap();
        assert_eq!(outcomes, [StoreOutcome::Stored; 8]);
        tokio::task::yield_now().await;
        for state in store.load(&users).await.unwrap() {
            assert_eq!(state.unwrap().action_count, offset);
        }
    }
    evicting.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_shopper_does_not_come_back_by_a_commit_or_a_read_at_the_same_time() {
    let mut subject = Embedded::fresh();
    let users: Vec<UserId> = (0..200).map(|_| new_user()).collect();
    let (store, log) = (subject.ports().preferences.clone(), subject.ports().log.clone());
    let committing = tokio::spawn(async move {
        for _ in 0..100 {
            commit_something(&*log).await;
        }
    });
    for user in &users {
        store.store(vec![write(user, 1)]).await.unwrap();
        let (reading, reader) = (store.clone(), user.clone());
        let read = tokio::spawn(async move { reading.load(&[reader]).await.unwrap() });
        tokio::task::yield_now().await;
        store.erase(user, erasure(0, None)).await.unwrap();
        read.await.unwrap();
        assert_eq!(store.load(std::slice::from_ref(user)).await.unwrap(), [None]);
    }
    committing.await.unwrap();
    drop(store);
    subject.reopen().await;
    assert!(subject.ports().preferences.load(&users).await.unwrap().iter().all(Option::is_none));
}

#[tokio::test]
async fn documents_are_counted_exactly() {
    let mut subject = Embedded::fresh();
    let (gone, stays, product) = (new_user(), new_user(), new_product());
    let documents: Vec<BehaviourDocument> = (0..30)
        .map(|i| {
            let user = if i < 10 { &gone } else { &stays };
            let action = action(user, ActionType::View, &product, at(0));
            BehaviourDocument { action, position: position(1, i), appended_at: at(0) }
        })
        .collect();
    let count = async |subject: &Embedded| subject.ports().behaviour.count().await.unwrap();
    assert_eq!(count(&subject).await, 0);
    for _ in 0..2 {
        subject.ports().behaviour.index(documents.clone()).await.unwrap();
        assert_eq!(count(&subject).await, 30);
    }
    subject.ports().behaviour.erase(&gone).await.unwrap();
    assert_eq!(count(&subject).await, 20);
    subject.reopen().await;
    assert_eq!(count(&subject).await, 20);
}
