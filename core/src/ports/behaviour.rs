//! The log of actions as documents: history, interest, and which events were seen.

use std::collections::HashSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::{EventId, InterestReason, Position, ProductId, Timestamp, UserAction, UserId};

/// An action as it is kept, by its [`EventId`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BehaviourDocument {
    /// The action.
    pub action: UserAction,
    /// The record it was read from.
    pub position: Position,
    /// When that record was appended.
    pub appended_at: Timestamp,
}

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOutcome {
    /// It is new.
    Created,
    /// It was there, from the same record: a redelivery.
    Redelivered,
    /// It was there, from another record: a repeat by the client. The first stands.
    Duplicate,
    /// The store refuses this document alone.
    Failed {
        /// Whether the same document may be taken later.
        retryable: bool,
        /// What the store said.
        reason: String,
    },
}

/// A shopper who cares about a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Interest {
    /// Who.
    pub user_id: UserId,
    /// The strongest reason.
    pub reason: InterestReason,
    /// When they last did what is the reason: put it into the cart, wished for it, or saw it.
    pub at: Timestamp,
}

/// A page of a shopper's history, newest first.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The documents.
    pub items: Vec<BehaviourDocument>,
    /// Where the next page begins; opaque; `None` at the end.
    pub next: Option<String>,
}

/// Behaviour documents.
///
/// - `index` is idempotent by event and takes each document alone: one that fails does not fail others.
///   Taken documents are durable no later than the next commit of the group whose records they are.
/// - Outcomes and `positions` follow each document that was taken at once; history, interest and count may
///   be a second behind.
/// - History is ordered by the action's time, newest first; actions of one moment keep one order of the store's
///   choice.
/// - Interest follows the actions' own time, too, by the rules of [`crate::Registers`]: the order in which documents
///   are taken, in one call or many at once, changes nothing. An older action that comes late undoes nothing newer.
#[async_trait]
pub trait BehaviourStore: Send + Sync {
    /// Keeps `documents`; gives an outcome for each, in their order.
    async fn index(&self, documents: Vec<BehaviourDocument>) -> Result<Vec<IndexOutcome>, StoreError>;

    /// From which record each event was indexed; `None` for what was never seen.
    async fn positions(&self, events: &[EventId<'_>]) -> Result<Vec<Option<Position>>, StoreError>;

    /// Up to `limit` of a shopper's actions, from `cursor` on. An unknown shopper has an empty history; a
    /// cursor that is not ours is refused as invalid.
    async fn history(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError>;

    /// Up to `limit` shoppers who are interested in `product` by what they did at or after `since`, strongest reason
    /// first, then newest, then by their ids.
    async fn interested(
        &self,
        product: &ProductId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Interest>, StoreError>;

    /// Those of `users` who are done with `product` by what they did at or after `since`: bought, disliked or gave it
    /// up, and showed no interest afterwards.
    async fn settled(
        &self,
        product: &ProductId,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashSet<UserId>, StoreError>;

    /// Forgets a shopper; gives how many documents went. Events stay known, as bare hashes, so that a repeat still has
    /// no effect.
    async fn erase(&self, user: &UserId) -> Result<u64, StoreError>;

    /// Documents kept.
    async fn count(&self) -> Result<u64, StoreError>;
}
