//! What a shopper did before the model changed, out of their documents: its share of taste under the new model.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use lru::LruCache;
use parking_lot::Mutex;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore};
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::ports::preferences::Incomplete;
use rep_core::ports::{StoreError, StoreErrorKind, one_each};
use rep_core::{
    PENDING_MAX, PendingAction, ProductId, Remembered, Share, TasteRules, Timestamp, UnitVector,
    awaited_product,
};

use super::hydrate::{distinct, query_of};
use super::products::KeptVectors;
use crate::RoleContext;

/// Documents of one page.
const PAGE: usize = 500;
/// Most documents that are read of one shopper, the latest.
const DOCUMENTS_MAX: usize = 10_000;
/// What is older than so many half-lives before the latest is less than single precision tells apart.
const HALF_LIVES_MAX: u32 = 24;
/// How long the vector of a product counts before it is read again.
const VECTORS_KEPT: Duration = Duration::from_secs(60);
/// Queries whose vectors are kept, some kilobytes each.
const QUERIES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// Queries of one call to the model.
const CALL_QUERIES: usize = 32;
/// Longest wait for one: nobody waits for it, and others go first.
const CALL_MAX: Duration = Duration::from_secs(60);

/// Reads what shoppers did. Keeps vectors, since the same few products and queries come again and again.
pub(super) struct EarlierActions {
    context: RoleContext,
    behaviour: Arc<dyn BehaviourStore>,
    catalog: Arc<dyn Catalog>,
    embedder: Arc<dyn Embedder>,
    rules: TasteRules,
    products: KeptVectors,
    /// `None` for what the model refuses.
    queries: Mutex<LruCache<String, Option<UnitVector>, ahash::RandomState>>,
}

/// What is known of the things that a page of documents is about.
struct Known {
    products: AHashMap<ProductId, UnitVector>,
    /// Those that are there and have no vector yet.
    bare: AHashSet<ProductId>,
    queries: AHashMap<String, UnitVector>,
}

impl EarlierActions {
    pub(super) fn new(
        context: RoleContext,
        behaviour: Arc<dyn BehaviourStore>,
        catalog: Arc<dyn Catalog>,
        embedder: Arc<dyn Embedder>,
        rules: TasteRules,
    ) -> Self {
        let products = KeptVectors::new(context.clone(), Arc::clone(&catalog), VECTORS_KEPT);
        let queries = Mutex::new(LruCache::with_hasher(QUERIES_MAX, ahash::RandomState::new()));
        Self { context, behaviour, catalog, embedder, rules, products, queries }
    }

    /// The share of what `shopper` lacks; those of it on products without a vector wait, unless the caller gives them
    /// up. `None` if more would wait than may, or where nothing is lacked.
    ///
    /// What is about a product that is in no catalog, or a search that the model refuses, moves nothing, as ever.
    pub(super) async fn of(
        &self,
        shopper: &Incomplete,
        gives_up: bool,
    ) -> Result<Option<Remembered>, StoreError> {
        let Some(earlier) = &shopper.earlier else { return Ok(None) };
        let mut remembered = Remembered { of: earlier.clone(), share: Share::default(), waiting: Vec::new() };
        let (mut cursor, mut read, mut oldest) = (None::<String>, 0, None::<Timestamp>);
        loop {
            let page = self.behaviour.history(&shopper.user_id, cursor.as_deref(), PAGE);
            let page = self.context.bounded(page).await?;
            read += page.items.len();
            let counts = |document: &&BehaviourDocument| {
                let BehaviourDocument { action, position, appended_at } = document;
                earlier.holds(&action.trace_id, *position, *appended_at, shopper.model_since)
            };
            let documents: Vec<&BehaviourDocument> = page.items.iter().filter(counts).collect();
            let known = self.known(&documents).await?;
            documents.iter().for_each(|document| self.add(document, &known, &mut remembered));
            if gives_up {
                let given_up = std::mem::take(&mut remembered.waiting).len() as u64;
                metrics::counter!("rep_behaviour_deferred_dropped_total").increment(given_up);
            }
            if remembered.waiting.len() > PENDING_MAX {
                return Ok(None);
            }
            let latest = documents.first().map(|latest| latest.action.timestamp);
            oldest = oldest.or_else(|| Some(latest?.minus(self.rules.half_life * HALF_LIVES_MAX)));
            let last = page.items.last().map(|last| last.action.timestamp);
            let is_over = last.is_none_or(|last| oldest.is_some_and(|oldest| last < oldest));
            cursor = page.next;
            if cursor.is_none() || is_over || read >= DOCUMENTS_MAX {
                return Ok(Some(remembered));
            }
        }
    }

    fn add(&self, document: &BehaviourDocument, known: &Known, to: &mut Remembered) {
        let action = &document.action;
        let vector = match (query_of(action), awaited_product(action)) {
            (Some(query), _) => known.queries.get(query),
            (None, Some(product)) => known.products.get(product),
            (None, None) => return,
        };
        let weight = action.action_type.taste_weight();
        match (vector, awaited_product(action)) {
            (Some(vector), _) => to.share.add(vector, weight, action.timestamp, self.rules.half_life),
            (None, Some(product)) if known.bare.contains(product) => to.waiting.push(PendingAction {
                trace_id: action.trace_id.clone(),
                product_id: product.clone(),
                action_type: action.action_type,
                at: action.timestamp,
                logged_at: document.appended_at,
            }),
            (None, _) => {}
        }
    }

    async fn known(&self, documents: &[&BehaviourDocument]) -> Result<Known, StoreError> {
        let products = distinct(documents.iter().filter_map(|document| awaited_product(&document.action)));
        let vectors = self.products.of(&products).await?;
        let mut known = Known { products: AHashMap::new(), bare: AHashSet::new(), queries: AHashMap::new() };
        let mut without = Vec::new();
        for (product, vector) in products.into_iter().zip(vectors) {
            match vector {
                Some(vector) => drop(known.products.insert(product, vector)),
                None => without.push(product),
            }
        }
        if !without.is_empty() {
            let found = self.context.bounded(self.catalog.get(&without)).await?;
            let found = one_each(without.len(), found)?;
            let bare = without.into_iter().zip(found).filter(|(_, found)| found.is_some());
            known.bare.extend(bare.map(|(product, _)| product));
        }
        let queries = distinct(documents.iter().filter_map(|document| query_of(&document.action)));
        for queries in queries.chunks(CALL_QUERIES) {
            let vectors = queries.iter().cloned().zip(self.query_vectors(queries).await?);
            known.queries.extend(vectors.filter_map(|(query, vector)| Some((query, vector?))));
        }
        Ok(known)
    }

    /// One for each of `queries`; `None` for what the model refuses.
    async fn query_vectors(&self, queries: &[String]) -> Result<Vec<Option<UnitVector>>, StoreError> {
        let kept: Vec<Option<Option<UnitVector>>> = {
            let mut kept = self.queries.lock();
            queries.iter().map(|query| kept.get(query).cloned()).collect()
        };
        let missing = queries.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
        let missing: Vec<String> = missing.map(|(query, _)| query.clone()).collect();
        let mut new = Vec::with_capacity(missing.len());
        match self.embedded(&missing).await {
            Ok(vectors) => new.extend(vectors.into_iter().map(Some)),
            Err(error) if error.is_retryable() => return Err(away(error)),
            Err(_) => {
                for query in &missing {
                    match self.embedded(std::slice::from_ref(query)).await {
                        Ok(mut vectors) => new.push(vectors.pop()),
                        Err(error) if error.is_retryable() => return Err(away(error)),
                        Err(_) => new.push(None),
                    }
                }
            }
        }
        {
            let mut kept = self.queries.lock();
            for (query, vector) in missing.into_iter().zip(&new) {
                kept.put(query, vector.clone());
            }
        }
        let mut new = new.into_iter();
        Ok(kept.into_iter().map(|kept| kept.unwrap_or_else(|| new.next().flatten())).collect())
    }

    async fn embedded(&self, queries: &[String]) -> Result<Vec<UnitVector>, EmbedError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.embedder.embed(queries, TextKind::Query, Urgency::Backlog);
        let rows = tokio::time::timeout(CALL_MAX, call)
            .await
            .map_err(|_| EmbedError::Overloaded(format!("no answer within {CALL_MAX:?}")))??;
        if rows.nrows() != queries.len() {
            return Err(EmbedError::Failed(format!(
                "{} vectors for {} queries",
                rows.nrows(),
                queries.len()
            )));
        }
        let vector = |row: ndarray::ArrayView1<'_, f32>| {
            UnitVector::checked(row.to_vec()).map_err(|error| EmbedError::Failed(error.to_string()))
        };
        rows.rows().into_iter().map(vector).collect()
    }
}

fn away(error: EmbedError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, error.to_string())
}
