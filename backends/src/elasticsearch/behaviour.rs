//! Actions on `user_behavior_index`: one document each, under the key of its event (see [`ids`]).
//!
//! A document is only ever created, so that a repeat meets the first and changes nothing; whether it is a redelivery or
//! a client's repeat is told by the position that the first one keeps. What was answered is synced to the server's
//! disk. Interest is folded from documents, by their own time, when it is asked for ([`interest`]); nothing else is
//! kept.

mod cursor;
mod document;
mod erase;
mod ids;
mod interest;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, HistoryPage, IndexOutcome, Interest};
use rep_core::{Clock, EventId, ModelId, Position, ProductId, Timestamp, UserId};
use serde_json::json;

use self::cursor::Cursor;
pub(super) use self::document::NewDocument;
use self::document::StoredAction;
use self::ids::Before;
use super::bulk::{Guard, Operation, Outcome};
use super::client::Client;
use super::error::{corrupt, unavailable};
use super::indices::{Definition, IndexKind};
use super::search::Found;

/// Longest page of history, in documents.
const PAGE_MAX: usize = 1000;

/// The behaviour store of an Elasticsearch.
pub struct ElasticsearchBehaviour {
    client: Client,
    index: String,
    clock: Arc<dyn Clock>,
    /// The last number given to a document that was taken.
    taken: AtomicI64,
    before: Before,
}

impl ElasticsearchBehaviour {
    /// The store of `client`; asks nothing of the server.
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        let index = alias(&client, IndexKind::Behaviour);
        Self { client, index, clock, taken: AtomicI64::new(0), before: Before::default() }
    }

    /// A number that is greater than those before it, by time also than those of earlier processes: 1,024 fit in a
    /// millisecond, more run ahead. Gives the first of `count`.
    fn take_numbers(&self, count: usize) -> i64 {
        let now = self.clock.now().as_ms().saturating_mul(1024);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut first = now;
        let next = |last: i64| {
            first = now.max(last.saturating_add(1));
            Some(first.saturating_add(count))
        };
        let _ = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        first
    }

    /// Puts documents that are not there under ids of before.
    async fn create(&self, documents: &[&BehaviourDocument]) -> Result<Vec<IndexOutcome>, StoreError> {
        let first = self.take_numbers(documents.len());
        let create = |(document, taken): (&&BehaviourDocument, i64)| {
            let id = document.action.event_id().key().to_string();
            Operation::put(&self.index, &id, Guard::Absent, &NewDocument::of(document, taken))
        };
        let operations: Vec<_> = documents.iter().zip(first..).map(create).collect::<Result<_, _>>()?;
        let outcomes = self.client.bulk(&operations).await?;
        let repeats: Vec<EventId<'_>> = documents
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| matches!(outcome, Outcome::Conflict))
            .map(|(document, _)| document.action.event_id())
            .collect();
        let mut placed = self.placed(&repeats).await?.into_iter();
        let outcome = |(document, outcome): (&&BehaviourDocument, Outcome)| match outcome {
            Outcome::Done => IndexOutcome::Created,
            Outcome::Conflict => match placed.next().flatten() {
                Some(position) => again(document, position),
                None => IndexOutcome::Failed { retryable: true, reason: "the first of it is gone".into() },
            },
            Outcome::Absent => {
                IndexOutcome::Failed { retryable: true, reason: "the index does not take documents".into() }
            }
            Outcome::Refused { kind, reason } => {
                let retryable = StoreError::new(kind, "").is_retryable();
                IndexOutcome::Failed { retryable, reason }
            }
        };
        Ok(documents.iter().zip(outcomes).map(outcome).collect())
    }
}

/// What a document is that was there already, taken from `first`.
fn again(document: &BehaviourDocument, first: Position) -> IndexOutcome {
    if first == document.position { IndexOutcome::Redelivered } else { IndexOutcome::Duplicate }
}

/// The alias of an index that has no model.
pub(super) fn alias(client: &Client, kind: IndexKind) -> String {
    // Its name does not depend on a model, so any will do.
    let model = ModelId::new("none").unwrap_or_else(|_| unreachable!("four letters are an id"));
    Definition::of(kind, client.namespace(), &model, 0).own_alias
}

#[async_trait]
impl BehaviourStore for ElasticsearchBehaviour {
    async fn index(&self, documents: Vec<BehaviourDocument>) -> Result<Vec<IndexOutcome>, StoreError> {
        let events: Vec<EventId<'_>> = documents.iter().map(|document| document.action.event_id()).collect();
        let before = self.placed_before(&events).await?;
        let fresh = documents.iter().zip(&before).filter(|(_, before)| before.is_none());
        let fresh: Vec<&BehaviourDocument> = fresh.map(|(document, _)| document).collect();
        let mut created = self.create(&fresh).await?.into_iter();
        let gone = || IndexOutcome::Failed { retryable: true, reason: "the bulk said nothing of it".into() };
        let outcome = |(document, before): (&BehaviourDocument, Option<Position>)| match before {
            Some(first) => again(document, first),
            None => created.next().unwrap_or_else(gone),
        };
        Ok(documents.iter().zip(before).map(outcome).collect())
    }

    async fn positions(&self, events: &[EventId<'_>]) -> Result<Vec<Option<Position>>, StoreError> {
        let (placed, before) = tokio::try_join!(self.placed(events), self.placed_before(events))?;
        Ok(placed.into_iter().zip(before).map(|(placed, before)| placed.or(before)).collect())
    }

    async fn history(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let after = cursor.map(|text| Cursor::read(user, text)).transpose()?;
        let limit = limit.clamp(1, PAGE_MAX);
        let mut body = json!({
            // One more tells whether there is a next page.
            "size": limit + 1,
            "track_total_hits": false,
            "query": { "bool": { "filter": [{ "term": { "userId": user } }] } },
            "sort": [{ "timestamp": "desc" }, { "traceId": "asc" }],
        });
        if let Some(after) = after {
            body["search_after"] = json!([after.at.as_ms(), after.trace_id]);
        }
        let found: Found<StoredAction> = self.client.search(&self.index, body).await?;
        let mut items = Vec::with_capacity(limit);
        let mut hits = found.hits.hits.into_iter();
        for hit in hits.by_ref().take(limit) {
            items.push(hit.document.read().map_err(corrupt)?);
        }
        let next = match (hits.next(), items.last()) {
            (Some(_), Some(last)) => {
                let (at, trace_id) = (last.action.timestamp, last.action.trace_id.clone());
                Some(Cursor { at, trace_id }.write(user))
            }
            _ => None,
        };
        Ok(HistoryPage { items, next })
    }

    async fn interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError> {
        self.find_interested(product, since, limit).await
    }

    async fn settled(
        &self,
        product: &ProductId,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError> {
        self.find_settled(product, users, since).await
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        self.erase_user(user).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        // What was erased keeps its trace id and has no shopper.
        Ok(self.client.count(&self.index, json!({ "exists": { "field": "userId" } })).await?)
    }
}

/// A search that goes on for too long.
fn endless(what: &str) -> StoreError {
    unavailable(format!("{what}: more keeps coming in than can be worked through"))
}
