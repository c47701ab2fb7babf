//! Which records are news: decoded, in the bounds of time, and no repeat of a known event.

use std::sync::Arc;

use ahash::AHashMap;
use rep_core::avro::Codec;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::log::Record;
use rep_core::ports::{StoreError, one_each};
use rep_core::{EventId, EventKey, EventTimeLimits, Position, UserAction};

use crate::handler::reason;
use crate::pacing::breathe;
use crate::{RoleContext, Verdicts};

/// An action to be given its effects, and the record it was read from.
pub(super) struct Admitted<'a> {
    pub(super) record: &'a Record,
    pub(super) action: UserAction,
}

pub(super) struct Triage {
    pub(super) context: RoleContext,
    pub(super) codec: Codec,
    pub(super) behaviour: Arc<dyn BehaviourStore>,
    pub(super) limits: EventTimeLimits,
}

impl Triage {
    /// Decodes `records`; rejects what is no valid action of a possible time.
    pub(super) async fn decode<'a>(
        &self,
        records: &'a [Record],
        verdicts: &mut Verdicts,
    ) -> Vec<Admitted<'a>> {
        let now = self.context.now();
        let mut decoded = Vec::with_capacity(records.len());
        for (step, record) in records.iter().enumerate() {
            match self.codec.decode::<UserAction>(&record.value) {
                Err(error) => verdicts.reject(record, error.reason(), error),
                Ok(action) => match action.validate_time(now, self.limits) {
                    Err(error) => verdicts.reject(record, reason::INVALID, error),
                    Ok(()) => decoded.push(Admitted { record, action }),
                },
            }
            breathe(step).await;
        }
        decoded
    }

    /// Drops repeats: actions that are known from another record, be it indexed, on its way into the
    /// index (`pending`) or earlier in this batch. The same record again is no repeat but a redelivery; its
    /// effects are idempotent.
    pub(super) async fn without_repeats<'a>(
        &self,
        decoded: Vec<Admitted<'a>>,
        pending: &AHashMap<EventKey, Position>,
        verdicts: &mut Verdicts,
    ) -> Result<Vec<Admitted<'a>>, StoreError> {
        if decoded.is_empty() {
            return Ok(decoded);
        }
        let events: Vec<EventId<'_>> = decoded.iter().map(|a| a.action.event_id()).collect();
        let known = self.context.bounded(self.behaviour.positions(&events)).await?;
        let known = one_each(events.len(), known)?;
        let keys: Vec<EventKey> = events.into_iter().map(EventId::key).collect();
        let mut seen: AHashMap<EventKey, Position> = AHashMap::with_capacity(keys.len());
        let mut admitted = Vec::with_capacity(decoded.len());
        for ((candidate, key), known) in decoded.into_iter().zip(keys).zip(known) {
            let position = candidate.record.position;
            let first = known
                .or_else(|| pending.get(&key).copied())
                .unwrap_or_else(|| *seen.entry(key).or_insert(position));
            if first == position {
                admitted.push(candidate);
            } else {
                verdicts.tally.duplicates += 1;
                verdicts.done.push(position);
            }
        }
        Ok(admitted)
    }
}
