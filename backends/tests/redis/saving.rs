//! Offsets are committed once the states that they led to are in the backup, and not before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rep_backends::saving::{Saves, SavingLog};
use rep_core::Topic;
use rep_core::contract::support::{Subject, commit_something, new_user};
use rep_core::ports::log::{EventLog, Polled};
use rep_core::ports::preferences::PreferenceStore;
use rep_core::ports::{StoreError, StoreErrorKind};

use crate::cache::state;
use crate::subject::OnRedis;

#[tokio::test]
async fn a_commit_takes_what_was_stored_to_the_backup_first() {
    let subject = OnRedis::fresh().await;
    let log = SavingLog::new(subject.log(), subject.preferences.clone());
    let user = new_user();
    subject.preferences.store(vec![state(&user, 1)]).await.unwrap();
    assert!(subject.kept.states.lock().is_empty());
    commit_something(&log).await;
    assert_eq!(subject.kept.states.lock()[&user].0, state(&user, 1).preference);
}

/// Refuses until it is told not to.
#[derive(Default)]
struct Stubborn(AtomicBool);

#[async_trait]
impl Saves for Stubborn {
    async fn save(&self) -> Result<(), StoreError> {
        match self.0.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(StoreError::new(StoreErrorKind::Unavailable, "the backup is away")),
        }
    }
}

#[tokio::test]
async fn nothing_is_committed_while_the_backup_is_away() {
    let subject = OnRedis::fresh().await;
    commit_something(&*subject.ports().log).await;
    let saves = Arc::new(Stubborn::default());
    let log = SavingLog::new(subject.log(), saves.clone());
    let mut reader = log.subscribe("group", Topic::UserAction).await.unwrap();
    let record = loop {
        if let Polled::Records(records) = reader.poll(1, Duration::from_millis(100)).await.unwrap()
            && let Some(record) = records.into_iter().next()
        {
            break record.position;
        }
    };
    let committed = async || {
        let offsets = log.offsets(Topic::UserAction, "group").await.unwrap();
        offsets[record.partition as usize].committed
    };
    let offsets = [(record.partition, record.offset + 1)];
    assert_eq!(reader.commit(&offsets).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(committed().await, None);
    saves.0.store(true, Ordering::SeqCst);
    reader.commit(&offsets).await.unwrap();
    assert_eq!(committed().await, Some(record.offset + 1));
}
