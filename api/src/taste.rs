//! The taste that lists are made for: what was long liked, turned by the present visit.

use std::sync::Arc;

use rep_core::ports::StoreError;
use rep_core::ports::embedder::{EmbedError, Passage, Urgency, embed_passages};
use rep_core::ranking::{SessionRules, present_taste, visited};
use rep_core::{Preference, ProductId, Timestamp, UnitVector};
use tokio::time::timeout;

use crate::state::ApiState;

/// Products of a visit that are embedded for a request, the latest.
const EMBEDDED_MAX: usize = 4;
/// Requests that embed at a time; more go without.
pub(crate) const EMBEDDING_AT_ONCE_MAX: usize = 16;

/// The taste of a shopper at `now`; `None` while nothing is known that has a vector of the model in use.
pub(crate) async fn taste_of(
    state: &ApiState,
    preference: &Preference,
    now: Timestamp,
) -> Result<Option<UnitVector>, StoreError> {
    let long = usable(state, preference);
    let mut rules = SessionRules::default();
    if long.is_none() {
        // After a change of model, or while actions wait: then all that is known counts, however long ago.
        rules.window = now.since(Timestamp::default());
    }
    let visit = visited(&preference.recent, now, rules);
    if visit.is_empty() {
        return Ok(long.cloned());
    }
    let ids: Vec<ProductId> = visit.iter().map(|(product, _)| (*product).clone()).collect();
    let mut vectors = state.catalog.vectors(&ids).await?;
    let missing: Vec<usize> = (0..ids.len()).filter(|at| vectors[*at].is_none()).take(EMBEDDED_MAX).collect();
    if !missing.is_empty() {
        let wanted: Vec<ProductId> = missing.iter().map(|at| ids[*at].clone()).collect();
        for (at, vector) in missing.into_iter().zip(embedded_now(state, &wanted).await?) {
            vectors[at] = vector;
        }
    }
    let visit: Vec<(UnitVector, f32)> =
        vectors.into_iter().zip(visit).filter_map(|(vector, (_, weight))| Some((vector?, weight))).collect();
    Ok(present_taste(long, &visit, rules))
}

/// Vectors of products that have none yet, made and kept at once: a person waits for a list that follows what they just
/// did, however long the backlog is. `None`, counted, for what is not there in time; it is made all the same, for the
/// next list.
async fn embedded_now(state: &ApiState, ids: &[ProductId]) -> Result<Vec<Option<UnitVector>>, StoreError> {
    let none = || vec![None; ids.len()];
    let Some(embedder) = &state.embedder else { return Ok(none()) };
    let Ok(place) = Arc::clone(&state.embedding).try_acquire_owned() else {
        count("busy", ids.len());
        return Ok(none());
    };
    let products = state.catalog.get(ids).await?;
    let passages: Vec<Passage> = products.iter().flatten().map(|product| Passage::of(product)).collect();
    if passages.is_empty() {
        return Ok(none());
    }
    let wanted = passages.len();
    let (embedder, catalog) = (Arc::clone(embedder), Arc::clone(&state.catalog));
    let made = tokio::spawn(async move {
        let _place = place;
        let writes = embed_passages(embedder.as_ref(), &passages, Urgency::Immediate).await?;
        // The list does not depend on it: what is not written is made again.
        if let Err(error) = catalog.set_vectors(writes.clone()).await {
            tracing::warn!(%error, "vectors of products cannot be written");
            count("unsaved", writes.len());
        }
        Ok::<_, EmbedError>(writes)
    });
    let writes = match timeout(state.config.embed_wait, made).await {
        Ok(Ok(Ok(writes))) => writes,
        Ok(Ok(Err(error))) => {
            tracing::debug!(%error, "a visit counts without the products that have no vector yet");
            count(if error.is_retryable() { "unavailable" } else { "failed" }, wanted);
            return Ok(none());
        }
        Ok(Err(_panicked)) => {
            count("failed", wanted);
            return Ok(none());
        }
        Err(_) => {
            count("slow", wanted);
            return Ok(none());
        }
    };
    count("embedded", wanted);
    let of = |id: &ProductId| writes.iter().find(|write| write.product_id == *id);
    Ok(ids.iter().map(|id| of(id).map(|write| write.vector.clone())).collect())
}

fn count(outcome: &'static str, products: usize) {
    metrics::counter!("rep_recommend_embedded_total", "outcome" => outcome).increment(products as u64);
}

/// The vector of `preference`, if it is of the model in use; vectors of two models do not compare.
fn usable<'a>(state: &ApiState, preference: &'a Preference) -> Option<&'a UnitVector> {
    let vector = preference.vector.as_ref()?;
    if preference.model == state.model && vector.dimensions() == state.dimensions {
        return Some(vector);
    }
    metrics::counter!("rep_recommend_other_model_total").increment(1);
    None
}
