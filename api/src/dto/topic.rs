//! Topics and their records, decoded.

use rep_core::avro::{Codec, DeadLetter, DecodeError, Event};
use rep_core::ports::log::Record;
use rep_core::{InventoryChange, Notification, Timestamp, Topic, UserAction};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::dead_letter::DeadLetterDetail;

/// Bytes of a value that does not decode that are shown.
const SHOWN_BYTES_MAX: usize = 1024;

/// The topics.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopicList {
    pub(crate) items: Vec<TopicView>,
}

/// A topic of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = Topic)]
pub(crate) struct TopicView {
    #[schema(example = "user.action.v1")]
    pub(crate) name: String,
    pub(crate) partitions: u32,
    /// Records that are kept.
    pub(crate) records: u64,
    /// Who reads it, and how far behind they are.
    pub(crate) groups: Vec<GroupLag>,
}

/// How far a group is behind in all partitions of a topic.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupLag {
    pub(crate) group: String,
    /// Records it has yet to finish.
    pub(crate) lag: u64,
}

/// A record of the log, decoded.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TopicRecord)]
pub(crate) struct RecordView {
    #[schema(example = "user.action.v1")]
    pub(crate) topic: &'static str,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    /// When it was appended.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) appended_at: Timestamp,
    /// What decided its partition, as text.
    pub(crate) key: String,
    /// Length of its value.
    pub(crate) bytes: usize,
    /// The trace that it is part of, as W3C writes it; absent if it is part of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    pub(crate) traceparent: Option<String>,
    /// What it says; absent if it cannot be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(crate) event: Option<Value>,
    /// Why it cannot be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) error: Option<DecodeProblem>,
}

/// Why a record cannot be decoded.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecodeProblem {
    /// A stable code.
    #[schema(example = "BAD_MAGIC")]
    pub(crate) reason: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// How its value begins, at most 1 KiB, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) value_hex: Option<String>,
}

/// Records that retention removed before they could be read.
#[derive(Serialize, ToSchema)]
#[schema(as = TopicGap)]
pub(crate) struct RecordGap {
    pub(crate) partition: u32,
    /// Offset of the first that is lost.
    pub(crate) from: u64,
    /// Offset of the first that is there.
    pub(crate) to: u64,
}

impl RecordView {
    /// `record` as it is shown; what does not decode is shown with its error.
    pub(crate) fn of(codec: &Codec, topic: Topic, record: &Record) -> Self {
        let (event, error) = match decoded(codec, topic, record) {
            Ok(event) => (Some(event), None),
            Err(error) => {
                let shown = &record.value[..record.value.len().min(SHOWN_BYTES_MAX)];
                let problem =
                    DecodeProblem { value_hex: Some(hex::encode(shown)), ..DecodeProblem::from(&error) };
                (None, Some(problem))
            }
        };
        Self {
            topic: topic.name(),
            partition: record.position.partition,
            offset: record.position.offset,
            appended_at: record.appended_at,
            key: String::from_utf8_lossy(&record.key).into_owned(),
            bytes: record.value.len(),
            traceparent: record.trace.map(|trace| trace.to_string()),
            event,
            error,
        }
    }
}

impl From<&DecodeError> for DecodeProblem {
    fn from(error: &DecodeError) -> Self {
        Self { reason: error.reason(), message: error.to_string(), value_hex: None }
    }
}

fn decoded(codec: &Codec, topic: Topic, record: &Record) -> Result<Value, DecodeError> {
    match topic {
        Topic::UserActionDlq => {
            let letter: DeadLetter = codec.decode(&record.value)?;
            json(&DeadLetterDetail::of(codec, record.position, &letter))
        }
        other => payload(codec, other, &record.value),
    }
}

/// The event in `value`, a record of `topic`, as JSON.
pub(crate) fn payload(codec: &Codec, topic: Topic, value: &[u8]) -> Result<Value, DecodeError> {
    match topic {
        Topic::UserAction => event::<UserAction>(codec, value),
        Topic::ProductInventory => event::<InventoryChange>(codec, value),
        Topic::NotificationPush => event::<Notification>(codec, value),
        // Dead letters are never dead-lettered themselves.
        Topic::UserActionDlq => Err(DecodeError::Malformed("a dead letter within a dead letter".to_owned())),
    }
}

fn event<E: Event + Serialize>(codec: &Codec, value: &[u8]) -> Result<Value, DecodeError> {
    json(&codec.decode::<E>(value)?)
}

fn json(value: &impl Serialize) -> Result<Value, DecodeError> {
    serde_json::to_value(value).map_err(|error| DecodeError::Malformed(error.to_string()))
}
