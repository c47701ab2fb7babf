//! Forgetting a shopper.

use rep_core::ports::StoreError;
use rep_core::{EventId, UserId};
use serde_json::json;

use super::document::{Placed, Tombstone};
use super::{ElasticsearchBehaviour, endless};
use crate::elasticsearch::bulk::{Guard, Operation, Outcome};
use crate::elasticsearch::error::unavailable;
use crate::elasticsearch::search::Found;

/// Documents of one bulk.
const BATCH: usize = 1000;
/// Bulks for one erasure: ten million documents.
const BATCHES_MAX: usize = 10_000;

impl ElasticsearchBehaviour {
    /// Puts a tombstone in the place of each document: the key of its event, by which a repeat is known, and the position
    /// by which a redelivery is. All else is gone from every read at once, and from the server's disk when it next merges
    /// the segments that held it.
    pub(super) async fn erase_user(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut erased = 0;
        for _ in 0..BATCHES_MAX {
            // What was taken a moment ago must go as well.
            self.client.refresh(&self.index).await?;
            let body = json!({
                "size": BATCH,
                "track_total_hits": false,
                "_source": ["position", "userId", "traceId"],
                "seq_no_primary_term": true,
                "query": { "bool": { "filter": [{ "term": { "userId": user } }] } },
                "sort": ["_doc"],
            });
            let found: Found<Placed> = self.client.search(&self.index, body).await?;
            if found.hits.hits.is_empty() {
                return Ok(erased);
            }
            let (mut operations, mut moves) = (Vec::with_capacity(found.hits.hits.len()), 0);
            for hit in &found.hits.hits {
                let revision =
                    hit.revision().ok_or_else(|| unavailable("a document came without its revision"))?;
                let tombstone = Tombstone::at(hit.document.position);
                let trace_id = hit.document.trace_id.as_ref();
                let key = trace_id.map_or_else(
                    || hit.id.clone(),
                    |trace_id| EventId { user_id: user, trace_id }.key().to_string(),
                );
                if key == hit.id {
                    operations.push(Operation::put(
                        &self.index,
                        &key,
                        Guard::Unchanged(revision),
                        &tombstone,
                    )?);
                } else {
                    // A document of before, whose id is the trace id.
                    moves += 1;
                    operations.push(Operation::put(&self.index, &key, Guard::Any, &tombstone)?);
                    operations.push(Operation::delete(&self.index, &hit.id, Guard::Unchanged(revision))?);
                }
            }
            // A conflict is another erasure that was faster.
            let outcomes = self.client.bulk_all(&operations).await?;
            let done = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done)).count() as u64;
            erased += done.saturating_sub(moves);
        }
        Err(endless("erasing a shopper"))
    }
}
