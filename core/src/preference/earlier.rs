//! What was done before a change of model: counted, and in no sum of the new model until it is remembered.

use serde::{Deserialize, Serialize};

use super::pending::event_of;
use super::{PendingAction, Share, event_hash};
use crate::{Position, Timestamp, TraceId};

/// The actions that were folded in before the model of the state changed, but for those that wait by themselves.
///
/// Stands for exactly one share of taste. Whatever removes it from the state adds that share in the same step, so that
/// these actions have their effect once, however often somebody tries to remember them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    /// The last record folded in before the change.
    pub until: Position,
    /// The events that waited after it, by [`event_hash`]: their shares come with them. At most
    /// [`super::PENDING_MAX`].
    pub waits: Vec<u64>,
}

impl Earlier {
    /// Whether the event `trace_id` is among them, in a state that is of its model since `model_since`. It was read at
    /// `position`, where it had been appended at `appended_at`.
    pub fn holds(
        &self,
        trace_id: &TraceId,
        position: Position,
        appended_at: Timestamp,
        model_since: Timestamp,
    ) -> bool {
        // A topic that got more partitions: of those that carried the key before, nothing is left to come.
        let moved = position.epoch == self.until.epoch && position.partition != self.until.partition;
        let is_before = position.is_covered_by(self.until) || (moved && appended_at < model_since);
        is_before && !self.waits.contains(&event_hash(trace_id)) && !self.waits.contains(&event_of(trace_id))
    }

    /// Takes back the earliest of those that wait by themselves, which `pending` has latest first.
    pub(super) fn take_back(&mut self, pending: &mut Vec<PendingAction>) {
        let place_of = |waits: &PendingAction| {
            let event = event_of(&waits.trace_id);
            self.waits.iter().position(|known| *known == event)
        };
        let found = (0..pending.len()).rev().find_map(|at| Some((at, place_of(&pending[at])?)));
        if let Some((at, place)) = found {
            pending.remove(at);
            self.waits.remove(place);
        }
    }
}

/// The share of the actions of an [`Earlier`].
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Whose share it is: it counts only where this stands.
    pub of: Earlier,
    /// The share.
    pub share: Share,
    /// Those of them whose products have no vector yet: they wait from now on, each by itself.
    pub waiting: Vec<PendingAction>,
}

#[cfg(test)]
mod tests;
