//! The embedding of what each action was about: the product's, or that of the search query.

use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use futures::future::{join, poll_immediate};
use ndarray::ArrayView1;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::{Embedder, TextKind, Urgency};
use rep_core::ports::{StoreError, one_each};
use rep_core::{ActionType, Product, ProductId, UnitVector, UserAction, awaited_product as product_of};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::BehaviourConfig;
use super::products::KeptVectors;
use super::triage::Admitted;
use super::urgent::{Coming, ProductVectors, Urgent};
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

/// What the catalogue has of the products that actions are about.
#[derive(Default)]
pub(super) struct Found {
    vectors: ProductVectors,
    /// Those without a vector that are there.
    bare: AHashMap<ProductId, Arc<Product>>,
}

pub(super) struct Hydrator {
    context: RoleContext,
    catalog: Arc<dyn Catalog>,
    products: KeptVectors,
    urgent: Urgent,
    embedder: Arc<dyn Embedder>,
    search_wait: Duration,
    product_wait: Duration,
    search_cooldown: Duration,
    cool_until: Option<Instant>,
}

/// Vectors of search queries, by their text.
type QueryVectors = AHashMap<String, UnitVector>;

/// What the model made of what it was asked.
#[derive(Default)]
pub(super) struct Answer {
    queries: QueryVectors,
    /// Why there are none.
    queries_failed: Option<String>,
    products: ProductVectors,
}

/// Vectors that were asked for.
pub(super) struct Asked {
    answer: Awaited,
    searches: bool,
    /// Products whose vectors are on their way.
    products: AHashSet<ProductId>,
}

enum Awaited {
    There(Answer),
    Waiting(AbortOnDropHandle<Answer>),
}

/// Each of `all` once, in order of appearance.
pub(super) fn distinct<'a, T: std::hash::Hash + Eq + Clone + 'a>(all: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut seen = AHashSet::new();
    all.filter(|value| seen.insert(*value)).cloned().collect()
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
        let products = KeptVectors::new(context.clone(), Arc::clone(&catalog), config.vectors_kept);
        let urgent = Urgent::new(context.clone(), Arc::clone(&catalog), Arc::clone(&embedder), config);
        Self {
            context,
            catalog,
            products,
            urgent,
            embedder,
            search_wait: config.search_wait,
            product_wait: config.product_wait,
            search_cooldown: config.search_cooldown,
            cool_until: None,
        }
    }

    /// Looks up what `admitted` are about.
    pub(super) async fn find(&self, admitted: &[Admitted<'_>]) -> Result<Found, StoreError> {
        let products = distinct(admitted.iter().filter_map(|a| product_of(&a.action)));
        let vectors = self.products.of(&products).await?;
        let mut found = Found { vectors: ProductVectors::with_capacity(products.len()), ..Found::default() };
        let mut bare = Vec::new();
        for (product, vector) in products.into_iter().zip(vectors) {
            match vector {
                Some(vector) => {
                    found.vectors.insert(product, vector);
                }
                None => bare.push(product),
            }
        }
        if !bare.is_empty() {
            let there = one_each(bare.len(), self.context.bounded(self.catalog.get(&bare)).await?)?;
            found.bare = bare.into_iter().zip(there).filter_map(|(id, there)| Some((id, there?))).collect();
        }
        Ok(found)
    }

    /// Asks for the vectors of the searches among `admitted`, and of the products that `found` has without one.
    /// Known ones are answered at once; for others the answer is awaited elsewhere, within the bounds.
    pub(super) async fn ask(&mut self, admitted: &[Admitted<'_>], found: &Found) -> Asked {
        let mut queries = distinct(admitted.iter().filter_map(|a| query_of(&a.action)));
        if self.cool_until.is_some_and(|until| Instant::now() < until) {
            queries.clear();
        }
        let coming = if found.bare.is_empty() {
            Coming::default()
        } else {
            self.urgent.begin(found.bare_in_order(admitted))
        };
        let searches = !queries.is_empty();
        let products: AHashSet<ProductId> = coming.products().cloned().collect();
        if !searches && products.is_empty() {
            return Asked { answer: Awaited::There(Answer::default()), searches, products };
        }
        let queries = query_vectors(Arc::clone(&self.embedder), queries, self.search_wait);
        let products_come = coming.within(self.product_wait);
        let mut call = Box::pin(async move {
            let (queries, products) = join(queries, products_come).await;
            let (queries, queries_failed) = match queries {
                Ok(queries) => (queries, None),
                Err(error) => (QueryVectors::default(), Some(error)),
            };
            Answer { queries, queries_failed, products }
        });
        let answer = match poll_immediate(&mut call).await {
            Some(answer) => {
                self.note(&answer);
                Awaited::There(answer)
            }
            None => Awaited::Waiting(AbortOnDropHandle::new(tokio::spawn(call))),
        };
        Asked { answer, searches, products }
    }

    /// Starts the cool-down after a failure, and says so.
    pub(super) fn note(&mut self, answer: &Answer) {
        if let Some(error) = &answer.queries_failed {
            tracing::warn!(role = self.context.role(), error, "searches move no vector for now");
            self.cool_until = Some(Instant::now() + self.search_cooldown);
        }
    }
}

impl Found {
    /// The products without a vector, each once, as `admitted` are about them.
    fn bare_in_order(&self, admitted: &[Admitted<'_>]) -> Vec<Arc<Product>> {
        let ids = distinct(admitted.iter().filter_map(|a| product_of(&a.action)));
        ids.iter().filter_map(|id| self.bare.get(id).cloned()).collect()
    }

    /// Gives each action the embedding of its product, or that of its search, out of this and `answer`.
    pub(super) fn hydrate(&self, admitted: &[Admitted<'_>], answer: &Answer) -> Hydrated {
        let mut hydrated = Hydrated { embeddings: Vec::with_capacity(admitted.len()), ..Hydrated::default() };
        for action in admitted.iter().map(|a| &a.action) {
            let embedding = if let Some(query) = query_of(action) {
                let vector = answer.queries.get(query).cloned();
                hydrated.unembedded_searches += u64::from(vector.is_none());
                vector
            } else if let Some(product) = product_of(action) {
                let vector = self.vectors.get(product).or_else(|| answer.products.get(product)).cloned();
                if vector.is_none() {
                    let is_there = self.bare.contains_key(product);
                    hydrated.unembedded_products += u64::from(is_there);
                    hydrated.unknown_products += u64::from(!is_there);
                }
                vector
            } else {
                None
            };
            hydrated.embeddings.push(embedding);
        }
        hydrated
    }
}

impl Asked {
    pub(super) fn is_answered(&self) -> bool {
        match &self.answer {
            Awaited::There(_) => true,
            Awaited::Waiting(task) => task.is_finished(),
        }
    }

    /// Whether `action` is about something that is waited for, as long as there is no answer.
    pub(super) fn is_for(&self, action: &UserAction) -> bool {
        let searched = self.searches && query_of(action).is_some();
        searched || product_of(action).is_some_and(|product| self.products.contains(product))
    }

    /// The answer, once it is there. Safe to cancel.
    pub(super) async fn answer(&mut self) -> &Answer {
        if let Awaited::Waiting(task) = &mut self.answer {
            let answer = task.await.unwrap_or_else(|error| Answer {
                queries_failed: Some(error.to_string()),
                ..Answer::default()
            });
            self.answer = Awaited::There(answer);
        }
        match &self.answer {
            Awaited::There(answer) => answer,
            Awaited::Waiting(_) => unreachable!("it was answered above"),
        }
    }

    /// The answer, if it is there.
    pub(super) fn answered(&self) -> Option<&Answer> {
        match &self.answer {
            Awaited::There(answer) => Some(answer),
            Awaited::Waiting(_) => None,
        }
    }
}

/// Vectors of `queries`, or why there are none after `wait` at the latest.
async fn query_vectors(
    embedder: Arc<dyn Embedder>,
    queries: Vec<String>,
    wait: Duration,
) -> Result<QueryVectors, String> {
    if queries.is_empty() {
        return Ok(QueryVectors::default());
    }
    let rows = tokio::time::timeout(wait, embedder.embed(&queries, TextKind::Query, Urgency::Urgent))
        .await
        .map_err(|_| format!("no answer within {wait:?}"))?
        .map_err(|error| error.to_string())?;
    if rows.nrows() != queries.len() {
        return Err(format!("{} vectors for {} queries", rows.nrows(), queries.len()));
    }
    let vector = |row: ArrayView1<'_, f32>| UnitVector::checked(row.to_vec()).map_err(|e| e.to_string());
    queries.into_iter().zip(rows.rows()).map(|(query, row)| Ok((query, vector(row)?))).collect()
}
