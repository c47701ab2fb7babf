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
}

impl<'a> NewDocument<'a> {
    pub(in crate::elasticsearch) fn of(document: &'a BehaviourDocument, taken: i64) -> Self {
        let BehaviourDocument { action, position, appended_at } = document;
        Self { action, position: *position, appended_at: *appended_at, taken }
    }
}

/// What is left of an erased action: that its trace id was seen, and where.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tombstone<'a> {
    pub(super) trace_id: &'a str,
    pub(super) position: Position,
}

/// Where an action stood in the log.
#[derive(Deserialize)]
pub(super) struct Placed {
    pub(super) position: Position,
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
