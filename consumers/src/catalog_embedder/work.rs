//! Taking, embedding, setting.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ahash::AHashMap;
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::ports::embedder::{EmbedError, Embedder, Passage, Urgency, embed_passages};
use rep_core::ports::{StoreError, one_each};
use rep_core::{Product, ProductId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::seen::Seen;
use super::{CatalogEmbedderConfig, CatalogEmbedderDeps, LiveProgress};
use crate::{RoleContext, Tally};

/// Products of one call for what shoppers see first: an action that waits lets few go before it.
const URGENT_BATCH_MAX: usize = 4;
/// Longest wait for those before they join the backlog.
const URGENT_MAX: Duration = Duration::from_secs(1);
/// How long nothing else is tried as urgent after that.
const CROWDED_FOR: Duration = Duration::from_secs(30);
/// Longest wait for the vectors of one batch: the backlog advances slowly on a busy machine.
const EMBED_MAX: Duration = Duration::from_secs(600);

pub(super) struct Worker {
    context: RoleContext,
    catalog: Arc<dyn Catalog>,
    embedder: Arc<dyn Embedder>,
    config: CatalogEmbedderConfig,
    progress: Arc<LiveProgress>,
    refused: Refused,
    seen: Seen,
    /// Until when nothing is urgent, because urgent texts of others take all the model's time.
    crowded_until: Option<Instant>,
    counted_at: Option<Instant>,
    done_since: u64,
}

/// Texts the model refuses, until when, oldest first.
#[derive(Default)]
struct Refused {
    hashes: AHashMap<ProductId, u128>,
    order: VecDeque<(Instant, ProductId)>,
}

impl Refused {
    fn add(&mut self, passage: &Passage, until: Instant, max: usize) {
        self.hashes.insert(passage.product_id.clone(), passage.hash);
        self.order.push_back((until, passage.product_id.clone()));
        while self.order.len() > max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, product_id)) = self.order.pop_front() {
            self.hashes.remove(&product_id);
        }
    }

    fn expire(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
    }

    /// Whether this very text was refused; a changed one is tried.
    fn holds(&self, passage: &Passage) -> bool {
        self.hashes.get(&passage.product_id) == Some(&passage.hash)
    }
}

impl Worker {
    pub(super) fn new(
        context: RoleContext,
        deps: CatalogEmbedderDeps,
        config: CatalogEmbedderConfig,
        progress: Arc<LiveProgress>,
    ) -> Self {
        Self {
            seen: Seen::new(
                context.clone(),
                Arc::clone(&deps.catalog),
                deps.popularity,
                config.seen_interval,
            ),
            context,
            catalog: deps.catalog,
            embedder: deps.embedder,
            config,
            progress,
            refused: Refused::default(),
            crowded_until: None,
            counted_at: None,
            done_since: 0,
        }
    }

    /// Works until a store refuses for good; gives its error.
    pub(super) async fn run(&mut self, nudge: &Notify) -> StoreError {
        loop {
            match self.round().await {
                Err(error) => return error,
                Ok(None | Some(0)) => {
                    // A nudge while we worked is kept by `Notify`, so none is missed.
                    tokio::select! {
                        () = nudge.notified() => {}
                        () = tokio::time::sleep(self.config.idle_wait) => {}
                    }
                }
                Ok(Some(_)) => {}
            }
        }
    }

    /// Works until nothing is left, or a store refuses for good.
    pub(super) async fn finish(&mut self) -> Result<(), StoreError> {
        while self.round().await?.is_some() {}
        Ok(())
    }

    /// Works off one page; gives how many products are settled: embedded or set aside. `None` if none was left.
    async fn round(&mut self) -> Result<Option<u64>, StoreError> {
        self.refused.expire(Instant::now());
        let (mut passages, mut urgency) = (self.page().await?, Urgency::Backlog);
        if !passages.is_empty() {
            (passages, urgency) = self.seen_before(passages).await?;
        }
        let batch = match urgency {
            Urgency::Immediate | Urgency::Urgent => self.config.batch.min(URGENT_BATCH_MAX),
            Urgency::Backlog => self.config.batch,
        };
        let mut settled = 0;
        for batch in passages.chunks(batch) {
            self.context.stats().received.fetch_add(batch.len() as u64, Ordering::Relaxed);
            let (writes, refused) = self.embed(batch, urgency).await;
            settled += refused + self.set(writes).await?;
            self.count(false).await?;
        }
        self.count(passages.is_empty()).await?;
        Ok((!passages.is_empty()).then_some(settled))
    }

    /// Products without a vector that are not set aside. Those set aside stand first in the catalogue's
    /// answer as often as not, so that many more are asked for.
    async fn page(&self) -> Result<Vec<Passage>, StoreError> {
        let limit = self.config.page + self.refused.order.len();
        let mut retry = self.context.retry("unembedded");
        let products = loop {
            match self.context.bounded(self.catalog.unembedded(limit)).await {
                Ok(products) => break products,
                Err(error) => retry.after(error).await?,
            }
        };
        Ok(self.passages(&products))
    }

    /// What shoppers see before `passages`, if there is something and it is time to look; else these.
    async fn seen_before(&mut self, passages: Vec<Passage>) -> Result<(Vec<Passage>, Urgency), StoreError> {
        let mut retry = self.context.retry("seen first");
        let (products, urgency) = loop {
            match self.seen.unembedded(self.config.page).await {
                Ok(products) => break products,
                Err(error) => retry.after(error).await?,
            }
        };
        let first = self.passages(&products);
        Ok(if first.is_empty() { (passages, Urgency::Backlog) } else { (first, urgency) })
    }

    /// The passages of `products` that are not set aside, a page at most.
    fn passages(&self, products: &[Arc<Product>]) -> Vec<Passage> {
        let passages = products.iter().map(|product| Passage::of(product));
        let passages = passages.filter(|passage| !self.refused.holds(passage));
        passages.take(self.config.page).collect()
    }

    /// Embeds `batch`; halves what the model refuses until the texts at fault stand alone. Gives the vectors
    /// and how many texts were set aside.
    async fn embed(&mut self, batch: &[Passage], urgency: Urgency) -> (Vec<VectorWrite>, u64) {
        let begun = Instant::now();
        let mut writes = Vec::with_capacity(batch.len());
        let mut refused = 0;
        let mut waiting = vec![batch];
        while let Some(part) = waiting.pop() {
            match self.writes(part, urgency).await {
                Ok(made) => writes.extend(made),
                Err(_) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(error) => {
                    part.iter().for_each(|passage| self.refuse(passage, &error));
                    refused += part.len() as u64;
                }
            }
        }
        self.context.observe("embed", begun);
        (writes, refused)
    }

    /// Vectors of `part`, however long the model is away or busy; an error is final for this part.
    async fn writes(&mut self, part: &[Passage], urgency: Urgency) -> Result<Vec<VectorWrite>, EmbedError> {
        let mut retry = self.context.retry("embed");
        let crowded = self.crowded_until.is_some_and(|until| Instant::now() < until);
        let mut urgency = if crowded { Urgency::Backlog } else { urgency };
        loop {
            let call = embed_passages(self.embedder.as_ref(), part, urgency);
            let longest = if urgency == Urgency::Urgent { URGENT_MAX } else { EMBED_MAX };
            match tokio::time::timeout(longest, call).await {
                // Actions come first, and there are many of them.
                Err(_) if urgency == Urgency::Urgent => {
                    urgency = Urgency::Backlog;
                    self.crowded_until = Some(Instant::now() + CROWDED_FOR);
                }
                Ok(Err(error)) if error.is_retryable() => retry.wait(&error).await,
                Ok(answer) => return answer,
                Err(_) => retry.wait(&EmbedError::Overloaded("no answer in time".to_owned())).await,
            }
        }
    }

    fn refuse(&mut self, passage: &Passage, error: &EmbedError) {
        tracing::warn!(role = self.context.role(), product = %passage.product_id, %error, "product is set aside");
        metrics::counter!("rep_catalog_embed_refused_total").increment(1);
        self.context.stats().add(Tally { skipped: 1, ..Tally::default() });
        let until = Instant::now() + self.config.refused_for;
        self.refused.add(passage, until, self.config.refused_max);
    }

    /// Sets vectors; gives how many stand. Those whose product changed meanwhile come again.
    async fn set(&mut self, writes: Vec<VectorWrite>) -> Result<u64, StoreError> {
        if writes.is_empty() {
            return Ok(0);
        }
        let mut retry = self.context.retry("set-vectors");
        let outcomes = loop {
            let call = self.context.bounded(self.catalog.set_vectors(writes.clone())).await;
            match call.and_then(|outcomes| one_each(writes.len(), outcomes)) {
                Ok(outcomes) => break outcomes,
                Err(error) => retry.after(error).await?,
            }
        };
        let set = outcomes.into_iter().filter(|set| *set).count() as u64;
        self.done_since += set;
        self.context.stats().processed.fetch_add(set, Ordering::Relaxed);
        metrics::counter!("rep_consumer_processed_total", "role" => self.context.role()).increment(set);
        Ok(set)
    }

    /// Counts progress, once an interval or if `now`.
    async fn count(&mut self, now: bool) -> Result<(), StoreError> {
        let span = self.counted_at.map(|at| at.elapsed());
        if !now && span.is_some_and(|span| span < self.config.progress_interval) {
            return Ok(());
        }
        let mut retry = self.context.retry("summary");
        let summary = loop {
            match self.context.bounded(self.catalog.summary()).await {
                Ok(summary) => break summary,
                Err(error) => retry.after(error).await?,
            }
        };
        let done = std::mem::take(&mut self.done_since);
        let refused = self.refused.order.len();
        self.progress.update(summary.total, summary.embedded, refused, done, span.unwrap_or_default());
        self.counted_at = Some(Instant::now());
        Ok(())
    }
}
