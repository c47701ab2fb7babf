//! The taste that lists are made for: what was long liked, turned by the present visit.

use rep_core::ports::StoreError;
use rep_core::ranking::{SessionRules, present_taste, visited};
use rep_core::{Preference, ProductId, Timestamp, UnitVector};

use crate::state::ApiState;

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
    let vectors = state.catalog.vectors(&ids).await?;
    let visit: Vec<(UnitVector, f32)> =
        vectors.into_iter().zip(visit).filter_map(|(vector, (_, weight))| Some((vector?, weight))).collect();
    Ok(present_taste(long, &visit, rules))
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
