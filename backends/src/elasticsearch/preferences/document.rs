//! A preference state as a document.

use std::collections::VecDeque;

use rep_core::ports::StoreError;
use rep_core::{ModelId, Position, Preference, ProductId, RecentAction, Timestamp, UnitVector, UserId};
use serde::{Deserialize, Serialize};

use crate::elasticsearch::error::corrupt;

/// What is written. The first names are those of the cached value, too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPreference<'a> {
    user_id: &'a UserId,
    preference_vector: Option<&'a [f32]>,
    action_count: u64,
    updated_at: Timestamp,
    model: &'a ModelId,
    position: Option<Position>,
    recent: &'a VecDeque<RecentAction>,
    purchased: &'a VecDeque<ProductId>,
    version: u64,
    saved_at: Timestamp,
}

impl<'a> NewPreference<'a> {
    pub(super) fn of(preference: &'a Preference, version: u64, saved_at: Timestamp) -> Self {
        Self {
            user_id: &preference.user_id,
            preference_vector: preference.vector.as_ref().map(UnitVector::as_slice),
            action_count: preference.action_count,
            updated_at: preference.updated_at,
            model: &preference.model,
            position: preference.position,
            recent: &preference.recent,
            purchased: &preference.purchased,
            version,
            saved_at,
        }
    }
}

/// What is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredPreference {
    pub(super) user_id: UserId,
    preference_vector: Option<Vec<f32>>,
    action_count: u64,
    updated_at: Timestamp,
    model: ModelId,
    position: Option<Position>,
    recent: VecDeque<RecentAction>,
    purchased: VecDeque<ProductId>,
    version: u64,
}

impl StoredPreference {
    /// The state and its version; an error if its vector is none.
    pub(super) fn read(self) -> Result<(Preference, u64), StoreError> {
        let vector = self.preference_vector.map(UnitVector::checked).transpose().map_err(corrupt)?;
        let preference = Preference {
            user_id: self.user_id,
            model: self.model,
            vector,
            action_count: self.action_count,
            updated_at: self.updated_at,
            position: self.position,
            recent: self.recent,
            purchased: self.purchased,
        };
        Ok((preference, self.version))
    }
}
