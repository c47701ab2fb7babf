//! What was sent to whom, when, over which channels and with what outcome, on `notification_history_index`.
//!
//! One document a notification, under its shopper's key and its id, only ever created: recording it again changes
//! nothing. Two shoppers' notifications have two documents, whatever their ids; release 0.1 went by the id alone. The inbox that a
//! shopper sees is another store's; this one is asked what happened.

mod document;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::notifications::Delivery;
use rep_core::{Notification, NotificationId, Timestamp, UserId, UserKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::document::{NewRecord, StoredRecord};
use super::behaviour::alias;
use super::bulk::{Guard, Operation, Outcome};
use super::client::Client;
use super::error::unavailable;
use super::indices::IndexKind;
use super::search::Found;

/// Records of one page or bulk.
const PAGE_MAX: usize = 1000;
/// Bulks for one erasure: a million records.
const BATCHES_MAX: usize = 1000;

/// What became of a notification on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelOutcome {
    /// Such as `in-app` or `push`.
    pub channel: String,
    /// Whether the channel took it.
    pub delivered: bool,
    /// What the channel said, if it said something.
    pub detail: Option<String>,
}

/// A notification that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRecord {
    /// What was told, and to whom.
    pub notification: Notification,
    /// When.
    pub delivered_at: Timestamp,
    /// Over which channels, and what became of it on each.
    pub outcomes: Vec<ChannelOutcome>,
}

/// The place of a record in a shopper's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryMark {
    /// When it was delivered.
    pub delivered_at: Timestamp,
    /// Its id: several may be delivered at one moment.
    pub notification_id: NotificationId,
}

impl HistoryRecord {
    /// Its place: what comes after it is before this mark.
    pub fn mark(&self) -> HistoryMark {
        let notification_id = self.notification.notification_id.clone();
        HistoryMark { delivered_at: self.delivered_at, notification_id }
    }
}

impl From<&Delivery> for HistoryRecord {
    /// As taken by each of its channels.
    fn from(delivery: &Delivery) -> Self {
        let outcome =
            |channel: &String| ChannelOutcome { channel: channel.clone(), delivered: true, detail: None };
        Self {
            notification: delivery.notification.clone(),
            delivered_at: delivery.at,
            outcomes: delivery.channels.iter().map(outcome).collect(),
        }
    }
}

/// The history of notifications.
pub struct ElasticsearchHistory {
    client: Client,
    index: String,
}

impl ElasticsearchHistory {
    /// The history of `client`; asks nothing of the server.
    pub fn new(client: Client) -> Self {
        let index = alias(&client, IndexKind::NotificationHistory);
        Self { client, index }
    }

    /// Records notifications; gives for each whether it is new. Idempotent by shopper and notification id: the first stands.
    /// Durable when it returns; after an error some may be recorded.
    pub async fn record(&self, records: &[HistoryRecord]) -> Result<Vec<bool>, StoreError> {
        let mut new = Vec::with_capacity(records.len());
        for records in records.chunks(PAGE_MAX) {
            let operation = |record: &HistoryRecord| {
                let Notification { user_id, notification_id, .. } = &record.notification;
                let id = format!("{}-{notification_id}", UserKey::of(user_id));
                Operation::put(&self.index, &id, Guard::Absent, &NewRecord::of(record))
            };
            let operations: Vec<_> = records.iter().map(operation).collect::<Result<_, _>>()?;
            let outcomes = self.client.bulk_all(&operations).await?;
            new.extend(outcomes.iter().map(|outcome| matches!(outcome, Outcome::Done)));
        }
        Ok(new)
    }

    /// Up to `limit` (at most 1,000) of a shopper's notifications, newest first, from `before` on; may be a second
    /// behind. Nothing for an unknown shopper.
    pub async fn of(
        &self,
        user: &UserId,
        before: Option<&HistoryMark>,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        let mut body = json!({
            "size": limit.min(PAGE_MAX),
            "track_total_hits": false,
            "query": { "bool": { "filter": [{ "term": { "userId": user } }] } },
            "sort": [{ "deliveredAt": "desc" }, { "notificationId": "asc" }],
        });
        if let Some(before) = before {
            body["search_after"] = json!([before.delivered_at.as_ms(), before.notification_id]);
        }
        let found: Found<StoredRecord> = self.client.search(&self.index, body).await?;
        Ok(found.hits.hits.into_iter().map(|hit| hit.document.read()).collect())
    }

    /// Forgets a shopper; gives how many records went. What was in flight while it ran may come after it.
    pub async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut erased = 0;
        for _ in 0..BATCHES_MAX {
            // What was recorded a moment ago must go as well.
            self.client.refresh(&self.index).await?;
            let body = json!({
                "size": PAGE_MAX,
                "track_total_hits": false,
                "_source": ["userId"],
                "query": { "bool": { "filter": [{ "term": { "userId": user } }] } },
                "sort": ["_doc"],
            });
            let found: Found<serde::de::IgnoredAny> = self.client.search(&self.index, body).await?;
            if found.hits.hits.is_empty() {
                return Ok(erased);
            }
            let operation = |id: &str| Operation::delete(&self.index, id, Guard::Any);
            let operations: Vec<_> =
                found.hits.hits.iter().map(|hit| operation(&hit.id)).collect::<Result<_, _>>()?;
            let outcomes = self.client.bulk_all(&operations).await?;
            erased += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done)).count() as u64;
        }
        Err(unavailable("erasing a shopper's notifications: more keeps coming in than can be worked through"))
    }
}

#[async_trait]
impl crate::redis::NotificationHistory for ElasticsearchHistory {
    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let records: Vec<HistoryRecord> = deliveries.iter().map(HistoryRecord::from).collect();
        Self::record(self, &records).await.map(drop)
    }

    async fn erase(&self, user: &UserId) -> Result<(), StoreError> {
        Self::erase(self, user).await.map(drop)
    }
}
