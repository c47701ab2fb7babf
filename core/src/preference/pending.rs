//! Actions that count already, but move no vector yet: their product has none.
//!
//! An entry stands for exactly one share of taste. Whatever removes it from the state adds its share in the same
//! step, so an action has its effect once, however often a settlement is tried.

use serde::{Deserialize, Serialize};

use super::event_hash;
use crate::{ActionType, ProductId, Timestamp, TraceId, UnitVector};

/// Most actions of one shopper that wait for a vector; of more, the latest are kept.
pub const PENDING_MAX: usize = 32;

/// An action whose share of taste is added once its product has a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingAction {
    /// The event.
    pub trace_id: TraceId,
    /// The product without a vector.
    pub product_id: ProductId,
    /// What was done.
    pub action_type: ActionType,
    /// When it was done.
    pub at: Timestamp,
    /// When the event was taken into the log.
    pub logged_at: Timestamp,
}

/// What is known by now of a product that actions wait for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Settlement<'a> {
    /// It has this vector.
    Vector(&'a UnitVector),
    /// There is no such product: what was logged before then is given up.
    Unknown {
        /// Later actions wait on: the product may still be imported.
        logged_before: Timestamp,
    },
}

/// How the id begins of an action of which only its [`event_hash`] is known.
const OF_RECENT: &str = "recent-";

/// The id of an action of which only its [`event_hash`] is known.
pub(super) fn trace_of(event: u64) -> Option<TraceId> {
    TraceId::new(format!("{OF_RECENT}{event:016x}")).ok()
}

/// The [`event_hash`] of an action, also of one that has its id from [`trace_of`].
pub(super) fn event_of(trace_id: &TraceId) -> u64 {
    let digits = trace_id.as_str().strip_prefix(OF_RECENT).filter(|digits| digits.len() == 16);
    let known = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    known.unwrap_or_else(|| event_hash(trace_id))
}

/// Adds `action`, latest first. Returns how many went because of the bound: 0 or 1.
pub(super) fn defer(pending: &mut Vec<PendingAction>, action: PendingAction) -> usize {
    let key = |action: &PendingAction| (action.at, event_hash(&action.trace_id));
    let place = pending.partition_point(|known| key(known) > key(&action));
    pending.insert(place, action);
    let over = pending.len().saturating_sub(PENDING_MAX);
    pending.truncate(PENDING_MAX);
    over
}
