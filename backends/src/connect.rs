//! The one place where a backend is chosen.

mod cluster;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rep_core::avro::Codec;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::log::EventLog;
use rep_core::ports::notifications::Notifications;
use rep_core::ports::popularity::Popularity;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::ports::tickets::Tickets;
use rep_core::{Clock, ModelId, Topic};

use crate::embedded::behaviour::{DOCUMENTS, EmbeddedBehaviour, INTERESTS};
use crate::embedded::catalog::EmbeddedCatalog;
use crate::embedded::embeddings::{EMBEDDINGS_MAX_DEFAULT, EmbeddingCache};
use crate::embedded::id_hash::IdHash;
use crate::embedded::log::EmbeddedLog;
use crate::embedded::notifications::{DELIVERED, EmbeddedNotifications};
use crate::embedded::popularity::EmbeddedPopularity;
use crate::embedded::preferences::{EmbeddedPreferences, PreferenceConfig};
use crate::embedded::tickets::EmbeddedTickets;
use crate::embedded::{Db, DbConfig, OpenError, schemas, scrub};
use crate::error::interrupted;
use crate::places::Places;

/// Which backends, and their bounds.
#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// Where they are.
    pub places: Places,
    /// Where the embedded stores live.
    pub data_dir: PathBuf,
    /// The model whose vectors are kept; others are ignored until they are made anew.
    pub model: ModelId,
    /// Width of its vectors.
    pub dimensions: usize,
    /// Bounds of the database.
    pub db: DbConfig,
    /// Bounds of the preference cache.
    pub preferences: PreferenceConfig,
    /// Age at which an action counts half for popularity.
    pub popularity_half_life: Duration,
    /// How long records of the log are kept.
    pub log_retention: Duration,
    /// Least time between two rewritings of files that hold what was erased: each writes as much as there is.
    pub scrub_pause: Duration,
    /// Vectors of texts that are kept on disk.
    pub embeddings_max: usize,
}

impl ConnectConfig {
    /// Defaults for a data directory and a model: half-life of 6 h, log kept for 7 days.
    pub fn new(data_dir: PathBuf, model: ModelId, dimensions: usize) -> Self {
        Self {
            places: Places::default(),
            data_dir,
            model,
            dimensions,
            db: DbConfig::default(),
            preferences: PreferenceConfig::default(),
            popularity_half_life: rep_core::HALF_LIFE_DEFAULT,
            log_retention: Duration::from_secs(7 * 24 * 3600),
            scrub_pause: Duration::from_secs(3600),
            embeddings_max: EMBEDDINGS_MAX_DEFAULT,
        }
    }
}

/// Why the backends are not there.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine gave up over what is in it.
    #[error("the storage engine gave up: {0}")]
    Engine(String),
    /// An address that no backend has.
    #[error("`{key}`: {reason}")]
    Address {
        /// Whose.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The stores are in one process, and another asks for them.
    #[error(
        "`embedded:` stores are one process's own, `rep up`; several processes need servers: `log`, `registry`, `search` and `preferences`"
    )]
    NotShared,
    /// A server cannot be used, or not yet.
    #[error("`{key}` at {place}: {source}")]
    Server {
        /// Which of the addresses.
        key: &'static str,
        /// The address, without a login.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// A store cannot be used.
    #[error("store `{store}` cannot be opened: {source}")]
    Store {
        /// Which.
        store: &'static str,
        /// Why.
        source: StoreError,
    },
}

/// Every port, kept.
#[derive(Clone)]
pub struct Backends {
    /// What keeps them, in one word for people.
    pub mode: &'static str,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Products.
    pub catalog: Arc<dyn Catalog>,
    /// Actions as documents.
    pub behaviour: Arc<dyn BehaviourStore>,
    /// Preference vectors.
    pub preferences: Arc<dyn PreferenceStore>,
    /// What is popular.
    pub popularity: Arc<dyn Popularity>,
    /// Inboxes.
    pub notifications: Arc<dyn Notifications>,
    /// What opens streams.
    pub tickets: Arc<dyn Tickets>,
    /// Events on the wire, with the registry's ids.
    pub codec: Codec,
    /// What a data directory has besides.
    pub data_dir: Option<DataDir>,
}

/// What a data directory has besides the ports.
#[derive(Clone)]
pub struct DataDir {
    /// Texts embedded before.
    pub embeddings: EmbeddingCache,
    /// What must be done from time to time.
    pub upkeep: Upkeep,
}

impl ConnectError {
    /// Whether the same call may succeed later: a server is away, or lacks what an operator makes there.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Server { source, .. } if source.is_retryable())
    }
}

/// Connects the backends where the configuration puts them: the one place that asks which they are.
///
/// Waits for servers that are away, or lack what an operator makes there, for as long as it takes; each attempt tells
/// `waiting` what for.
///
/// # Errors
/// What is in the way and does not pass by itself.
pub async fn connect(
    config: &ConnectConfig,
    clock: Arc<dyn Clock>,
    waiting: &(dyn Fn(&ConnectError) + Send + Sync),
) -> Result<Backends, ConnectError> {
    if let Some(servers) = config.places.servers()? {
        return cluster::connect(config, servers, clock, waiting).await;
    }
    let config = config.clone();
    match tokio::task::spawn_blocking(move || open_data_dir(&config, clock)).await {
        Ok(opened) => opened,
        // The engine panics over some kinds of damage, where an error would do.
        Err(error) => Err(ConnectError::Engine(panicked(error))),
    }
}

/// What a task that ended so said.
fn panicked(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was stopped".to_owned() };
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Opens the embedded stores of a data directory. Blocks while it is read: seconds for a large one.
pub fn open_data_dir(config: &ConnectConfig, clock: Arc<dyn Clock>) -> Result<Backends, ConnectError> {
    let in_store = |store| move |source| ConnectError::Store { store, source };
    let db = Db::open(&config.data_dir, config.db, clock)?;
    let (documents, interests) = (db.companion("documents")?, db.companion("interest")?);
    let ids = schemas::register(&db).map_err(in_store("schemas"))?;
    let codec = Codec::new(&ids).map_err(|error| ConnectError::Store {
        store: "schemas",
        source: StoreError::new(rep_core::ports::StoreErrorKind::Corrupt, error),
    })?;
    let log = Arc::new(EmbeddedLog::open(&db).map_err(in_store("log"))?);
    let preferences = Arc::new(
        EmbeddedPreferences::open(&db, config.model.clone(), config.preferences)
            .map_err(in_store("preferences"))?,
    );
    let catalog =
        EmbeddedCatalog::open(&db, config.model.clone(), config.dimensions).map_err(in_store("catalog"))?;
    let popularity =
        EmbeddedPopularity::open(&db, config.popularity_half_life).map_err(in_store("popularity"))?;
    let hash = id_hash(&db, &documents, &interests).map_err(in_store("hash of ids"))?;
    Ok(Backends {
        mode: "embedded",
        log: Arc::clone(&log) as Arc<dyn EventLog>,
        catalog: Arc::new(catalog),
        behaviour: Arc::new(
            EmbeddedBehaviour::open(&documents, &interests, hash).map_err(in_store("behaviour"))?,
        ),
        preferences: Arc::clone(&preferences) as Arc<dyn PreferenceStore>,
        popularity: Arc::new(popularity),
        notifications: Arc::new(EmbeddedNotifications::open(&db, hash).map_err(in_store("notifications"))?),
        tickets: Arc::new(EmbeddedTickets::default()),
        codec,
        data_dir: Some(DataDir {
            embeddings: EmbeddingCache::open(&db, config.embeddings_max).map_err(in_store("embeddings"))?,
            upkeep: Upkeep {
                db,
                log,
                preferences,
                retention: config.log_retention,
                scrub_pause: config.scrub_pause,
                scrubbed: Arc::default(),
            },
        }),
    })
}

fn id_hash(db: &Db, documents: &Db, interests: &Db) -> Result<IdHash, StoreError> {
    let hashed = [documents.keyspace(DOCUMENTS)?, interests.keyspace(INTERESTS)?, db.keyspace(DELIVERED)?];
    IdHash::open(db, &hashed.each_ref())
}

/// Work of the embedded stores that no request asks for.
#[derive(Clone)]
pub struct Upkeep {
    db: Db,
    log: Arc<EmbeddedLog>,
    preferences: Arc<EmbeddedPreferences>,
    retention: Duration,
    scrub_pause: Duration,
    /// When files were scrubbed last.
    scrubbed: Arc<Mutex<Option<Instant>>>,
}

impl Upkeep {
    /// Removes what is past its retention, and from the files what was erased; to be called about once a minute. Gives
    /// how many records of the log went.
    pub async fn run_once(&self) -> Result<u64, StoreError> {
        let now = self.db.now();
        self.preferences.sweep(now);
        let mut removed = 0;
        for topic in Topic::ALL {
            removed += self.log.remove_before(topic, now.minus(self.retention)).await?;
        }
        self.scrub().await?;
        Ok(removed)
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        let is_over = self.scrubbed.lock().is_none_or(|last| last.elapsed() >= self.scrub_pause);
        if !is_over || !scrub::is_due(self.db.path()) {
            return Ok(());
        }
        let (db, began) = (self.db.clone(), Instant::now());
        tokio::task::spawn_blocking(move || scrub::run(&db)).await.map_err(interrupted)??;
        *self.scrubbed.lock() = Some(Instant::now());
        tracing::info!(seconds = began.elapsed().as_secs_f64(), "what was erased has left the files");
        Ok(())
    }

    /// Bytes of the data directory.
    pub fn disk_bytes(&self) -> u64 {
        self.db.disk_bytes()
    }
}
