//! The shapes on the wire: borrowed, so that a decoded record allocates only what the event keeps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ActionType, Currency, FieldError, InterestReason, InventoryChange, Notification, NotificationKind,
    ProductId, Timestamp, Topic, UserAction,
};

/// What is carried by one topic.
pub trait Event: Sized {
    /// The topic.
    const TOPIC: Topic;
    /// Its shape on the wire.
    type Wire<'a>: Serialize + Deserialize<'a>
    where
        Self: 'a;

    /// The shape of this event.
    fn wire(&self) -> Self::Wire<'_>;

    /// The event of that shape; refuses identifiers and values that the types do not hold.
    fn from_wire(wire: Self::Wire<'_>) -> Result<Self, FieldError>;

    /// This event as it is meant today, if it was written by `version` of our schema, and what stands in that version meant
    /// something else then. Not asked of what other programs write by schemas of their own.
    #[must_use]
    fn of_version(self, version: u32) -> Self {
        let _ = version;
        self
    }

    /// What its partition is made of.
    fn key(&self) -> &[u8];
}

fn parsed<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, FieldError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| FieldError::new(field, error.to_string()))
}

/// What was logged is read, also a code that is not taken any more: a record must not stop a partition.
fn currency(code: &str) -> Result<Currency, FieldError> {
    Currency::recorded(code).map_err(|error| FieldError::new("currency", error.to_string()))
}

/// [`UserAction`] on the wire.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserActionWire<'a> {
    trace_id: &'a str,
    user_id: &'a str,
    action_type: ActionType,
    #[serde(default)]
    product_id: Option<&'a str>,
    #[serde(default, borrow)]
    search_query: Option<&'a str>,
    #[serde(default)]
    session_id: Option<&'a str>,
    timestamp: i64,
    #[serde(default, borrow)]
    metadata: BTreeMap<&'a str, &'a str>,
}

impl Event for UserAction {
    const TOPIC: Topic = Topic::UserAction;
    type Wire<'a> = UserActionWire<'a>;

    fn wire(&self) -> UserActionWire<'_> {
        UserActionWire {
            trace_id: self.trace_id.as_str(),
            user_id: self.user_id.as_str(),
            action_type: self.action_type,
            product_id: self.product_id.as_ref().map(ProductId::as_str),
            search_query: self.search_query.as_deref(),
            session_id: self.session_id.as_ref().map(crate::SessionId::as_str),
            timestamp: self.timestamp.as_ms(),
            metadata: self.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        }
    }

    fn from_wire(wire: UserActionWire<'_>) -> Result<Self, FieldError> {
        let action = Self {
            trace_id: parsed("traceId", wire.trace_id)?,
            user_id: parsed("userId", wire.user_id)?,
            action_type: wire.action_type,
            product_id: wire.product_id.map(|id| parsed("productId", id)).transpose()?,
            search_query: wire.search_query.map(str::to_owned),
            session_id: wire.session_id.map(|id| parsed("sessionId", id)).transpose()?,
            timestamp: Timestamp::from_ms(wire.timestamp),
            metadata: wire.metadata.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        };
        action.validate()?;
        Ok(action)
    }

    fn key(&self) -> &[u8] {
        self.user_id.as_str().as_bytes()
    }
}

/// [`InventoryChange`] on the wire.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryWire<'a> {
    trace_id: &'a str,
    product_id: &'a str,
    currency: &'a str,
    #[serde(default)]
    price_before: Option<i64>,
    price_after: i64,
    #[serde(default)]
    stock_before: Option<i64>,
    stock_after: i64,
    timestamp: i64,
    #[serde(default)]
    flapping: bool,
}

impl Event for InventoryChange {
    const TOPIC: Topic = Topic::ProductInventory;
    type Wire<'a> = InventoryWire<'a>;

    fn wire(&self) -> InventoryWire<'_> {
        InventoryWire {
            trace_id: self.trace_id.as_str(),
            product_id: self.product_id.as_str(),
            currency: self.currency.as_str(),
            price_before: self.price_before,
            price_after: self.price_after,
            stock_before: self.stock_before,
            stock_after: self.stock_after,
            timestamp: self.timestamp.as_ms(),
            flapping: self.flapping,
        }
    }

    fn from_wire(wire: InventoryWire<'_>) -> Result<Self, FieldError> {
        let change = Self {
            trace_id: parsed("traceId", wire.trace_id)?,
            product_id: parsed("productId", wire.product_id)?,
            currency: currency(wire.currency)?,
            price_before: wire.price_before,
            price_after: wire.price_after,
            stock_before: wire.stock_before,
            stock_after: wire.stock_after,
            timestamp: Timestamp::from_ms(wire.timestamp),
            flapping: wire.flapping,
        };
        change.validate()?;
        Ok(change)
    }

    /// Release 0.1 had version 1 alone, and other digits after the point for some currencies.
    fn of_version(self, version: u32) -> Self {
        if version == 1 { self.in_iso_units() } else { self }
    }

    fn key(&self) -> &[u8] {
        self.product_id.as_str().as_bytes()
    }
}

/// [`Notification`] on the wire.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationWire<'a> {
    notification_id: &'a str,
    trace_id: &'a str,
    user_id: &'a str,
    product_id: &'a str,
    product_name: &'a str,
    kind: NotificationKind,
    reason: InterestReason,
    currency: &'a str,
    #[serde(default)]
    price_before: Option<i64>,
    price_after: i64,
    stock_after: i64,
    timestamp: i64,
}

impl Event for Notification {
    const TOPIC: Topic = Topic::NotificationPush;
    type Wire<'a> = NotificationWire<'a>;

    fn wire(&self) -> NotificationWire<'_> {
        NotificationWire {
            notification_id: self.notification_id.as_str(),
            trace_id: self.trace_id.as_str(),
            user_id: self.user_id.as_str(),
            product_id: self.product_id.as_str(),
            product_name: &self.product_name,
            kind: self.kind,
            reason: self.reason,
            currency: self.currency.as_str(),
            price_before: self.price_before,
            price_after: self.price_after,
            stock_after: self.stock_after,
            timestamp: self.timestamp.as_ms(),
        }
    }

    fn from_wire(wire: NotificationWire<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            notification_id: parsed("notificationId", wire.notification_id)?,
            trace_id: parsed("traceId", wire.trace_id)?,
            user_id: parsed("userId", wire.user_id)?,
            product_id: parsed("productId", wire.product_id)?,
            product_name: wire.product_name.to_owned(),
            kind: wire.kind,
            reason: wire.reason,
            currency: currency(wire.currency)?,
            price_before: wire.price_before,
            price_after: wire.price_after,
            stock_after: wire.stock_after,
            timestamp: Timestamp::from_ms(wire.timestamp),
            merged: 0,
        })
    }

    fn key(&self) -> &[u8] {
        self.user_id.as_str().as_bytes()
    }
}

/// A record that could not be processed, with its original bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Where it stood.
    pub topic: String,
    /// Its partition there.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// The consumer group that gave up.
    pub group: String,
    /// A stable code, such as `MALFORMED`.
    pub reason: String,
    /// What was wrong, for a person.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub failed_at: Timestamp,
    /// The original key.
    pub key: Option<Vec<u8>>,
    /// The original value, or as much of it as [`Self::cut_from`] left.
    pub payload: Vec<u8>,
    /// What the payload was cut from; `None` if it is whole.
    pub cut_from: Option<CutFrom>,
}

/// The original value of a dead letter whose payload is only its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutFrom {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// [`DeadLetter`] on the wire.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterWire<'a> {
    topic: Cow<'a, str>,
    partition: i32,
    offset: i64,
    group: Cow<'a, str>,
    reason: Cow<'a, str>,
    error: Cow<'a, str>,
    attempts: i32,
    failed_at: i64,
    #[serde(default, borrow, with = "optional_bytes")]
    key: Option<&'a [u8]>,
    #[serde(with = "plain_bytes", borrow)]
    payload: &'a [u8],
    #[serde(default)]
    payload_bytes: Option<i64>,
    #[serde(default)]
    payload_sha256: Option<&'a str>,
}

mod plain_bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de [u8], D::Error> {
        <&[u8]>::deserialize(deserializer)
    }
}

mod optional_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    struct Bytes<'a>(&'a [u8]);

    impl Serialize for Bytes<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    pub(super) fn serialize<S: Serializer>(bytes: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.map(Bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<&'de [u8]>, D::Error> {
        Option::deserialize(deserializer)
    }
}

impl Event for DeadLetter {
    const TOPIC: Topic = Topic::UserActionDlq;
    type Wire<'a> = DeadLetterWire<'a>;

    fn wire(&self) -> DeadLetterWire<'_> {
        DeadLetterWire {
            topic: Cow::Borrowed(&self.topic),
            partition: i32::try_from(self.partition).unwrap_or(i32::MAX),
            offset: i64::try_from(self.offset).unwrap_or(i64::MAX),
            group: Cow::Borrowed(&self.group),
            reason: Cow::Borrowed(&self.reason),
            error: Cow::Borrowed(&self.error),
            attempts: i32::try_from(self.attempts).unwrap_or(i32::MAX),
            failed_at: self.failed_at.as_ms(),
            key: self.key.as_deref(),
            payload: &self.payload,
            payload_bytes: self.cut_from.as_ref().map(|cut| i64::try_from(cut.bytes).unwrap_or(i64::MAX)),
            payload_sha256: self.cut_from.as_ref().map(|cut| cut.sha256.as_str()),
        }
    }

    fn from_wire(wire: DeadLetterWire<'_>) -> Result<Self, FieldError> {
        let negative = |field| FieldError::new(field, "must not be negative");
        let cut_from = match (wire.payload_bytes, wire.payload_sha256) {
            (Some(bytes), Some(sha256)) => {
                let bytes = u64::try_from(bytes).map_err(|_| negative("payloadBytes"))?;
                Some(CutFrom { bytes, sha256: sha256.to_owned() })
            }
            _ => None,
        };
        Ok(Self {
            topic: wire.topic.into_owned(),
            partition: u32::try_from(wire.partition).map_err(|_| negative("partition"))?,
            offset: u64::try_from(wire.offset).map_err(|_| negative("offset"))?,
            group: wire.group.into_owned(),
            reason: wire.reason.into_owned(),
            error: wire.error.into_owned(),
            attempts: u32::try_from(wire.attempts).map_err(|_| negative("attempts"))?,
            failed_at: Timestamp::from_ms(wire.failed_at),
            key: wire.key.map(<[u8]>::to_vec),
            payload: wire.payload.to_vec(),
            cut_from,
        })
    }

    fn key(&self) -> &[u8] {
        self.key.as_deref().unwrap_or_default()
    }
}
