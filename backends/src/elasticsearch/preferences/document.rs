//! A preference state as a document.

use std::collections::VecDeque;

use rep_core::ports::StoreError;
use rep_core::{
    Earlier, ModelId, PendingAction, Position, Preference, ProductId, Purchase, RecentAction, Sums,
    Timestamp, UnitVector, UserId,
};
use serde::{Deserialize, Serialize};

use crate::elasticsearch::error::corrupt;
use crate::numbers::{split, to_base64};

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
    purchased: Vec<&'a ProductId>,
    purchased_at: Vec<i64>,
    taste: Option<Taste>,
    pending: &'a [PendingAction],
    /// What `pending` waits for, to be searched.
    awaits: Vec<&'a ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<&'a Earlier>,
    version: u64,
    saved_at: Timestamp,
}

/// What stands behind the vector; sums in base64 of little-endian single precision.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taste {
    mass: f32,
    mass_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    liked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Taste {
    fn of(sums: &Sums) -> Self {
        let split = sums.split.as_deref();
        Self {
            mass: sums.mass,
            mass_at: sums.at,
            liked: split.map(|split| to_base64(&split.liked)),
            refused: split.map(|split| to_base64(&split.refused)),
        }
    }

    fn read(self) -> Result<Sums, StoreError> {
        let split = split(self.liked.as_deref(), self.refused.as_deref())?;
        Ok(Sums { mass: self.mass, at: self.mass_at, split })
    }
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
            purchased: preference.purchased.iter().map(|bought| &bought.product_id).collect(),
            purchased_at: preference.purchased.iter().map(|bought| bought.at.as_ms()).collect(),
            taste: Some(Taste::of(&preference.sums)),
            pending: &preference.pending,
            awaits: preference.pending.iter().map(|waits| &waits.product_id).collect(),
            model_since: Some(preference.model_since).filter(|since| *since != Timestamp::default()),
            earlier: preference.earlier.as_ref(),
            version,
            saved_at,
        }
    }
}

/// What stays of a shopper who was erased.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredErasure {
    pub(super) position: Option<Position>,
    pub(super) saved_at: Timestamp,
}

/// What is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredPreference {
    user_id: UserId,
    preference_vector: Option<Vec<f32>>,
    action_count: u64,
    updated_at: Timestamp,
    model: ModelId,
    position: Option<Position>,
    recent: VecDeque<RecentAction>,
    purchased: Vec<ProductId>,
    #[serde(default)]
    purchased_at: Vec<i64>,
    /// Missing in what release 0.1 saved.
    #[serde(default)]
    taste: Option<Taste>,
    #[serde(default)]
    pending: Vec<PendingAction>,
    #[serde(default)]
    model_since: Timestamp,
    #[serde(default)]
    earlier: Option<Earlier>,
    version: u64,
}

impl StoredPreference {
    /// The state and its version; an error if its vector is none.
    pub(super) fn read(self) -> Result<(Preference, u64), StoreError> {
        let vector = self.preference_vector.map(UnitVector::checked).transpose().map_err(corrupt)?;
        let preference = Preference {
            vector,
            action_count: self.action_count,
            updated_at: self.updated_at,
            position: self.position,
            recent: self.recent,
            ..Preference::new(self.user_id, self.model)
        };
        let Some(taste) = self.taste else { return Ok((preference.complete(self.purchased), self.version)) };
        let times = self.purchased_at.into_iter().map(Timestamp::from_ms);
        let purchased = self.purchased.into_iter().zip(times);
        let preference = Preference {
            sums: taste.read()?,
            purchased: purchased.map(|(product_id, at)| Purchase { product_id, at }).collect(),
            pending: self.pending,
            model_since: self.model_since,
            earlier: self.earlier,
            ..preference
        };
        Ok((preference, self.version))
    }
}
