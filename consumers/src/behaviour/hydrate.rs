//! The embedding of what each action was about: the product's, or that of the search query.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::{Catalog, CatalogEntry};
use rep_core::ports::embedder::{Embedder, TextKind};
use rep_core::{ActionType, ProductId, UnitVector, UserAction};
use tokio::time::Instant;

use super::BehaviourConfig;
use super::triage::Admitted;
use crate::RoleContext;
use crate::context::one_each;

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
    embedder: Arc<dyn Embedder>,
    search_wait: Duration,
    search_cooldown: Duration,
    cool_until: Option<Instant>,
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

fn query_of(action: &UserAction) -> Option<&String> {
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
        Self { context, catalog, embedder, search_wait, search_cooldown, cool_until: None }
    }

    pub(super) async fn hydrate(&mut self, admitted: &[Admitted<'_>]) -> Result<Hydrated, StoreError> {
        let actions = || admitted.iter().map(|a| &a.action);
        let (product_slots, products) = Distinct::of(actions().filter_map(product_of));
        let (query_slots, queries) = Distinct::of(actions().filter_map(query_of));
        let (entries, query_vectors) = tokio::join!(self.entries(&products), self.query_vectors(&queries));
        self.note(&query_vectors, queries.len());
        let (entries, query_vectors) = (entries?, query_vectors.unwrap_or_default());

        let mut hydrated = Hydrated { embeddings: Vec::with_capacity(admitted.len()), ..Hydrated::default() };
        for action in actions() {
            let embedding = if let Some(query) = query_of(action) {
                let vector = query_slots.pick(query, &query_vectors).cloned();
                hydrated.unembedded_searches += u64::from(vector.is_none());
                vector
            } else if let Some(product) = product_of(action) {
                let entry = product_slots.pick(product, &entries).and_then(Option::as_ref);
                let vector = entry.and_then(|entry| entry.vector.clone());
                hydrated.unknown_products += u64::from(entry.is_none());
                hydrated.unembedded_products += u64::from(entry.is_some() && vector.is_none());
                vector
            } else {
                None
            };
            hydrated.embeddings.push(embedding);
        }
        Ok(hydrated)
    }

    async fn entries(&self, products: &[ProductId]) -> Result<Vec<Option<CatalogEntry>>, StoreError> {
        if products.is_empty() {
            return Ok(Vec::new());
        }
        one_each(products.len(), self.context.bounded(self.catalog.get(products)).await?)
    }

    /// Vectors of `queries`, or why there are none: the stream never waits longer than the bound for them.
    async fn query_vectors(&self, queries: &[String]) -> Result<Vec<UnitVector>, String> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        if self.cool_until.is_some_and(|until| Instant::now() < until) {
            return Err(String::new());
        }
        let call = self.embedder.embed(queries, TextKind::Query);
        let rows = tokio::time::timeout(self.search_wait, call)
            .await
            .map_err(|_| format!("no answer within {:?}", self.search_wait))?
            .map_err(|error| error.to_string())?;
        if rows.nrows() != queries.len() {
            return Err(format!("{} vectors for {} queries", rows.nrows(), queries.len()));
        }
        let vector =
            |row: ndarray::ArrayView1<'_, f32>| UnitVector::checked(row.to_vec()).map_err(|e| e.to_string());
        rows.rows().into_iter().map(vector).collect()
    }

    /// Starts the cool-down after a failure, and says so once.
    fn note(&mut self, outcome: &Result<Vec<UnitVector>, String>, queries: usize) {
        match outcome {
            Err(error) if !error.is_empty() => {
                tracing::warn!(role = self.context.role(), error, queries, "searches move no vector for now");
                self.cool_until = Some(Instant::now() + self.search_cooldown);
            }
            _ => {}
        }
    }
}
