//! Products that are acted on before they have a vector: embedded at once, ahead of the backlog.
//!
//! An embedding goes on after its actions stopped waiting for it, and is written to the catalogue when it is there: the
//! product is then found by meaning, and the backlog passes it over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ahash::AHashMap;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, join_all};
use parking_lot::Mutex;
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::ports::embedder::{EmbedError, Embedder, Passage, Urgency, embed_passages};
use rep_core::{Product, ProductId, UnitVector};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::BehaviourConfig;
use crate::RoleContext;

/// Products that are being embedded at once, over all micro-batches; with more, the oldest are left to the backlog:
/// by then their actions wait no longer.
const UNDER_WAY_MAX: usize = 32;
/// Products of one call to the model, so that none waits for another; the model makes batches of calls.
const CALL_PRODUCTS: usize = 1;
/// A call that fails sooner says that the model takes none now.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// Longest wait for one call. Actions wait less.
const CALL_MAX: Duration = Duration::from_secs(30);

/// Vectors of products, by their ids.
pub(super) type ProductVectors = AHashMap<ProductId, UnitVector>;

/// The vectors of one call, once they are there; `None` if it failed.
type Call = Shared<BoxFuture<'static, Option<Arc<ProductVectors>>>>;

/// What embeds products at once; dropping it drops what is under way.
pub(super) struct Urgent {
    shared: Arc<Work>,
    at_once_max: usize,
    cooldown: Duration,
    cool_until: Option<Instant>,
    tasks: JoinSet<()>,
    /// The tasks, oldest first, each with the number of its products.
    oldest: VecDeque<(AbortHandle, usize)>,
}

struct Work {
    context: RoleContext,
    catalog: Arc<dyn Catalog>,
    embedder: Arc<dyn Embedder>,
    under_way: Mutex<AHashMap<ProductId, Call>>,
    /// The model failed since this was last looked at.
    failed: AtomicBool,
}

/// Vectors that are on their way, for actions to wait for.
#[derive(Default)]
pub(super) struct Coming {
    /// Each with the products that are waited for in it.
    calls: Vec<(Call, Vec<ProductId>)>,
}

impl Coming {
    /// The products whose vectors are on their way.
    pub(super) fn products(&self) -> impl Iterator<Item = &ProductId> {
        self.calls.iter().flat_map(|(_, products)| products)
    }

    /// Those that are there after `wait` at the latest.
    pub(super) async fn within(self, wait: Duration) -> ProductVectors {
        let until = Instant::now() + wait;
        let answers = join_all(self.calls.into_iter().map(async |(call, products)| {
            let asked = products.len();
            let mut there = ProductVectors::default();
            let missing = match tokio::time::timeout_at(until, call).await {
                Ok(Some(vectors)) => {
                    let found = products.into_iter().filter_map(|id| vectors.get_key_value(&id));
                    there.extend(found.map(|(id, vector)| (id.clone(), vector.clone())));
                    "refused"
                }
                Ok(None) => "failed",
                Err(_) => "late",
            };
            count("embedded", there.len());
            count(missing, asked - there.len());
            there
        }));
        answers.await.into_iter().flatten().collect()
    }
}

/// Counts what became of products that actions would have waited for.
fn count(outcome: &'static str, products: usize) {
    if products > 0 {
        metrics::counter!("rep_behaviour_products_urgent_total", "outcome" => outcome)
            .increment(products as u64);
    }
}

impl Urgent {
    pub(super) fn new(
        context: RoleContext,
        catalog: Arc<dyn Catalog>,
        embedder: Arc<dyn Embedder>,
        config: &BehaviourConfig,
    ) -> Self {
        let (under_way, failed) = (Mutex::default(), AtomicBool::new(false));
        Self {
            shared: Arc::new(Work { context, catalog, embedder, under_way, failed }),
            at_once_max: config.products_at_once,
            cooldown: config.search_cooldown,
            cool_until: None,
            tasks: JoinSet::new(),
            oldest: VecDeque::new(),
        }
    }

    /// Begins to embed `products`, as far as the bounds allow; gives what comes of it and of what was begun before.
    pub(super) fn begin(&mut self, products: Vec<Arc<Product>>) -> Coming {
        while self.tasks.try_join_next().is_some() {}
        let mut coming = Coming::default();
        let mut new = Vec::new();
        {
            let under_way = self.shared.under_way.lock();
            for product in products {
                match under_way.get(&product.product_id) {
                    Some(call) => coming.calls.push((call.clone(), vec![product.product_id.clone()])),
                    None => new.push(product),
                }
            }
            let allowed = self.at_once_max.min(UNDER_WAY_MAX);
            count("skipped", new.len().saturating_sub(allowed));
            new.truncate(allowed);
        }
        if self.is_cooling() {
            count("cooling", new.len());
            return coming;
        }
        self.make_room(new.len());
        for products in new.chunks(CALL_PRODUCTS) {
            let ids: Vec<ProductId> = products.iter().map(|product| product.product_id.clone()).collect();
            coming.calls.push((self.call(products.to_vec(), ids.clone()), ids));
        }
        coming
    }

    /// Gives up the oldest calls until `products` more are within the bound.
    fn make_room(&mut self, products: usize) {
        self.oldest.retain(|(task, _)| !task.is_finished());
        let mut under_way: usize = self.oldest.iter().map(|(_, products)| products).sum();
        while under_way + products > UNDER_WAY_MAX {
            let Some((task, given_up)) = self.oldest.pop_front() else { return };
            task.abort();
            under_way -= given_up;
            count("overtaken", given_up);
        }
    }

    /// Whether the model failed a short while ago.
    fn is_cooling(&mut self) -> bool {
        let now = Instant::now();
        if self.shared.failed.swap(false, Ordering::Relaxed) {
            self.cool_until = Some(now + self.cooldown);
        }
        self.cool_until.is_some_and(|until| now < until)
    }

    fn call(&mut self, products: Vec<Arc<Product>>, ids: Vec<ProductId>) -> Call {
        let (sender, receiver) = oneshot::channel();
        let call = receiver.map(Result::ok).boxed().shared();
        let under_way = ids.iter().map(|id| (id.clone(), call.clone()));
        self.shared.under_way.lock().extend(under_way);
        let count = ids.len();
        let ended = Ended { work: Arc::clone(&self.shared), ids };
        let task = self.tasks.spawn(async move { ended.work.embed(&products, sender).await });
        self.oldest.push_back((task, count));
        call
    }
}

/// Forgets a call when its task ends, however it ends.
struct Ended {
    work: Arc<Work>,
    ids: Vec<ProductId>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut under_way = self.work.under_way.lock();
        for id in &self.ids {
            under_way.remove(id);
        }
    }
}

impl Work {
    async fn embed(&self, products: &[Arc<Product>], answer: oneshot::Sender<Arc<ProductVectors>>) {
        let role = self.context.role();
        let passages: Vec<Passage> = products.iter().map(|product| Passage::of(product)).collect();
        let begun = Instant::now();
        let writes = match self.writes(&passages).await {
            Ok(writes) => writes,
            // Newer ones went first all the time: the model is busy, not away.
            Err(error) if begun.elapsed() > REFUSED_WITHIN => {
                tracing::debug!(role, %error, "products that were acted on are left to the backlog");
                return;
            }
            Err(error) => {
                tracing::warn!(role, %error, "products that are acted on move no vector for now");
                self.failed.store(true, Ordering::Relaxed);
                return;
            }
        };
        let found = writes.iter().map(|write| (write.product_id.clone(), write.vector.clone()));
        // Nobody may wait any more.
        let _ = answer.send(Arc::new(found.collect()));
        if writes.is_empty() {
            return;
        }
        let count = writes.len() as u64;
        if let Err(error) = self.context.bounded(self.catalog.set_vectors(writes)).await {
            metrics::counter!("rep_behaviour_products_urgent_unsaved_total").increment(count);
            tracing::warn!(role, %error, "vectors of products cannot be written; the backlog makes them again");
        }
    }

    /// Those of `passages`, without what the model refuses, which is the text's fault and nobody else's.
    async fn writes(&self, passages: &[Passage]) -> Result<Vec<VectorWrite>, EmbedError> {
        match self.embedded(passages).await {
            Err(error) if !error.is_retryable() => {}
            answer => return answer,
        }
        let mut writes = Vec::new();
        if passages.len() > 1 {
            for passage in passages.chunks(1) {
                writes.extend(Box::pin(self.writes(passage)).await?);
            }
        }
        // One alone: the catalogue's embedder says so, and sets it aside.
        Ok(writes)
    }

    async fn embedded(&self, passages: &[Passage]) -> Result<Vec<VectorWrite>, EmbedError> {
        let call = embed_passages(self.embedder.as_ref(), passages, Urgency::Urgent);
        tokio::time::timeout(CALL_MAX, call)
            .await
            .map_err(|_| EmbedError::Overloaded(format!("no answer within {CALL_MAX:?}")))?
    }
}
