//! A preference as it is stored; its vectors as they are in memory.

use std::collections::VecDeque;

use rep_core::ports::StoreError;
use rep_core::{
    ActionType, Earlier, ModelId, PendingAction, Position, Preference, ProductId, Purchase, RecentAction,
    Split, Sums, Timestamp, UnitVector, UserId,
};
use serde::{Deserialize, Serialize};

use super::Cached;
use crate::embedded::codec::{decode, encode};
use crate::embedded::error::corrupt;

/// Version 1, of release 0.1, is read, and version 2, which ends before [`Since`].
const VERSION: u8 = 3;
const WITHOUT_SINCE: u8 = 2;

/// What stands behind [`Stored`]: since when the state is of its model, and what it lacks of before.
type Since = (Timestamp, Option<Earlier>);

#[derive(Deserialize)]
struct Stored {
    user_id: UserId,
    model: ModelId,
    vector: Option<Vec<f32>>,
    mass: f32,
    mass_at: Timestamp,
    split: Option<(Vec<f32>, Vec<f32>)>,
    action_count: u64,
    updated_at: Timestamp,
    position: Option<Position>,
    recent: VecDeque<RecentAction>,
    purchased: VecDeque<Purchase>,
    pending: Vec<PendingAction>,
    stored_at: Timestamp,
}

/// [`Stored`] to be written, without copies.
#[derive(Serialize)]
struct StoredRef<'a> {
    user_id: &'a UserId,
    model: &'a ModelId,
    vector: Option<&'a [f32]>,
    mass: f32,
    mass_at: Timestamp,
    split: Option<(&'a [f32], &'a [f32])>,
    action_count: u64,
    updated_at: Timestamp,
    position: Option<Position>,
    recent: &'a VecDeque<RecentAction>,
    purchased: &'a VecDeque<Purchase>,
    pending: &'a [PendingAction],
    stored_at: Timestamp,
}

/// As release 0.1 stored it.
#[derive(Deserialize)]
struct StoredBefore {
    user_id: UserId,
    model: ModelId,
    vector: Option<Vec<f32>>,
    action_count: u64,
    updated_at: Timestamp,
    position: Option<Position>,
    recent: VecDeque<RecentBefore>,
    purchased: VecDeque<ProductId>,
    stored_at: Timestamp,
}

#[derive(Deserialize)]
struct RecentBefore {
    product_id: ProductId,
    action_type: ActionType,
    at: Timestamp,
}

pub(super) fn to_stored(cached: &Cached) -> Result<Vec<u8>, StoreError> {
    let state = &*cached.preference;
    let stored = StoredRef {
        user_id: &state.user_id,
        model: &state.model,
        vector: state.vector.as_ref().map(UnitVector::as_slice),
        mass: state.sums.mass,
        mass_at: state.sums.at,
        split: state.sums.split.as_ref().map(|split| (&split.liked[..], &split.refused[..])),
        action_count: state.action_count,
        updated_at: state.updated_at,
        position: state.position,
        recent: &state.recent,
        purchased: &state.purchased,
        pending: &state.pending,
        stored_at: cached.stored_at,
    };
    encode(VERSION, &(stored, state.model_since, &state.earlier))
}

pub(super) fn from_stored(bytes: &[u8]) -> Result<(Preference, Timestamp), StoreError> {
    const WHAT: &str = "a stored preference";
    let (stored, (model_since, earlier)): (Stored, Since) = match bytes.first() {
        Some(&1) => return from_stored_before(bytes),
        Some(&WITHOUT_SINCE) => (decode(WITHOUT_SINCE, bytes, WHAT)?, Since::default()),
        _ => decode(VERSION, bytes, WHAT)?,
    };
    let split = stored.split.map(|(liked, refused)| Box::new(Split { liked, refused }));
    let preference = Preference {
        vector: vector(stored.vector)?,
        sums: Sums { mass: stored.mass, at: stored.mass_at, split },
        action_count: stored.action_count,
        updated_at: stored.updated_at,
        position: stored.position,
        recent: stored.recent,
        purchased: stored.purchased,
        pending: stored.pending,
        model_since,
        earlier,
        ..Preference::new(stored.user_id, stored.model)
    };
    Ok((preference, stored.stored_at))
}

fn from_stored_before(bytes: &[u8]) -> Result<(Preference, Timestamp), StoreError> {
    let stored: StoredBefore = decode(1, bytes, "a stored preference")?;
    let recent =
        |RecentBefore { product_id, action_type, at }| RecentAction { product_id, action_type, at, event: 0 };
    let preference = Preference {
        vector: vector(stored.vector)?,
        action_count: stored.action_count,
        updated_at: stored.updated_at,
        position: stored.position,
        recent: stored.recent.into_iter().map(recent).collect(),
        ..Preference::new(stored.user_id, stored.model)
    };
    Ok((preference.complete(stored.purchased), stored.stored_at))
}

fn vector(numbers: Option<Vec<f32>>) -> Result<Option<UnitVector>, StoreError> {
    let vector = numbers.map(UnitVector::checked).transpose();
    vector.map_err(|error| corrupt(format!("a stored preference: {error}")))
}

#[cfg(test)]
mod tests {
    use rep_core::MASS_BEFORE_SUMS;

    use super::*;

    /// [`StoredBefore`] as release 0.1 wrote it.
    #[derive(Serialize)]
    struct WrittenBefore {
        user_id: UserId,
        model: ModelId,
        vector: Option<Vec<f32>>,
        action_count: u64,
        updated_at: Timestamp,
        position: Option<Position>,
        recent: Vec<(ProductId, ActionType, Timestamp)>,
        purchased: Vec<ProductId>,
        stored_at: Timestamp,
    }

    #[test]
    fn a_state_of_the_first_release_is_read_and_completed() {
        let product = |id: &str| ProductId::new(id).unwrap();
        let at = Timestamp::from_ms;
        let written = WrittenBefore {
            user_id: UserId::new("u").unwrap(),
            model: ModelId::new("m").unwrap(),
            vector: Some(vec![0.6, 0.8]),
            action_count: 3,
            updated_at: at(900),
            position: Some(Position { epoch: 1, partition: 2, offset: 3 }),
            // In the order of arrival, latest first: the click came late.
            recent: vec![
                (product("late"), ActionType::Click, at(100)),
                (product("b"), ActionType::Purchase, at(900)),
            ],
            purchased: vec![product("b"), product("a")],
            stored_at: at(1000),
        };
        let (state, stored_at) = from_stored(&encode(1, &written).unwrap()).unwrap();
        assert_eq!((stored_at, state.action_count, state.position), (at(1000), 3, written.position));
        assert_eq!(state.sums, Sums { mass: MASS_BEFORE_SUMS, at: at(900), split: None });
        let recent: Vec<&str> = state.recent.iter().map(|action| action.product_id.as_str()).collect();
        let purchased: Vec<&str> = state.purchased.iter().map(|bought| bought.product_id.as_str()).collect();
        assert_eq!((recent, purchased), (vec!["b", "late"], vec!["b", "a"]));
        let cached = Cached {
            preference: std::sync::Arc::new(state.clone()),
            stored_at,
            dirty: false,
            writing: false,
        };
        let kept = to_stored(&cached).unwrap();
        assert_eq!(from_stored(&kept).unwrap(), (state.clone(), stored_at), "and kept as it is now");
        // Version 2 is the same without the last two: the epoch as a time, and nothing.
        let mut without = kept[..kept.len() - 2].to_vec();
        without[0] = WITHOUT_SINCE;
        assert_eq!(from_stored(&without).unwrap(), (state.clone(), stored_at));
        let earlier =
            Earlier { until: Position { epoch: 1, partition: 2, offset: 3 }, waits: vec![0, u64::MAX] };
        let lacks = Preference { model_since: at(7), earlier: Some(earlier), ..state };
        let cached = Cached { preference: std::sync::Arc::new(lacks.clone()), ..cached };
        assert_eq!(from_stored(&to_stored(&cached).unwrap()).unwrap(), (lacks, stored_at));
    }
}
