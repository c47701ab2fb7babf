//! `rep indices switch`: from one model to another, at once.
//!
//! The new index is filled beside the one in use until little is left to carry over; then the old one takes no more
//! writes, the rest is carried over, and the alias moves in one step. Whatever is done is found done by the next run.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::HumanCount;
use rep_backends::SystemClock;
use rep_backends::elasticsearch::{CopyReport, ElasticsearchCatalog, IndexKind, Remedy, Served};
use rep_consumers::catalog_embedder::{CatalogEmbedderConfig, CatalogEmbedderDeps, CatalogEmbedderRole};
use rep_core::ports::catalog::Catalog as _;
use rep_core::ports::embedder::Embedder;
use tokio_util::sync::CancellationToken;

use super::filling::Filling;
use super::indices::Place;
use crate::client::print_line;
use crate::model;

const KIND: IndexKind = IndexKind::Product;
/// Products that a round may have copied or embedded for the next to be short: they are embedded in about a second.
const LITTLE: u64 = 100;
/// Rounds before writes are stopped, whatever is still written meanwhile.
const ROUNDS_MAX: usize = 5;
/// Products of one call to the model: nobody else waits for it.
const BATCH: usize = 32;
/// Longest time that the model or Elasticsearch may be away while products are embedded.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at how far embedding is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A change of the model, under way.
pub(super) struct Switch {
    place: Place,
    /// Whether products take no writes because of it.
    frozen: AtomicBool,
}

impl Switch {
    pub(super) fn new(place: Place) -> Self {
        Self { place, frozen: AtomicBool::new(false) }
    }

    /// Runs it until it is done, fails, or is interrupted.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let served = self.place.indices.served(KIND).await?;
        let served = served.context("there are no indices yet; `rep indices apply` makes them")?;
        if served.is_wanted {
            return already(&served);
        }
        self.frozen.store(served.is_frozen, Ordering::Relaxed);
        let done = tokio::select! {
            done = self.all(&served) => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("it was interrupted")),
        };
        done.map(|()| ExitCode::SUCCESS).with_context(|| {
            if self.frozen.load(Ordering::Relaxed) {
                "the switch broke off and products take no writes: run it again to finish, or `rep indices switch \
                 --undo` to let them be written again"
            } else {
                "the switch broke off; the model in use stays, and running it again goes on"
            }
        })
    }

    async fn all(&self, served: &Served) -> anyhow::Result<()> {
        let indices = &self.place.indices;
        self.make().await?;
        let manifest = self.place.model.manifest();
        print_line(format!(
            "from {} to `{}` ({} wide), beside index `{}`",
            named(served),
            manifest.id,
            manifest.dimensions,
            served.index
        ))?;
        let embedder = self.load().await?;
        let old = ElasticsearchCatalog::of(self.place.client.clone(), served);
        let new = ElasticsearchCatalog::new(self.place.client.clone(), &manifest.id, manifest.dimensions);
        let new = Arc::new(new);
        let mut before = u64::MAX;
        for _ in 0..ROUNDS_MAX {
            let work = self.carry_over(&old, &new, &embedder).await?;
            // What is written meanwhile may be as much as is carried over meanwhile.
            if work <= LITTLE || work >= before {
                break;
            }
            before = work;
        }
        let frozen_at = Instant::now();
        self.frozen.store(true, Ordering::Relaxed);
        indices.freeze(KIND).await?;
        self.carry_over(&old, &new, &embedder).await?;
        let left = new.unembedded(1).await?;
        indices.switch(KIND).await?;
        self.frozen.store(false, Ordering::Relaxed);
        let refused = frozen_at.elapsed();
        self.tell(served, refused, !left.is_empty())
    }

    /// Makes the index of the new model, or lets it take writes if it was in use before.
    async fn make(&self) -> anyhow::Result<()> {
        let indices = self.place.indices.clone().only(&[KIND]);
        let applied = indices.apply().await?;
        if let Some(left) = applied.left.iter().find(|left| left.remedy() != Remedy::Switch) {
            bail!("{left}; to be mended by hand");
        }
        Ok(indices.reopen(KIND).await?)
    }

    async fn load(&self) -> anyhow::Result<Arc<dyn Embedder>> {
        let (dir, settings) = (self.place.model.clone(), self.place.settings.clone());
        let loaded = tokio::task::spawn_blocking(move || model::load(&dir, &settings)).await??;
        Ok(Arc::new(loaded))
    }

    /// Makes the products of `new` those of `old`, and embeds what has no vector; gives how many products that
    /// was work for.
    async fn carry_over(
        &self,
        old: &ElasticsearchCatalog,
        new: &Arc<ElasticsearchCatalog>,
        embedder: &Arc<dyn Embedder>,
    ) -> anyhow::Result<u64> {
        let began = Instant::now();
        let mut filling = Filling::new("copying", old.summary().await?.total);
        let mut progress = |report: &CopyReport| filling.at(report.compared as u64);
        let copied = old.copy_to(new, &mut progress).await?;
        drop(filling);
        let embedded = embed(new, embedder).await?;
        print_line(format!(
            "{} products: {} copied, {} removed, {} embedded, in {:.1} s",
            HumanCount(copied.compared as u64),
            HumanCount(copied.written as u64),
            HumanCount(copied.removed as u64),
            HumanCount(embedded),
            began.elapsed().as_secs_f64()
        ))?;
        Ok(embedded.max((copied.written + copied.removed) as u64))
    }

    fn tell(&self, old: &Served, refused: Duration, some_refused: bool) -> anyhow::Result<()> {
        if some_refused {
            print_line("the model refuses the text of some products: they are found by words only")?;
        }
        print_line(format!(
            "switched to `{}`; products took no writes for {:.1} s{}, and take none of roles that still run with {}",
            self.place.model.manifest().id,
            refused.as_secs_f64(),
            if old.is_frozen { " in this run, and since an earlier one" } else { "" },
            named(old),
        ))?;
        print_line(format!(
            "index `{}` can be removed once no role uses it and none is to go back: DELETE /{}",
            old.index, old.index
        ))?;
        Ok(())
    }
}

/// Embeds what has no vector; gives how many products.
async fn embed(catalog: &Arc<ElasticsearchCatalog>, embedder: &Arc<dyn Embedder>) -> anyhow::Result<u64> {
    let deps = CatalogEmbedderDeps {
        catalog: Arc::clone(catalog) as Arc<_>,
        embedder: Arc::clone(embedder),
        // Nobody sees this index yet.
        popularity: None,
        clock: Arc::new(SystemClock),
    };
    let config = CatalogEmbedderConfig {
        batch: BATCH,
        // Once is enough: a text that is refused now is refused later.
        refused_for: Duration::from_secs(24 * 3600),
        ..CatalogEmbedderConfig::default()
    };
    let summary = catalog.summary().await?;
    let mut filling = Filling::new("embedding", summary.total.saturating_sub(summary.embedded));
    let role = CatalogEmbedderRole::new(deps, config);
    let stats = role.stats();
    let embedding = role.run_until_embedded(CancellationToken::new());
    tokio::pin!(embedding);
    let mut went_on = Instant::now();
    loop {
        tokio::select! {
            done = &mut embedding => return Ok(done?.processed),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = stats.snapshot();
        filling.at(now.processed);
        if now.paused == 0 {
            went_on = Instant::now();
        } else if went_on.elapsed() > AWAY_MAX {
            bail!("the model or Elasticsearch has been away for {} s", AWAY_MAX.as_secs());
        }
    }
}

fn named(served: &Served) -> String {
    served.model.as_ref().map_or_else(|| "an unknown model".to_owned(), |model| format!("`{model}`"))
}

fn already(served: &Served) -> anyhow::Result<ExitCode> {
    if served.is_frozen {
        bail!(
            "products are of {} already, and take no writes: `rep indices switch --undo` lets them",
            named(served)
        );
    }
    print_line(format!("products are of {} already", named(served)))?;
    Ok(ExitCode::SUCCESS)
}

/// Gives a switch up that did not end.
pub(super) async fn undo(place: &Place) -> anyhow::Result<ExitCode> {
    let served = place.indices.served(KIND).await?.context("there are no indices; nothing to undo")?;
    if !served.is_frozen {
        bail!(
            "nothing to undo: products are of {} and take writes; `rep indices switch --model NAME` goes to another model, \
             or back to one that was in use",
            named(&served)
        );
    }
    place.indices.unfreeze(KIND).await?;
    print_line(format!("products are of {} as before, and take writes again", named(&served)))?;
    Ok(ExitCode::SUCCESS)
}
