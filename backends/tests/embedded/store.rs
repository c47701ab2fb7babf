//! A data directory that can be shut, opened again, and copied as a crash would leave it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rep_backends::embedded::OpenError;
use rep_backends::{Backends, ConnectConfig, ConnectError, open_data_dir};
use rep_core::contract::support::{Ports, Subject, WAIT_MAX};
use rep_core::{Clock, ModelId, Timestamp};
use tempfile::TempDir;

/// A clock that stands until it is set.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// Small bounds, so that tests meet them.
pub(crate) fn config(dir: &Path) -> ConnectConfig {
    ConnectConfig::new(dir.to_owned(), ModelId::new("contract-model").unwrap(), 16)
}

/// Opens `config`; waits while threads of stores that were just dropped still hold the directory.
pub(crate) fn open(config: &ConnectConfig, clock: &TestClock) -> Backends {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        match open_data_dir(config, Arc::new(clock.clone())) {
            Ok(backends) => return backends,
            Err(ConnectError::Open(OpenError::Locked(_))) if Instant::now() < deadline => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A clock at noon of the first of January 2026.
pub(crate) fn clock() -> TestClock {
    TestClock(Arc::new(AtomicI64::new(1_767_268_800_000)))
}

/// The ports of the suites.
pub(crate) fn ports(backends: &Backends) -> Ports {
    Ports {
        log: Arc::clone(&backends.log),
        behaviour: Arc::clone(&backends.behaviour),
        preferences: Arc::clone(&backends.preferences),
        popularity: Arc::clone(&backends.popularity),
        notifications: Arc::clone(&backends.notifications),
        tickets: Arc::clone(&backends.tickets),
    }
}

/// The embedded backend in a directory of its own.
pub(crate) struct Embedded {
    /// Where it lives, and what removes it in the end, if it is ours to remove.
    pub(crate) config: ConnectConfig,
    pub(crate) clock: TestClock,
    open: Option<(Backends, Ports)>,
    dir: Option<TempDir>,
}

impl Embedded {
    pub(crate) fn fresh() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(edit: impl FnOnce(&mut ConnectConfig)) -> Self {
        let dir = TempDir::new().unwrap();
        let subject = Self::in_dir(dir.path(), edit);
        Self { dir: Some(dir), ..subject }
    }

    pub(crate) fn in_dir(dir: &Path, edit: impl FnOnce(&mut ConnectConfig)) -> Self {
        let mut config = config(dir);
        edit(&mut config);
        let mut subject = Self { config, clock: clock(), open: None, dir: None };
        subject.open();
        subject
    }

    /// Drops the stores and gives their directory.
    pub(crate) fn into_dir(self) -> TempDir {
        self.dir.unwrap()
    }

    fn open(&mut self) {
        let backends = open(&self.config, &self.clock);
        let ports = ports(&backends);
        self.open = Some((backends, ports));
    }

    pub(crate) fn backends(&self) -> &Backends {
        &self.open.as_ref().unwrap().0
    }

    /// Drops the stores, changes the configuration, and opens them again.
    pub(crate) fn reopen_with(&mut self, edit: impl FnOnce(&mut ConnectConfig)) {
        self.open = None;
        edit(&mut self.config);
        self.open();
    }

    /// The directory as a kill at this moment would leave it, opened.
    pub(crate) fn crashed_copy(&self) -> Self {
        let dir = TempDir::new().unwrap();
        copy(&self.config.data_dir, dir.path());
        let config = ConnectConfig { data_dir: dir.path().to_owned(), ..self.config.clone() };
        let mut copy = Self { config, clock: self.clock.clone(), open: None, dir: Some(dir) };
        copy.open();
        copy
    }
}

#[async_trait]
impl Subject for Embedded {
    fn ports(&self) -> &Ports {
        &self.open.as_ref().unwrap().1
    }

    async fn reopen(&mut self) {
        self.reopen_with(|_| {});
    }
}

/// Copies a directory.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
