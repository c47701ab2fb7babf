//! Events on the wire: the registry's 5-byte header (magic 0, schema id, big endian) and an Avro body.
//!
//! Schemas of all versions stand in `core/schemas/<topic>/<version>.avsc`; the newest is written, every one
//! is read. Readers resolve by field name: fields a writer does not know take their defaults.
//!
//! Other programs may write by schemas of their own, registered for the same topic. [`Codec::learn`] looks those up
//! when their records come; [`Codec::decode`] then resolves them alike, and passes over fields that we do not know.

mod learned;
mod schemas;
mod wire;

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeError, DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::SerializerConfig;

pub use learned::{LEARNED_MAX, SCHEMA_BYTES_MAX};
pub use schemas::{SchemaVersion, versions};
pub use wire::{CutFrom, DeadLetter, Event};

use self::learned::Learned;
use crate::Topic;
use crate::ports::StoreError;
use crate::ports::schemas::Schemas;

/// First byte of a record in the registry's framing.
pub const MAGIC: u8 = 0;
/// Bytes before the body: magic and schema id.
pub const HEADER_BYTES: usize = 5;
/// Longest record value that is decoded, in bytes; bounds what a hostile length can allocate.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Most entries of a map or array in a record.
const SEQUENCE_LENGTH_MAX: usize = 10_000;

/// Why bytes are no event; none of these gets better by trying again.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than the header.
    #[error("record of {0} bytes is shorter than its {HEADER_BYTES}-byte header")]
    TooShort(usize),
    /// Longer than [`RECORD_BYTES_MAX`].
    #[error("record of {0} bytes is longer than {RECORD_BYTES_MAX}")]
    TooLong(usize),
    /// The first byte is not [`MAGIC`].
    #[error("record begins with byte {0:#04x}, expected 0x00")]
    BadMagic(u8),
    /// No schema of that id is known for the topic.
    #[error("schema id {0} is unknown for this topic")]
    UnknownSchema(u32),
    /// What is registered under that id cannot be read by.
    #[error("schema id {id} cannot be read by: {reason}")]
    UnusableSchema {
        /// The id.
        id: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// The body does not fit the schema, or holds values that the type refuses.
    #[error("record does not fit its schema: {0}")]
    Malformed(String),
    /// Bytes are left behind the body.
    #[error("{0} bytes are left behind the record's body")]
    TrailingBytes(usize),
}

impl DecodeError {
    /// A stable code for dead letters and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooShort(_) | Self::TooLong(_) => "BAD_LENGTH",
            Self::BadMagic(_) => "BAD_MAGIC",
            Self::UnknownSchema(_) | Self::UnusableSchema { .. } => "UNKNOWN_SCHEMA",
            Self::Malformed(_) | Self::TrailingBytes(_) => "MALFORMED",
        }
    }
}

/// An event could not be written as its own schema says: a defect of the program, not of the input.
#[derive(Debug, thiserror::Error)]
#[error("event does not fit schema `{subject}`: {reason}")]
pub struct EncodeError {
    subject: String,
    reason: String,
}

/// The id each schema version has in the registry that is used.
pub type SchemaIds = HashMap<(Topic, u32), u32>;

/// Encodes and decodes the events of all topics; cheap to clone.
#[derive(Clone)]
pub struct Codec {
    inner: Arc<CodecInner>,
    /// Schemas of other programs, if there is somebody to ask for them.
    learned: Option<Arc<Learned>>,
}

struct CodecInner {
    writers: HashMap<Topic, (u32, Arc<Schema>)>,
    /// By id; with the version that it is.
    readers: HashMap<(Topic, u32), (u32, Arc<Schema>)>,
}

impl Codec {
    /// A codec with the ids that a registry gave to the versions of [`versions`]; versions without an id
    /// can be neither written nor read.
    pub fn new(ids: &SchemaIds) -> Result<Self, EncodeError> {
        let mut writers = HashMap::new();
        let mut readers = HashMap::new();
        for version in versions() {
            let Some(id) = ids.get(&(version.topic, version.version)) else { continue };
            let schema: Schema = version.text.parse().map_err(|error| EncodeError {
                subject: version.subject(),
                reason: format!("schema does not parse: {error}"),
            })?;
            let schema = Arc::new(schema);
            readers.insert((version.topic, *id), (version.version, Arc::clone(&schema)));
            writers.insert(version.topic, (*id, schema));
        }
        Ok(Self { inner: Arc::new(CodecInner { writers, readers }), learned: None })
    }

    /// A codec that looks up what other programs write by in `schemas`; its clones share what it learns.
    pub fn learning_from(self, schemas: Arc<dyn Schemas>) -> Self {
        Self { learned: Some(Arc::new(Learned::new(schemas))), ..self }
    }

    /// Learns the schemas of those `values` of `topic` whose id is not known, so that [`Self::decode`] reads them.
    /// Asks nobody where all are known: one question for all others, however many ids there are. What is not
    /// registered stays unknown, and is asked for again by the next call that meets it.
    ///
    /// # Errors
    /// Those of [`Schemas::of`]: nothing is known of the values then.
    pub async fn learn(&self, topic: Topic, values: impl Iterator<Item = &[u8]>) -> Result<(), StoreError> {
        let Some(learned) = &self.learned else { return Ok(()) };
        let unknown = |value: &[u8]| {
            let id = framed(value).ok()?.0;
            (!self.inner.readers.contains_key(&(topic, id)) && !learned.has(topic, id)).then_some(id)
        };
        if values.filter_map(unknown).next().is_some() { learned.ask(topic).await } else { Ok(()) }
    }

    /// A codec whose ids are 1, 2, 3, … in the order of [`versions`]: what a fresh embedded registry gives.
    pub fn with_sequential_ids() -> Self {
        let ids = versions().iter().zip(1..).map(|(v, id)| ((v.topic, v.version), id)).collect();
        Self::new(&ids).unwrap_or_else(|error| unreachable!("the tree's schemas parse: {error}"))
    }

    /// Encodes `event` with the newest schema of its topic.
    pub fn encode<E: Event>(&self, event: &E) -> Result<Vec<u8>, EncodeError> {
        let fail = |reason: String| EncodeError { subject: E::TOPIC.to_string(), reason };
        let (id, schema) =
            self.inner.writers.get(&E::TOPIC).ok_or_else(|| fail("no schema is registered".to_owned()))?;
        let mut bytes = Vec::with_capacity(192);
        bytes.push(MAGIC);
        bytes.extend_from_slice(&id.to_be_bytes());
        serde_avro_fast::to_datum(&event.wire(), bytes, &mut SerializerConfig::new(schema))
            .map_err(|error| fail(error.to_string()))
    }

    /// Decodes one record of `E`'s topic.
    pub fn decode<E: Event>(&self, bytes: &[u8]) -> Result<E, DecodeError> {
        let (id, body) = framed(bytes)?;
        let learned;
        let (version, schema) = match (self.inner.readers.get(&(E::TOPIC, id)), &self.learned) {
            (Some((version, ours)), _) => (Some(*version), ours),
            (None, Some(others)) => {
                learned = others.schema(E::TOPIC, id)?;
                (None, &learned)
            }
            (None, None) => return Err(DecodeError::UnknownSchema(id)),
        };
        let mut config = DeserializerConfig::new(schema);
        config.max_seq_size = SEQUENCE_LENGTH_MAX;
        let mut state = DeserializerState::with_config(SliceRead::new(body), config);
        let wire = serde::Deserialize::deserialize(state.deserializer())
            .map_err(|error: DeError| DecodeError::Malformed(error.to_string()))?;
        match state.into_reader().fill_buf().map_or(0, <[u8]>::len) {
            0 => {}
            left => return Err(DecodeError::TrailingBytes(left)),
        }
        let event = E::from_wire(wire).map_err(|error| DecodeError::Malformed(error.to_string()))?;
        Ok(version.into_iter().fold(event, E::of_version))
    }
}

/// The schema's id and the body of a record.
fn framed(bytes: &[u8]) -> Result<(u32, &[u8]), DecodeError> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DecodeError::TooShort(bytes.len()));
    };
    if header[0] != MAGIC {
        return Err(DecodeError::BadMagic(header[0]));
    }
    Ok((u32::from_be_bytes([header[1], header[2], header[3], header[4]]), body))
}
