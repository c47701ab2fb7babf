//! The latest actions and purchases of a shopper: bounded sets ordered by time, so that the order of arrival does not
//! matter.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{PURCHASED_MAX, RECENT_MAX};
use crate::{ActionType, ProductId, Registers, Timestamp, TraceId, stable_hash128};

/// One of a shopper's latest actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentAction {
    /// The product acted on.
    pub product_id: ProductId,
    /// What was done.
    pub action_type: ActionType,
    /// When.
    pub at: Timestamp,
    /// Identifies the event among those of one moment, see [`event_hash`]; 0 for those kept by a release before it.
    #[serde(default)]
    pub event: u64,
}

/// A product that was bought, and when it last was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purchase {
    /// The product.
    pub product_id: ProductId,
    /// When it was last bought.
    pub at: Timestamp,
}

/// Orders the events of one moment: half of the hash of their trace id.
pub fn event_hash(trace_id: &TraceId) -> u64 {
    stable_hash128(trace_id.as_str().as_bytes()) as u64
}

impl RecentAction {
    /// By time; those of one millisecond by their place in the funnel, as for interest, then by event.
    pub(super) fn order(&self) -> (Timestamp, Option<usize>, u64) {
        let place = Registers::ACTIONS.iter().position(|action| *action == self.action_type);
        (self.at, place, self.event)
    }
}

/// Puts `action` into its place, latest first; of more than [`RECENT_MAX`] the earliest goes.
pub(super) fn remember(recent: &mut VecDeque<RecentAction>, action: RecentAction) {
    let order = action.order();
    let place = recent.partition_point(|known| known.order() > order);
    if place >= RECENT_MAX || recent.get(place).is_some_and(|known| *known == action) {
        return;
    }
    recent.insert(place, action);
    recent.truncate(RECENT_MAX);
}

/// Puts a purchase into its place, latest first, each product once; of more than [`PURCHASED_MAX`] the earliest goes.
pub(super) fn purchase(purchased: &mut VecDeque<Purchase>, product_id: &ProductId, at: Timestamp) {
    if let Some(place) = purchased.iter().position(|known| known.product_id == *product_id) {
        if purchased[place].at >= at {
            return;
        }
        purchased.remove(place);
    }
    let place = purchased.partition_point(|known| (known.at, &known.product_id) > (at, product_id));
    if place < PURCHASED_MAX {
        purchased.insert(place, Purchase { product_id: product_id.clone(), at });
        purchased.truncate(PURCHASED_MAX);
    }
}
