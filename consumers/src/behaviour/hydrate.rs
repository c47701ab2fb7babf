//! The embedding of what each action was about: the product's, or that of the search query.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use futures::future::poll_immediate;
use ndarray::ArrayView1;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::{Embedder, TextKind};
use rep_core::ports::{StoreError, one_each};
use rep_core::{ActionType, ProductId, UnitVector, UserAction};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::BehaviourConfig;
use super::products::ProductVectors;
use super::triage::Admitted;
use crate::RoleContext;

/// Embeddings of a batch, and how many are missing and why.
#[derive(Default)]
pub(super) struct Hydrated {
    /// One for each action, in their order; without one the action counts, but moves no vector.
    pub(super) embeddings: Vec<Option<UnitVector>>,
    unknown_products: u64,
    unembedded_products: u64,
    unembedded_searches: u64,
}

impl Hydrated {
    /// Counts what is missing; once the batch stands, so that attempts count once.
    pub(super) fn count(&self) {
        let counts = [
            ("rep_behaviour_products_unknown_total", self.unknown_products),
            ("rep_behaviour_products_unembedded_total", self.unembedded_products),
            ("rep_behaviour_search_unembedded_total", self.unembedded_searches),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!(name).increment(count);
        }
    }
}

pub(super) struct Hydrator {
    context: RoleContext,
    catalog: Arc<dyn Catalog>,
    products: ProductVectors,
    embedder: Arc<dyn Embedder>,
    search_wait: Duration,
    search_cooldown: Duration,
    cool_until: Option<Instant>,
}

/// Vectors of search queries, by their text.
pub(super) type QueryVectors = AHashMap<String, UnitVector>;

/// Those vectors, or why there are none.
pub(super) type Answer = Result<QueryVectors, String>;

/// Vectors that were asked for.
pub(super) enum Asked {
    Answered(Answer),
    Waiting(AbortOnDropHandle<Answer>),
}

/// Distinct things in order of appearance.
struct Distinct<'a, T> {
    slots: AHashMap<&'a T, usize>,
}

impl<'a, T: std::hash::Hash + Eq + Clone> Distinct<'a, T> {
    fn of(all: impl Iterator<Item = &'a T>) -> (Self, Vec<T>) {
        let mut slots = AHashMap::new();
        let mut values = Vec::new();
        for value in all {
            slots.entry(value).or_insert_with(|| {
                values.push(value.clone());
                values.len() - 1
            });
        }
        (Self { slots }, values)
    }

    fn pick<'v, V>(&self, key: &T, values: &'v [V]) -> Option<&'v V> {
        values.get(*self.slots.get(key)?)
    }
}

/// The product whose embedding counts for `action`.
fn product_of(action: &UserAction) -> Option<&ProductId> {
    let moves = action.action_type.taste_weight() != 0.0 && action.action_type != ActionType::Search;
    action.product_id.as_ref().filter(|_| moves)
}

/// What the shopper searched for.
pub(super) fn query_of(action: &UserAction) -> Option<&String> {
    action.search_query.as_ref().filter(|_| action.action_type == ActionType::Search)
}

impl Hydrator {
    pub(super) fn new(
        context: RoleContext,
        catalog: Arc<dyn Catalog>,
        embedder: Arc<dyn Embedder>,
        config: &BehaviourConfig,
    ) -> Self {
        let (search_wait, search_cooldown) = (config.search_wait, config.search_cooldown);
        let products = ProductVectors::new(context.clone(), Arc::clone(&catalog), config.vectors_kept);
        Self { context, catalog, products, embedder, search_wait, search_cooldown, cool_until: None }
    }

    /// Asks for the vectors of the searches among `admitted`. Known ones are answered at once; for others the
    /// answer is awaited elsewhere, within the bound.
    pub(super) async fn ask(&mut self, admitted: &[Admitted<'_>]) -> Asked {
        let (_, queries) = Distinct::of(admitted.iter().filter_map(|a| query_of(&a.action)));
        if queries.is_empty() || self.cool_until.is_some_and(|until| Instant::now() < until) {
            return Asked::Answered(Ok(QueryVectors::default()));
        }
        let mut call = Box::pin(query_vectors(Arc::clone(&self.embedder), queries, self.search_wait));
        match poll_immediate(&mut call).await {
            Some(answer) => {
                self.note(&answer);
                Asked::Answered(answer)
            }
            None => Asked::Waiting(AbortOnDropHandle::new(tokio::spawn(call))),
        }
    }

    /// Gives each action the embedding of its product, or that of its search out of `queries`.
    pub(super) async fn hydrate(
        &self,
        admitted: &[Admitted<'_>],
        queries: &QueryVectors,
    ) -> Result<Hydrated, StoreError> {
        let actions = || admitted.iter().map(|a| &a.action);
        let (product_slots, products) = Distinct::of(actions().filter_map(product_of));
        let vectors = self.products.of(&products).await?;

        let mut hydrated = Hydrated { embeddings: Vec::with_capacity(admitted.len()), ..Hydrated::default() };
        let mut bare = Vec::new();
        for action in actions() {
            let embedding = if let Some(query) = query_of(action) {
                let vector = queries.get(query).cloned();
                hydrated.unembedded_searches += u64::from(vector.is_none());
                vector
            } else if let Some(product) = product_of(action) {
                let vector = product_slots.pick(product, &vectors).cloned().flatten();
                if vector.is_none() {
                    bare.push(product.clone());
                }
                vector
            } else {
                None
            };
            hydrated.embeddings.push(embedding);
        }
        if !bare.is_empty() {
            let found = one_each(bare.len(), self.context.bounded(self.catalog.get(&bare)).await?)?;
            hydrated.unembedded_products = found.iter().flatten().count() as u64;
            hydrated.unknown_products = bare.len() as u64 - hydrated.unembedded_products;
        }
        Ok(hydrated)
    }

    /// Starts the cool-down after a failure, and says so.
    pub(super) fn note(&mut self, answer: &Answer) {
        if let Err(error) = answer {
            tracing::warn!(role = self.context.role(), error, "searches move no vector for now");
            self.cool_until = Some(Instant::now() + self.search_cooldown);
        }
    }
}

impl Asked {
    pub(super) fn is_answered(&self) -> bool {
        match self {
            Self::Answered(_) => true,
            Self::Waiting(task) => task.is_finished(),
        }
    }

    /// The answer, once it is there. Safe to cancel.
    pub(super) async fn answer(&mut self) -> &Answer {
        if let Self::Waiting(task) = self {
            let answer = task.await.unwrap_or_else(|error| Err(error.to_string()));
            *self = Self::Answered(answer);
        }
        match self {
            Self::Answered(answer) => answer,
            Self::Waiting(_) => unreachable!("it was answered above"),
        }
    }

    /// The vectors; none where there is no answer (yet).
    pub(super) fn vectors(&self) -> Option<&QueryVectors> {
        match self {
            Self::Answered(Ok(vectors)) => Some(vectors),
            _ => None,
        }
    }
}

/// Vectors of `queries`, or why there are none after `wait` at the latest.
async fn query_vectors(embedder: Arc<dyn Embedder>, queries: Vec<String>, wait: Duration) -> Answer {
    let rows = tokio::time::timeout(wait, embedder.embed(&queries, TextKind::Query))
        .await
        .map_err(|_| format!("no answer within {wait:?}"))?
        .map_err(|error| error.to_string())?;
    if rows.nrows() != queries.len() {
        return Err(format!("{} vectors for {} queries", rows.nrows(), queries.len()));
    }
    let vector = |row: ArrayView1<'_, f32>| UnitVector::checked(row.to_vec()).map_err(|e| e.to_string());
    queries.into_iter().zip(rows.rows()).map(|(query, row)| Ok((query, vector(row)?))).collect()
}
