//! What was erased leaves the files, too.
//!
//! The engine keeps what was removed: in tables until they are compacted, and in its journal until that is full and all
//! tables behind it are written. Both are brought about here, some time after an erasure. A file notes that it is due, so
//! that a crash does not forget it.

use std::path::Path;

use fjall::Keyspace;
use rep_core::ports::{StoreError, StoreErrorKind};

use super::db::Db;
use super::error::{store_error, unavailable};
use crate::index::random::SplitMix;

/// Notes that a scrub is due.
const DUE: &str = "scrub-due";
/// Notes that one is under way, or was when the process ended.
const RUNNING: &str = "scrub-running";
/// Keyspaces that may tell of a person.
const OF_PERSONS: [&str; 9] = [
    "preferences",
    "notifications",
    "notifications_unlisted",
    "inboxes",
    "notification_settings",
    "behaviour",
    "interest",
    "interest_newest",
    LOG,
];
const LOG: &str = "log";
/// Size in bytes up to which the log is rewritten so that what its retention removed leaves the files at once; beyond, it
/// leaves them as the engine compacts.
const LOG_BYTES_MAX: u64 = 4 << 30;
/// The engine begins a new journal when one is longer than 64,000,000 bytes and a table is written.
const JOURNAL_BYTES: usize = 65 << 20;
const FILLER: &str = "filler";
const FILLER_BYTES: usize = 1 << 20;
/// Attempts at a new journal: others write beside.
const ATTEMPTS_MAX: usize = 8;

/// Notes that something was erased in the data directory `dir`.
pub(crate) fn note(dir: &Path) -> Result<(), StoreError> {
    std::fs::File::create(dir.join(DUE)).and_then(|file| file.sync_all()).map_err(unavailable)
}

/// Whether something was erased in `dir` that may still be in its files.
pub(crate) fn is_due(dir: &Path) -> bool {
    dir.join(DUE).exists() || dir.join(RUNNING).exists()
}

/// Rewrites the files of `db` and its companions without what was erased. Blocks, and writes as much as the stores of
/// persons hold.
pub(crate) fn run(db: &Db) -> Result<(), StoreError> {
    let dir = db.path();
    // The engine must not meet a full disk.
    let databases = db.with_companions();
    let mut bytes = 0;
    for db in &databases {
        bytes = largest(db)?.max(bytes);
    }
    db.check_room(bytes + (databases.len() * JOURNAL_BYTES) as u64)?;
    // What is erased from here on makes another scrub due.
    if dir.join(DUE).exists() {
        std::fs::rename(dir.join(DUE), dir.join(RUNNING)).map_err(unavailable)?;
    }
    databases.iter().try_for_each(scrub)?;
    std::fs::remove_file(dir.join(RUNNING)).map_err(unavailable)
}

/// Bytes of the largest keyspace that is rewritten.
fn largest(db: &Db) -> Result<u64, StoreError> {
    let all = db.keyspaces()?;
    Ok(all.iter().filter(|keyspace| is_rewritten(keyspace)).map(Keyspace::disk_space).max().unwrap_or(0))
}

fn scrub(db: &Db) -> Result<(), StoreError> {
    let all = db.keyspaces()?;
    for keyspace in all.iter().filter(|keyspace| is_rewritten(keyspace)) {
        keyspace.rotate_memtable_and_wait().map_err(store_error)?;
        keyspace.major_compact().map_err(store_error)?;
    }
    renew_journal(db, &all)
}

fn is_rewritten(keyspace: &Keyspace) -> bool {
    let name: &str = keyspace.name();
    OF_PERSONS.contains(&name) && (name != LOG || keyspace.disk_space() <= LOG_BYTES_MAX)
}

/// Fills the journal until a new one begins, then writes the tables of all keyspaces, so that the old one goes.
fn renew_journal(db: &Db, all: &[Keyspace]) -> Result<(), StoreError> {
    let filler = db.keyspace(FILLER)?;
    // Bytes that no compression shortens.
    let mut noise = SplitMix::new(0);
    for _ in 0..JOURNAL_BYTES.div_ceil(FILLER_BYTES) {
        let mut batch = db.batch();
        let bytes: Vec<u8> = (0..FILLER_BYTES / 8).flat_map(|_| noise.next().to_le_bytes()).collect();
        batch.insert(&filler, "filler", bytes);
        db.write(batch)?;
    }
    for _ in 0..ATTEMPTS_MAX {
        filler.insert("filler", "").map_err(store_error)?;
        filler.rotate_memtable_and_wait().map_err(store_error)?;
        for keyspace in all {
            keyspace.rotate_memtable_and_wait().map_err(store_error)?;
        }
        if db.journal_count() == 1 {
            filler.clear().map_err(store_error)?;
            return Ok(());
        }
    }
    Err(StoreError::new(
        StoreErrorKind::Unavailable,
        "old journals are still in use; scrubbing is tried again",
    ))
}
