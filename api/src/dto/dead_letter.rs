//! Dead letters.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rep_core::avro::{Codec, DeadLetter};
use rep_core::{Position, Timestamp, Topic};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::topic::{DecodeProblem, payload};

/// Which dead letter: its place in the topic of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LetterId {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

impl From<Position> for LetterId {
    fn from(position: Position) -> Self {
        Self { partition: position.partition, offset: position.offset }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.offset)
    }
}

/// What is said of a text that is no [`LetterId`].
#[derive(Debug)]
pub(crate) struct NoLetterId;

impl fmt::Display for NoLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be the id of a dead letter, such as `0-17`")
    }
}

impl FromStr for LetterId {
    type Err = NoLetterId;

    fn from_str(text: &str) -> Result<Self, NoLetterId> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (partition, offset) =
            text.split_once('-').filter(|(p, o)| digits(p) && digits(o)).ok_or(NoLetterId)?;
        let partition = partition.parse().map_err(|_| NoLetterId)?;
        let offset = offset.parse().map_err(|_| NoLetterId)?;
        Ok(Self { partition, offset })
    }
}

/// A record that could not be processed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterItem)]
pub(crate) struct DeadLetterView {
    /// Names it in the routes of dead letters.
    #[schema(example = "0-17")]
    pub(crate) id: String,
    /// A stable code.
    #[schema(example = "MALFORMED")]
    pub(crate) reason: String,
    /// What was wrong.
    pub(crate) error: String,
    /// Where the record stood.
    #[schema(example = "user.action.v1")]
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    /// The consumer group that gave up.
    pub(crate) group: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) failed_at: Timestamp,
    /// The record's key as text, for actions the shopper.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) key: Option<String>,
    /// Length of the original value.
    pub(crate) payload_bytes: u64,
    /// SHA-256 of the original value, if only its beginning is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) cut_from_sha256: Option<String>,
}

/// The same with what the record says.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterDetail)]
pub(crate) struct DeadLetterDetail {
    #[serde(flatten)]
    pub(crate) letter: DeadLetterView,
    /// What the record says, if it can be decoded now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(crate) event: Option<Value>,
    /// Why it cannot be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) decode_error: Option<DecodeProblem>,
    /// The original value in Base64, or its beginning.
    pub(crate) payload: String,
}

/// Dead letters, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterPage)]
pub(crate) struct DeadLetterPage {
    pub(crate) items: Vec<DeadLetterView>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
    /// Dead letters that are kept, whatever the filters say.
    pub(crate) total: u64,
}

/// What may be asked of a replay.
#[derive(ToSchema)]
#[schema(as = ReplayRequest)]
#[expect(dead_code, reason = "describes what `replay` reads")]
pub(crate) struct ReplaySchema {
    /// Replay even what would be dead-lettered again, since it cannot be decoded.
    #[schema(nullable = false)]
    force: Option<bool>,
    /// A repaired event, in the form in which the dead letter shows its own, to be written in its place. It keeps the
    /// id (`traceId`, of a notification `notificationId`) that the record has; without one it gets it.
    #[schema(value_type = Option<Object>, nullable = false)]
    event: Option<Value>,
}

/// A record that was written again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replayed {
    /// The dead letter.
    #[schema(example = "0-17")]
    pub(crate) id: String,
    /// Where the record stands now.
    pub(crate) topic: &'static str,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

impl DeadLetterView {
    /// `letter`, which stands at `position` of its own topic.
    pub(crate) fn of(position: Position, letter: &DeadLetter) -> Self {
        Self {
            id: LetterId::from(position).to_string(),
            reason: letter.reason.clone(),
            error: letter.error.clone(),
            topic: letter.topic.clone(),
            partition: letter.partition,
            offset: letter.offset,
            group: letter.group.clone(),
            attempts: letter.attempts,
            failed_at: letter.failed_at,
            key: letter.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned()),
            payload_bytes: letter.cut_from.as_ref().map_or(letter.payload.len() as u64, |cut| cut.bytes),
            cut_from_sha256: letter.cut_from.as_ref().map(|cut| cut.sha256.clone()),
        }
    }
}

impl DeadLetterDetail {
    /// `letter` with what it holds.
    pub(crate) fn of(codec: &Codec, position: Position, letter: &DeadLetter) -> Self {
        let decoded = Topic::parse(&letter.topic).map(|topic| payload(codec, topic, &letter.payload));
        let (event, decode_error) = match decoded {
            Some(Ok(event)) => (Some(event), None),
            Some(Err(error)) => (None, Some(DecodeProblem::from(&error))),
            None => (None, None),
        };
        Self {
            letter: DeadLetterView::of(position, letter),
            event,
            decode_error,
            payload: STANDARD.encode(&letter.payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_nothing_else_is_one() {
        let id: LetterId = "2-18446744073709551615".parse().unwrap();
        assert_eq!((id.to_string().as_str(), id.partition), ("2-18446744073709551615", 2));
        for bad in ["", "-", "1", "1-", "-1", "a-1", "1-1-1", "+1-1", "1-18446744073709551616"] {
            assert!(bad.parse::<LetterId>().is_err(), "{bad}");
        }
    }
}
