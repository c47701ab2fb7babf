//! Search: words and meaning, fused by reciprocal rank; the shopper's taste tells near matches apart.

use futures::future::join;
use rep_core::ports::StoreError;
use rep_core::ports::catalog::Hit;
use rep_core::ports::embedder::{TextKind, Urgency};
use rep_core::ranking::{Asked, Candidates, Ranking, Sources, Weights, fuse, reasons, select};
use rep_core::{ProductFilter, UnitVector, UserId};
use tokio::time::timeout;

use crate::dto::recommendation::{RecommendedItem, Strategy};
use crate::stages::Stages;
use crate::state::ApiState;
use crate::taste::taste_of;
use crate::variants::{self, By};

/// What nearness in meaning says against shared words. There is always a nearest product, however far: so
/// the best few matches by words stand before what is near in meaning alone.
const MEANING_WEIGHT: f32 = 0.95;

/// What is asked.
pub(crate) struct Ask {
    pub(crate) query: String,
    pub(crate) user: Option<UserId>,
    pub(crate) limit: usize,
    pub(crate) filter: ProductFilter,
    pub(crate) explain: bool,
}

/// Items for a query, best first.
pub(crate) async fn search(
    state: &ApiState,
    ask: Ask,
    stages: &mut Stages,
) -> Result<(Strategy, Vec<RecommendedItem>), StoreError> {
    let k = (3 * ask.limit).clamp(30, 300);
    let wanted = (k, ask.limit);
    let words = variants::find(state, By::Words(&ask.query), wanted, &ask.filter);
    let meaning = async {
        match vector_of(state, &ask.query).await {
            Some(vector) => variants::find(state, By::Vector(&vector), wanted, &ask.filter).await.map(Some),
            None => Ok(None),
        }
    };
    let (words, meaning) = join(words, meaning).await;
    let (words, meaning) = (words?, meaning?);
    let strategy = match &meaning {
        None => Strategy::Lexical,
        Some(hits) if hits.is_empty() => Strategy::Lexical,
        Some(_) if words.is_empty() => Strategy::Semantic,
        Some(_) => Strategy::Hybrid,
    };
    stages.done("sources");

    let mut candidates = matched(&words, &meaning.unwrap_or_default());
    if let Some(user) = &ask.user {
        personalise(state, user, &mut candidates).await?;
        stages.done("personalise");
    }
    let weights = Weights::SEARCH.on(state.scale.get().as_deref());
    let asked = Asked::Search(&ask.query);
    let items = select(candidates.into_items(), ask.limit, weights)
        .iter()
        .map(|item| RecommendedItem::new(item, reasons(item, asked, weights.popularity), ask.explain))
        .collect();
    stages.done("rank");
    Ok((strategy, items))
}

fn matched(words: &[Hit], meaning: &[Hit]) -> Candidates {
    let ranking = |hits: &[Hit], weight| {
        let ids = hits.iter().map(|hit| hit.product.product_id.clone()).collect();
        Ranking { ids, weight }
    };
    let fused = fuse(&[ranking(words, 1.0), ranking(meaning, MEANING_WEIGHT)]);
    let mut candidates = Candidates::with_capacity(fused.len());
    for hit in words {
        candidates.propose(&hit.product, Sources { words: true, ..Sources::default() });
    }
    for hit in meaning {
        candidates.propose(&hit.product, Sources { meaning: true, ..Sources::default() });
    }
    for candidate in candidates.items_mut() {
        candidate.matching = fused.get(&candidate.product.product_id).copied();
    }
    candidates
}

/// Adds the nearness to the shopper's taste, if there is one.
async fn personalise(state: &ApiState, user: &UserId, candidates: &mut Candidates) -> Result<(), StoreError> {
    let preference = state.preferences.load(std::slice::from_ref(user)).await?.pop().flatten();
    let Some(preference) = preference else { return Ok(()) };
    let Some(taste) = taste_of(state, &preference, state.clock.now()).await? else { return Ok(()) };
    let vectors = state.catalog.vectors(&candidates.ids()).await?;
    for (candidate, vector) in candidates.items_mut().iter_mut().zip(vectors) {
        candidate.vector = vector;
    }
    candidates.hydrate_similarity(&taste);
    Ok(())
}

/// The vector of `query`; `None`, counted, if the model is away, overloaded or slow.
async fn vector_of(state: &ApiState, query: &str) -> Option<UnitVector> {
    let texts = [query.to_owned()];
    let degraded = |reason: &'static str| {
        metrics::counter!("rep_search_degraded_total", "reason" => reason).increment(1);
    };
    let Some(embedder) = &state.embedder else {
        degraded("absent");
        return None;
    };
    let rows = match timeout(
        state.config.embed_wait,
        embedder.embed(&texts, TextKind::Query, Urgency::Urgent),
    )
    .await
    {
        Ok(Ok(rows)) => rows,
        Ok(Err(error)) => {
            tracing::warn!(%error, "search goes by words alone");
            degraded(if error.is_retryable() { "unavailable" } else { "failed" });
            return None;
        }
        Err(_) => {
            tracing::warn!("search goes by words alone: the model took too long");
            degraded("slow");
            return None;
        }
    };
    let vector = rows.rows().into_iter().next().and_then(|row| UnitVector::normalised(row.to_vec()).ok());
    if vector.is_none() {
        tracing::warn!("search goes by words alone: the model gave no direction");
        degraded("failed");
    }
    vector
}
