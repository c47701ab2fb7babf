//! A repaired event in place of one that could not be processed.
//!
//! It stays the same event: where the letter's record still says which one it was, it must carry the same id, else a
//! replay of both would take effect twice. A record that says nothing gets an id of its place, the same each time.

use rep_core::avro::{Codec, DeadLetter, Event};
use rep_core::ports::log::NewRecord;
use rep_core::{InventoryChange, Notification, Topic, UserAction};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Problem;

/// The record of `event`, which stands in for that of `letter`.
pub(crate) fn repaired(
    codec: &Codec,
    topic: Topic,
    letter: &DeadLetter,
    event: Value,
) -> Result<NewRecord, Problem> {
    let same = Same { codec, letter, event };
    match topic {
        Topic::UserAction => same.record::<UserAction>("traceId", |action| action.trace_id.as_str()),
        Topic::ProductInventory => {
            same.record::<InventoryChange>("traceId", |change| change.trace_id.as_str())
        }
        Topic::NotificationPush => same
            .record::<Notification>("notificationId", |notification| notification.notification_id.as_str()),
        Topic::UserActionDlq => Err(Problem::conflict("a dead letter is no event that could be repaired")),
    }
}

struct Same<'a> {
    codec: &'a Codec,
    letter: &'a DeadLetter,
    event: Value,
}

impl Same<'_> {
    /// The record, if the event is one, and the same as before; `field` is that of its id.
    fn record<E: Event + DeserializeOwned>(
        self,
        field: &'static str,
        id: impl Fn(&E) -> &str,
    ) -> Result<NewRecord, Problem> {
        let Self { codec, letter, mut event } = self;
        let known = codec.decode::<E>(&letter.payload).ok().map(|before| id(&before).to_owned());
        let Some(object) = event.as_object_mut() else {
            return Err(Problem::field("event", "must be an object, as the dead letter shows it"));
        };
        let given = object.entry(field).or_insert(Value::Null);
        if given.is_null() {
            *given = known.clone().unwrap_or_else(|| of_place(letter)).into();
        }
        let event: E =
            serde_json::from_value(event).map_err(|error| Problem::field("event", error.to_string()))?;
        if let Some(known) = known.filter(|known| *known != id(&event)) {
            let message = format!("must stay `{known}`: the same event has its effect once");
            return Err(Problem::field(format!("event.{field}"), message));
        }
        let value = codec.encode(&event).map_err(|error| Problem::field("event", error.to_string()))?;
        // What no consumer could read, such as a field that breaks a rule, is told by name.
        codec.decode::<E>(&value).map_err(|error| Problem::field("event", error.to_string()))?;
        Ok(NewRecord::new(event.key().to_vec(), value))
    }
}

/// An id for an event that has lost its own.
fn of_place(letter: &DeadLetter) -> String {
    format!("dlq.{}.{}.{}", letter.topic, letter.partition, letter.offset)
}
