//! Under which id a document stands: the key of its event. Those of release 0.1 stand under the trace id alone, which
//! two shoppers may share; they stay where they are, and count for their own shopper. What was erased then says no more
//! whose it was, and counts for all.

use rep_core::ports::StoreError;
use rep_core::{EventId, Position};
use serde_json::json;
use tokio::sync::OnceCell;

use super::ElasticsearchBehaviour;
use super::document::Placed;
use crate::elasticsearch::search::Part;

/// Whether documents of before are there; looked at once.
#[derive(Default)]
pub(super) struct Before(OnceCell<bool>);

impl ElasticsearchBehaviour {
    /// From which record each event was taken.
    pub(super) async fn placed(&self, events: &[EventId<'_>]) -> Result<Vec<Option<Position>>, StoreError> {
        let ids: Vec<String> = events.iter().map(|event| event.key().to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = self.client.documents::<Placed>(&self.index, &ids, Part::Only("position")).await?;
        Ok(found.into_iter().map(|found| found.map(|found| found.document.position)).collect())
    }

    /// The same of documents of before.
    pub(super) async fn placed_before(
        &self,
        events: &[EventId<'_>],
    ) -> Result<Vec<Option<Position>>, StoreError> {
        if events.is_empty() || !self.has_documents_of_before().await? {
            return Ok(vec![None; events.len()]);
        }
        let ids: Vec<&str> = events.iter().map(|event| event.trace_id.as_str()).collect();
        let found = self.client.documents::<Placed>(&self.index, &ids, Part::Only("position,userId")).await?;
        let of_event = |(event, placed): (&EventId<'_>, Placed)| {
            placed.user_id.is_none_or(|user| user == *event.user_id).then_some(placed.position)
        };
        let found = events.iter().zip(found);
        Ok(found.map(|(event, found)| of_event((event, found?.document))).collect())
    }

    async fn has_documents_of_before(&self) -> Result<bool, StoreError> {
        let look = || async {
            let without = json!({ "bool": { "must_not": { "exists": { "field": "identity" } } } });
            Ok::<_, StoreError>(self.client.count(&self.index, without).await? > 0)
        };
        self.before.0.get_or_try_init(look).await.copied()
    }
}
