//! The catalogue embedder: products without a vector get one, in the background.
//!
//! Reads no topic: the catalogue itself says what is left. What shoppers see first goes first ([`seen`]). A product whose text the model refuses is set
//! aside for a while and blocks no other.

mod config;
mod progress;
mod seen;
mod work;

use std::sync::Arc;

use rep_core::Clock;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Embedder;
use rep_core::ports::popularity::Popularity;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use self::config::CatalogEmbedderConfig;
pub use self::progress::{EmbedProgress, LiveProgress};
use self::work::Worker;
use crate::{LiveStats, RoleContext, RoleError, RoleStats};

/// The role's name in metrics.
pub const ROLE: &str = "catalog-embedder";

/// What the role works with.
#[derive(Clone)]
pub struct CatalogEmbedderDeps {
    /// Products and their vectors.
    pub catalog: Arc<dyn Catalog>,
    /// The model.
    pub embedder: Arc<dyn Embedder>,
    /// What is popular, and so seen first; none where nobody looks.
    pub popularity: Option<Arc<dyn Popularity>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The one worker that embeds products.
pub struct CatalogEmbedderRole {
    deps: CatalogEmbedderDeps,
    config: CatalogEmbedderConfig,
    stats: Arc<LiveStats>,
    progress: Arc<LiveProgress>,
    nudge: Arc<Notify>,
}

impl CatalogEmbedderRole {
    /// A role that is not running yet.
    pub fn new(deps: CatalogEmbedderDeps, config: CatalogEmbedderConfig) -> Self {
        Self { deps, config, stats: Arc::default(), progress: Arc::default(), nudge: Arc::default() }
    }

    /// Its live counts: received and processed are products taken and embedded, skipped those refused.
    pub fn stats(&self) -> Arc<LiveStats> {
        Arc::clone(&self.stats)
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<LiveProgress> {
        Arc::clone(&self.progress)
    }

    /// Wakes the role from its sleep: for whoever just wrote products.
    pub fn nudge(&self) -> Arc<Notify> {
        Arc::clone(&self.nudge)
    }

    /// Runs until `shutdown`. What is not set by then is found again by the next run.
    pub async fn run(self, shutdown: CancellationToken) -> Result<RoleStats, RoleError> {
        let nudge = Arc::clone(&self.nudge);
        self.work(shutdown, async move |worker| Err(worker.run(&nudge).await)).await
    }

    /// Runs until every product has a vector or is set aside, or until `shutdown`: for whoever fills a catalogue that
    /// nobody else uses yet.
    pub async fn run_until_embedded(self, shutdown: CancellationToken) -> Result<RoleStats, RoleError> {
        self.work(shutdown, async |worker| worker.finish().await).await
    }

    async fn work(
        self,
        shutdown: CancellationToken,
        work: impl AsyncFnOnce(&mut Worker) -> Result<(), StoreError>,
    ) -> Result<RoleStats, RoleError> {
        let Self { deps, config, stats, progress, .. } = self;
        config.validate()?;
        let context = RoleContext::new(ROLE, Arc::clone(&deps.clock), Arc::clone(&stats), config.retry);
        let mut worker = Worker::new(context, deps, config, progress);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            ended = work(&mut worker) => {
                ended.map_err(|source| RoleError::Store { stage: "embed catalogue", source })?;
            }
        }
        Ok(stats.snapshot())
    }
}
