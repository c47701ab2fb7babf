use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch as WriteBatch, PersistMode};
use parking_lot::Mutex;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Timestamp};

use super::error::{OpenError, store_error};

/// Bounds of the database.
#[derive(Clone, Copy, Debug)]
pub struct DbConfig {
    /// Cache of blocks read from disk, in bytes.
    pub cache_bytes: u64,
    /// Journals kept before tables are flushed, in bytes; at least 64 MiB.
    pub journal_bytes_max: u64,
    /// Unflushed writes of one keyspace, in bytes.
    pub memtable_bytes_max: u64,
    /// Free disk space under which writes are refused, in bytes: the engine cannot go on after a failed
    /// write, so it must never meet one.
    pub disk_free_min: u64,
}

impl Default for DbConfig {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            journal_bytes_max: 512 << 20,
            memtable_bytes_max: 16 << 20,
            disk_free_min: 256 << 20,
        }
    }
}

/// The database of a data directory, locked by this process; cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<DbInner>,
}

struct DbInner {
    database: Database,
    path: PathBuf,
    config: DbConfig,
    clock: Arc<dyn Clock>,
    held: Mutex<Vec<Arc<dyn Held>>>,
    /// Synced before each checkpoint.
    companions: Mutex<Vec<Db>>,
    checkpoint: Mutex<()>,
    opened: Instant,
    /// When free space was last asked for, in milliseconds since `opened`.
    free_checked_ms: AtomicU64,
    free_bytes: AtomicU64,
}

/// State that is a fold of the log: kept in memory, written with the offsets it follows from.
pub(crate) trait Held: Send + Sync {
    /// Puts what changed into `batch`, and remembers it as being written.
    fn stage(&self, batch: &mut WriteBatch) -> Result<(), StoreError>;

    /// Says whether what was staged has been written; if not, it is still to be.
    fn settle(&self, written: bool);
}

impl Db {
    /// Opens or creates the database in `path`.
    pub fn open(path: &Path, config: DbConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_named(path, "db", config, clock)
    }

    fn open_named(
        path: &Path,
        name: &str,
        config: DbConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let database = Database::builder(path.join(name))
            .cache_size(config.cache_bytes)
            .max_journaling_size(config.journal_bytes_max.max(64 << 20))
            // With two, one of them spins while the other compacts (fjall 3.1).
            .worker_threads(1)
            .open()
            .map_err(|error| OpenError::from_engine(path.to_owned(), error))?;
        let inner = DbInner {
            database,
            path: path.to_owned(),
            config,
            clock,
            held: Mutex::default(),
            companions: Mutex::default(),
            checkpoint: Mutex::default(),
            opened: Instant::now(),
            free_checked_ms: AtomicU64::new(0),
            free_bytes: AtomicU64::new(free_bytes(path)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens or creates another database beside this one, with a journal of its own: its writes wait for no sync of
    /// this one. A checkpoint of this one syncs it first, so that nothing is committed whose effects there could be
    /// lost.
    pub(crate) fn companion(&self, name: &str) -> Result<Self, OpenError> {
        let inner = &self.inner;
        let companion = Self::open_named(&inner.path, name, inner.config, Arc::clone(&inner.clock))?;
        inner.companions.lock().push(companion.clone());
        Ok(companion)
    }

    /// Opens or creates a keyspace.
    pub(crate) fn keyspace(&self, name: &str) -> Result<Keyspace, StoreError> {
        let memtable = self.inner.config.memtable_bytes_max;
        self.inner
            .database
            .keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(memtable))
            .map_err(store_error)
    }

    /// An empty batch; hand it to [`Self::write`] or [`Self::write_synced`].
    pub(crate) fn batch(&self) -> WriteBatch {
        self.inner.database.batch()
    }

    /// Writes `batch` at once and whole. It outlives the process; after a power cut it is there only if
    /// some later synced write is.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.check_free()?;
        batch.durability(Some(PersistMode::Buffer)).commit().map_err(store_error)
    }

    /// Writes `batch` at once and whole, and syncs it to disk.
    pub(crate) fn write_synced(&self, batch: WriteBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            // The engine passes over an empty batch, and with it over the sync.
            return self.sync();
        }
        self.check_free()?;
        batch.durability(Some(PersistMode::SyncData)).commit().map_err(store_error)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.database.persist(PersistMode::SyncData).map_err(store_error)
    }

    /// Writes `batch`, which only removes, like [`Self::write_synced`], but also where the disk is nearly full:
    /// else nothing could make room there.
    pub(crate) fn write_removals(&self, batch: WriteBatch) -> Result<(), StoreError> {
        batch.durability(Some(PersistMode::SyncData)).commit().map_err(store_error)
    }

    /// Runs `work` while no checkpoint is under way: nothing is staged that is not settled.
    pub(crate) fn between_checkpoints<T>(&self, work: impl FnOnce() -> T) -> T {
        let _one = self.inner.checkpoint.lock();
        work()
    }

    /// Registers state to be written by every [`Self::checkpoint`]. It must not hold a [`Db`]: each would keep
    /// the other, and the directory its lock.
    pub(crate) fn hold(&self, held: Arc<dyn Held>) {
        self.inner.held.lock().push(held);
    }

    /// Writes what `fill` puts into a batch and all held state that changed, at once and whole, synced; the
    /// companions are synced before.
    pub(crate) fn checkpoint(&self, fill: impl FnOnce(&mut WriteBatch)) -> Result<(), StoreError> {
        // One checkpoint at a time: what is staged must be settled before it is staged again.
        let _one = self.inner.checkpoint.lock();
        for companion in self.inner.companions.lock().iter() {
            companion.sync()?;
        }
        let held = self.inner.held.lock().clone();
        let mut batch = self.batch();
        let staged = held.iter().try_for_each(|state| state.stage(&mut batch));
        fill(&mut batch);
        let result = staged.and_then(|()| self.write_synced(batch));
        for state in &held {
            state.settle(result.is_ok());
        }
        result
    }

    /// The clock this database was opened with.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    /// The present moment by the clock this database was opened with.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The data directory.
    pub(crate) fn path(&self) -> &Path {
        &self.inner.path
    }

    /// This database and those beside it.
    pub(crate) fn with_companions(&self) -> Vec<Self> {
        let beside = self.inner.companions.lock();
        std::iter::once(self).chain(beside.iter()).cloned().collect()
    }

    /// Every keyspace there is.
    pub(crate) fn keyspaces(&self) -> Result<Vec<Keyspace>, StoreError> {
        self.inner.database.list_keyspace_names().iter().map(|name| self.keyspace(name)).collect()
    }

    /// Journals that are still needed, the one written to included.
    pub(crate) fn journal_count(&self) -> usize {
        self.inner.database.journal_count()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        let companions = self.inner.companions.lock();
        let beside: u64 = companions.iter().map(Self::disk_bytes).sum();
        self.inner.database.disk_space().unwrap_or(0) + beside
    }

    /// Refuses work that writes `bytes` where the disk would be nearly full then.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let free = free_bytes(&self.inner.path);
        let needed = self.inner.config.disk_free_min.saturating_add(bytes);
        if free >= needed { Ok(()) } else { Err(self.full(free, needed)) }
    }

    fn full(&self, free: u64, needed: u64) -> StoreError {
        let message = format!(
            "only {free} bytes are free on the disk of `{}`, {needed} are needed",
            self.inner.path.display()
        );
        StoreError::new(StoreErrorKind::Full, message)
    }

    /// Refuses to write where the disk is nearly full. Asks the system at most once a second, by the
    /// machine's time: the clock may be a simulation's.
    fn check_free(&self) -> Result<(), StoreError> {
        let now = u64::try_from(self.inner.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.inner.free_checked_ms.load(Ordering::Relaxed)) >= 1000 {
            self.inner.free_checked_ms.store(now, Ordering::Relaxed);
            self.inner.free_bytes.store(free_bytes(&self.inner.path), Ordering::Relaxed);
        }
        let (free, min) = (self.inner.free_bytes.load(Ordering::Relaxed), self.inner.config.disk_free_min);
        if free >= min { Ok(()) } else { Err(self.full(free, min)) }
    }
}

/// Bytes free on the disk of `path`; all there could be if the system does not say.
fn free_bytes(path: &Path) -> u64 {
    match rustix::fs::statvfs(path) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "free disk space is unknown");
            u64::MAX
        }
    }
}
