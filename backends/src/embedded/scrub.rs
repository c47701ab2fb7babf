//! What was erased leaves the files, too.
//!
//! The engine keeps what was removed: in tables until they are compacted, and in its journal until that is full and all
//! tables behind it are written. Both are brought about here, some time after an erasure. A file notes that it is due, so
//! that a crash does not forget it.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rep_core::ports::{StoreError, StoreErrorKind};

use super::db::Db;
use super::error::{store_error, unavailable};

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
    let databases = db.databases();
    let journals = (databases.len() * JOURNAL_BYTES) as u64;
    db.check_room(databases.iter().map(largest).max().unwrap_or(0) + journals)?;
    // What is erased from here on makes another scrub due.
    if dir.join(DUE).exists() {
        std::fs::rename(dir.join(DUE), dir.join(RUNNING)).map_err(unavailable)?;
    }
    for database in &databases {
        scrub(database)?;
    }
    std::fs::remove_file(dir.join(RUNNING)).map_err(unavailable)
}

/// Bytes of the largest keyspace that is rewritten.
fn largest(database: &Database) -> u64 {
    let all = keyspaces(database).unwrap_or_default();
    all.iter().filter(|keyspace| is_rewritten(keyspace)).map(Keyspace::disk_space).max().unwrap_or(0)
}

fn keyspaces(database: &Database) -> Result<Vec<Keyspace>, StoreError> {
    let names = database.list_keyspace_names().into_iter();
    names.map(|name| database.keyspace(&name, KeyspaceCreateOptions::default).map_err(store_error)).collect()
}

fn scrub(database: &Database) -> Result<(), StoreError> {
    let all = keyspaces(database)?;
    for keyspace in &all {
        if is_rewritten(keyspace) {
            keyspace.rotate_memtable_and_wait().map_err(store_error)?;
            keyspace.major_compact().map_err(store_error)?;
        }
    }
    renew_journal(database, &all)
}

fn is_rewritten(keyspace: &Keyspace) -> bool {
    let name: &str = keyspace.name();
    OF_PERSONS.contains(&name) && (name != LOG || keyspace.disk_space() <= LOG_BYTES_MAX)
}

/// Fills the journal until a new one begins, then writes the tables of all keyspaces, so that the old one goes.
fn renew_journal(database: &Database, all: &[Keyspace]) -> Result<(), StoreError> {
    let filler = database.keyspace(FILLER, KeyspaceCreateOptions::default).map_err(store_error)?;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for _ in 0..JOURNAL_BYTES.div_ceil(FILLER_BYTES) {
        let mut batch = database.batch().durability(Some(PersistMode::Buffer));
        batch.insert(&filler, "filler", noise.bytes(FILLER_BYTES));
        batch.commit().map_err(store_error)?;
    }
    for _ in 0..ATTEMPTS_MAX {
        filler.insert("filler", "").map_err(store_error)?;
        filler.rotate_memtable_and_wait().map_err(store_error)?;
        for keyspace in all {
            keyspace.rotate_memtable_and_wait().map_err(store_error)?;
        }
        if database.journal_count() == 1 {
            filler.clear().map_err(store_error)?;
            return Ok(());
        }
    }
    Err(StoreError::new(
        StoreErrorKind::Unavailable,
        "old journals are still in use; scrubbing is tried again",
    ))
}

/// Bytes that no compression shortens. Source: xorshift64*, Vigna 2016.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            bytes.extend(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        bytes
    }
}
