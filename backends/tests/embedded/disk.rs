//! Directories that are in use, damaged, or nearly full.

use std::sync::Arc;
use std::time::Duration;

use rep_backends::embedded::OpenError;
use rep_backends::{ConnectError, SystemClock, open_data_dir};
use rep_core::contract::support::{Subject, action, at, erasure, new_product, new_user, position};
use rep_core::ports::StoreErrorKind;
use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::{ActionType, NotificationSettings, Topic};
use tempfile::TempDir;

use crate::fold::{FOREVER, GROUP, assert_folded_once, drain, fold, offsets, poll, record, whole_log};
use crate::store::{Embedded, config, copy};

#[test]
fn a_directory_in_use_is_refused_by_name() {
    let subject = Embedded::fresh();
    let Err(ConnectError::Open(error)) = open_data_dir(&subject.config, Arc::new(SystemClock)) else {
        panic!("the directory was opened twice");
    };
    assert!(matches!(&error, OpenError::Locked(path) if *path == subject.config.data_dir), "{error}");
}

/// Every file under `dir`.
fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_damaged_directory_is_refused_with_advice() {
    let subject = Embedded::fresh();
    subject.ports().log.append(Topic::UserAction, vec![record("u", "e")]).await.unwrap();
    let whole = subject.into_dir();
    let mut refused = Vec::new();
    for path in files(whole.path()) {
        let damaged = TempDir::new().unwrap();
        copy(whole.path(), damaged.path());
        let name = path.strip_prefix(whole.path()).unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        std::fs::write(damaged.path().join(name), vec![0xa5; usize::try_from(length.min(4096)).unwrap()])
            .unwrap();
        // Of a journal the part that cannot be read counts as never written.
        if let Err(error) = open_data_dir(&config(damaged.path()), Arc::new(SystemClock)) {
            let text = error.to_string();
            assert!(text.contains("cannot be read") || text.contains("cannot be opened"), "{text}");
            refused.push(name.to_owned());
        }
    }
    assert!(!refused.is_empty(), "no file of the database was missed");
}

#[test]
fn a_path_that_is_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open_data_dir(&config(file.path()), Arc::new(SystemClock)).map(drop).unwrap_err();
    assert!(matches!(error, ConnectError::Open(OpenError::Io { .. })), "{error}");
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_writes_loses_nothing_and_goes_on_reading() {
    let mut subject = Embedded::with(|config| config.popularity_half_life = FOREVER);
    let log = &subject.ports().log;
    for i in 0..50 {
        log.append(Topic::UserAction, vec![record(&format!("user-{i}"), format!("event-{i}"))])
            .await
            .unwrap();
    }
    drain(subject.ports()).await;
    subject.reopen_with(|config| config.db.disk_free_min = u64::MAX);

    let ports = subject.ports();
    let full = |kind: StoreErrorKind| assert_eq!(kind, StoreErrorKind::Full);
    full(ports.log.append(Topic::UserAction, vec![record("u", "lost")]).await.unwrap_err().kind());
    let document = BehaviourDocument {
        action: action(&new_user(), ActionType::View, &new_product(), at(0)),
        position: position(0, 0),
        appended_at: at(0),
    };
    full(ports.behaviour.index(vec![document]).await.unwrap_err().kind());
    let put = ports.notifications.put_settings(&new_user(), NotificationSettings::default()).await;
    full(put.unwrap_err().kind());
    assert_folded_once(ports).await;
    assert_eq!(whole_log(&*ports.log).await.len(), 50);

    subject.reopen_with(|config| config.db.disk_free_min = 0);
    subject.ports().log.append(Topic::UserAction, vec![record("u", "kept")]).await.unwrap();
    drain(subject.ports()).await;
    assert_folded_once(subject.ports()).await;
    assert_eq!(whole_log(&*subject.ports().log).await.len(), 51);
}

#[tokio::test]
async fn a_commit_that_finds_the_disk_full_keeps_its_state_for_the_next() {
    let mut subject = Embedded::with(|config| config.popularity_half_life = FOREVER);
    subject.ports().log.append(Topic::UserAction, vec![record("u", "e")]).await.unwrap();
    // The documents of these records are there before the disk is full.
    drop(poll(&mut *subject.ports().log.subscribe("other", Topic::UserAction).await.unwrap(), 10).await);
    let records = whole_log(&*subject.ports().log).await;
    fold(subject.ports(), &records).await;
    subject.reopen_with(|config| config.db.disk_free_min = u64::MAX);
    let mut reader = subject.ports().log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    let records = poll(&mut *reader, 10).await;
    let error = reader.commit(&offsets(&records)).await.unwrap_err();
    assert!(error.is_retryable());
    drop(reader);
    subject.reopen_with(|config| config.db.disk_free_min = 0);
    drain(subject.ports()).await;
    assert_folded_once(subject.ports()).await;
}

#[tokio::test]
async fn a_full_disk_can_be_made_room_on() {
    let mut subject = Embedded::with(|config| config.log_retention = Duration::from_secs(60));
    for i in 0..3 {
        subject.ports().log.append(Topic::UserAction, vec![record("u", format!("event-{i}"))]).await.unwrap();
    }
    subject.reopen_with(|config| config.db.disk_free_min = u64::MAX);
    subject.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap(),
        3,
        "retention frees room, so it may write"
    );
    let user = rep_core::UserId::new("u").unwrap();
    subject.ports().preferences.erase(&user, erasure(0, None)).await.unwrap();
    subject.ports().behaviour.erase(&user).await.unwrap();
    subject.ports().notifications.erase(&user).await.unwrap();
    // Rewriting the files takes room first: it waits until there is some.
    let refused = subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Full);
    subject.reopen_with(|config| config.db.disk_free_min = 0);
    subject.backends().data_dir.as_ref().unwrap().upkeep.run_once().await.unwrap();
}
