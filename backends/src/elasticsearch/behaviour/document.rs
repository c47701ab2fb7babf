//! An action as a document.

use std::collections::BTreeMap;

use rep_core::ports::behaviour::BehaviourDocument;
use rep_core::{ActionType, Position, ProductId, SessionId, Timestamp, TraceId, UserAction, UserId};
use serde::{Deserialize, Serialize};

/// What is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::elasticsearch) struct NewDocument<'a> {
    #[serde(flatten)]
    action: &'a UserAction,
    position: Position,
    appended_at: Timestamp,
    /// Greater than that of documents taken before. Roles of the release before this one, which may run beside, order
    /// actions by it; we go by the actions' own time.
    taken: i64,
    identity: u8,
}

/// Of documents under the key of their event; those of release 0.1 have none.
const IDENTITY: u8 = 2;

impl<'a> NewDocument<'a> {
    pub(in crate::elasticsearch) fn of(document: &'a BehaviourDocument, taken: i64) -> Self {
        let BehaviourDocument { action, position, appended_at } = document;
        Self { action, position: *position, appended_at: *appended_at, taken, identity: IDENTITY }
    }
}

/// What is left of an erased action: that its event was seen, and where.
#[derive(Serialize)]
pub(super) struct Tombstone {
    position: Position,
    identity: u8,
}

impl Tombstone {
    pub(super) fn at(position: Position) -> Self {
        Self { position, identity: IDENTITY }
    }
}

/// Where an action stood in the log, and which and whose it was, where that is known and asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placed {
    pub(super) position: Position,
    pub(super) user_id: Option<UserId>,
    pub(super) trace_id: Option<TraceId>,
}

/// What is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredAction {
    trace_id: TraceId,
    user_id: UserId,
    action_type: ActionType,
    product_id: Option<ProductId>,
    search_query: Option<String>,
    session_id: Option<SessionId>,
    timestamp: Timestamp,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    position: Position,
    appended_at: Timestamp,
}

impl StoredAction {
    pub(super) fn read(self) -> Result<BehaviourDocument, rep_core::FieldError> {
        let action = UserAction {
            trace_id: self.trace_id,
            user_id: self.user_id,
            action_type: self.action_type,
            product_id: self.product_id,
            search_query: self.search_query,
            session_id: self.session_id,
            timestamp: self.timestamp,
            metadata: self.metadata,
        };
        Ok(BehaviourDocument { action, position: self.position, appended_at: self.appended_at })
    }
}
