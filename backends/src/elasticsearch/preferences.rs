//! Backups of preference states on `user_preference_index`: what a cache that lost one is filled from.
//!
//! One document a shopper, under their id. Each save carries a version of the caller's that grows with the state;
//! Elasticsearch keeps the greatest, so saves may come late, twice or out of order.
//!
//! Of a shopper who was erased a document with nothing but the erasure stays, under a hash of their id.

mod document;

use std::borrow::Borrow;
use std::sync::Arc;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::preferences::Incomplete;
use rep_core::{Clock, Earlier, Erasure, ModelId, Preference, ProductId, Timestamp, UserId};
use serde::Deserialize;
use serde_json::json;

use self::document::{NewPreference, StoredErasure, StoredPreference};
use super::behaviour::alias;
use super::bulk::{Guard, Operation, Outcome};
use super::client::Client;
use super::error::invalid;
use super::indices::IndexKind;
use super::search::{Found, Part, WINDOW_MAX};
use crate::erased::erased_name;
use crate::redis::{PreferenceBackup, SavedIncomplete, SavedWaits, State};

/// States of one bulk.
const BATCH_MAX: usize = 500;

/// The backup of preference states.
pub struct ElasticsearchPreferences {
    client: Client,
    index: String,
    clock: Arc<dyn Clock>,
}

impl ElasticsearchPreferences {
    /// The backup of `client`; asks nothing of the server. `clock` dates saves.
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        let index = alias(&client, IndexKind::Preference);
        Self { client, index, clock }
    }

    /// The states of `users` with their versions, in their order; `None` for what was never saved, or erased. Sees
    /// each save at once.
    ///
    /// A state that cannot be read is left out with a log line and a counter: it is a backup, and the log tells it
    /// anew.
    pub async fn load(&self, users: &[UserId]) -> Result<Vec<Option<(Preference, u64)>>, StoreError> {
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let found = self
            .client
            .documents::<StoredPreference>(&self.index, &ids, Part::Without("savedAt,awaits"))
            .await?;
        Ok(found.into_iter().map(|found| readable(found?.document)).collect())
    }

    /// Saves states, each with its version. One whose version is below that of what is there changes nothing: a newer
    /// one stands. Durable when it returns; after an error some may be saved.
    ///
    /// For a minute after an erasure (`index.gc_deletes`) a version that is not above the erased one is dropped, as a
    /// save that comes late: whoever counts anew from 1 has no backup until the first save after that.
    pub async fn save<S>(&self, states: &[S]) -> Result<(), StoreError>
    where
        S: Borrow<(Preference, u64)> + Sync,
    {
        let saved_at = self.clock.now();
        for states in states.chunks(BATCH_MAX) {
            let operation = |state: &S| {
                let (preference, version) = state.borrow();
                if i64::try_from(*version).is_err() {
                    return Err(invalid(format!("version {version} is beyond 2^63 - 1")));
                }
                let document = NewPreference::of(preference, *version, saved_at);
                Operation::put(&self.index, preference.user_id.as_str(), Guard::Version(*version), &document)
            };
            let operations: Vec<_> = states.iter().map(operation).collect::<Result<_, _>>()?;
            self.client.bulk_all(&operations).await?;
        }
        Ok(())
    }

    /// Forgets a shopper's state and keeps `erasure`, or a later one that is there; whether there was a state. Searches
    /// may find it for a second more.
    pub async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        let version = Guard::Version(u64::try_from(erasure.at.as_ms()).unwrap_or(0));
        let stays = StoredErasure { position: erasure.until, saved_at: erasure.at };
        let operations = [
            Operation::put(&self.index, &erased_name(user), version, &stays)?,
            Operation::delete(&self.index, user.as_str(), Guard::Any)?,
        ];
        let outcomes = self.client.bulk_all(&operations).await?;
        Ok(matches!(outcomes[..], [_, Outcome::Done]))
    }

    /// The last erasure of each of `users`, in their order. Sees each at once.
    pub async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        let ids: Vec<String> = users.iter().map(erased_name).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found =
            self.client.documents::<StoredErasure>(&self.index, &ids, Part::Only("position,savedAt")).await?;
        let erasure = |StoredErasure { position, saved_at }| Erasure { at: saved_at, until: position };
        Ok(found.into_iter().map(|found| found.map(|found| erasure(found.document))).collect())
    }
}

#[async_trait]
impl PreferenceBackup for ElasticsearchPreferences {
    async fn load(&self, users: &[UserId]) -> Result<Vec<Option<(Preference, u64)>>, StoreError> {
        Self::load(self, users).await
    }

    async fn save(&self, states: &[State]) -> Result<(), StoreError> {
        Self::save(self, states).await
    }

    async fn erase(&self, user: &UserId, erasure: Erasure) -> Result<bool, StoreError> {
        Self::erase(self, user, erasure).await
    }

    async fn erased(&self, users: &[UserId]) -> Result<Vec<Option<Erasure>>, StoreError> {
        Self::erased(self, users).await
    }

    async fn waiting(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<SavedWaits>, StoreError> {
        let mut body = json!({
            "size": limit.min(WINDOW_MAX),
            "track_total_hits": false,
            "_source": ["userId", "version", "awaits"],
            "query": { "exists": { "field": "awaits" } },
            "sort": [{ "userId": "asc" }],
        });
        match after {
            Some(after) => body["search_after"] = json!([after]),
            // A walk that misses what was saved a moment ago is not repeated for minutes.
            None => self.client.refresh(&self.index).await?,
        }
        let found: Found<SavedAwaits> = self.client.search(&self.index, body).await?;
        let saved =
            |SavedAwaits { user_id, version, awaits }| SavedWaits { user_id, version, products: awaits };
        Ok(found.hits.hits.into_iter().map(|hit| saved(hit.document)).collect())
    }

    async fn incomplete(
        &self,
        model: &ModelId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<SavedIncomplete, StoreError> {
        let mut body = json!({
            "size": limit.min(WINDOW_MAX),
            "track_total_hits": true,
            "_source": ["userId", "model", "modelSince", "earlier"],
            "query": { "bool": { "filter": [
                // An erasure has no shopper.
                { "exists": { "field": "userId" } },
                { "bool": {
                    "should": [
                        { "bool": { "must_not": [{ "term": { "model": model } }] } },
                        { "exists": { "field": "earlier.until.epoch" } },
                    ],
                    "minimum_should_match": 1,
                } },
            ] } },
            "sort": [{ "userId": "asc" }],
        });
        if let Some(after) = after {
            body["search_after"] = json!([after]);
        }
        let found: Found<SavedModel> = self.client.search(&self.index, body).await?;
        let incomplete = |SavedModel { user_id, model, model_since, earlier }| Incomplete {
            user_id,
            model,
            model_since,
            earlier,
        };
        let items = found.hits.hits.into_iter().map(|hit| incomplete(hit.document)).collect();
        let total = usize::try_from(found.hits.total.value).unwrap_or(usize::MAX);
        Ok(SavedIncomplete { items, total })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedAwaits {
    user_id: UserId,
    version: u64,
    awaits: Vec<ProductId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedModel {
    user_id: UserId,
    model: ModelId,
    #[serde(default)]
    model_since: Timestamp,
    #[serde(default)]
    earlier: Option<Earlier>,
}

fn readable(stored: StoredPreference) -> Option<(Preference, u64)> {
    let state = stored.read().inspect_err(|error| {
        tracing::error!(%error, "a saved preference is left out");
        metrics::counter!("rep_elasticsearch_unreadable_total", "what" => "preference").increment(1);
    });
    state.ok()
}
