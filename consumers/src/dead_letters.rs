//! Parking what cannot be processed, with its original bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rep_core::Topic;
use rep_core::avro::{Codec, CutFrom, DeadLetter, RECORD_BYTES_MAX};
use rep_core::ports::log::{EventLog, NewRecord};
use rep_core::ports::{StoreError, StoreErrorKind};
use sha2::{Digest, Sha256};

use crate::{Rejected, RoleContext};

/// Letters of one append.
const LETTERS_MAX: usize = 200;
/// Bytes of payload in one append, so that two hundred large records make no giant batch.
const APPEND_BYTES_MAX: usize = 4 << 20;
/// Bytes of a key that are kept.
const KEY_BYTES_MAX: usize = 4 << 10;
/// Bytes of payload that are kept: a dead letter must be no longer than what can be read back. Of a longer one
/// it keeps the beginning, with the length and SHA-256 of the whole, which still stands in its own topic for as
/// long as that keeps it.
const PAYLOAD_BYTES_MAX: usize = RECORD_BYTES_MAX - (KEY_BYTES_MAX + (8 << 10));
/// Bytes of payload that are kept of a record which the log refuses to take whole: wrapped into a dead
/// letter a record grows, and one at the log's limit would else stop its partition for ever.
const CUT_PAYLOAD_BYTES_MAX: usize = 64 << 10;

/// Appends dead letters to [`Topic::UserActionDlq`], for all source topics.
///
/// A crash between parking and commit parks a record again: readers tell repeats by topic, partition, offset
/// and group.
pub(crate) struct DeadLetters {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) codec: Codec,
    pub(crate) context: RoleContext,
    pub(crate) topic: Topic,
    pub(crate) group: &'static str,
}

impl DeadLetters {
    /// Parks `rejected`; returns once every one is durable, however long that takes.
    pub(crate) async fn park(&self, rejected: &[Rejected]) {
        let mut rest = rejected;
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(chunk_length(rest));
            if self.append(chunk, false).await.is_err() {
                for letter in chunk {
                    self.park_alone(letter).await;
                }
            }
            rest = later;
        }
        for letter in rejected {
            self.count(letter);
        }
        if let Some(Rejected { record, reason, error, .. }) = rejected.first() {
            let (role, count, first) = (self.context.role(), rejected.len(), record.position);
            let trace_id = record.trace.map(|trace| trace.trace_id_text());
            tracing::warn!(role, count, %first, trace_id, reason, error, "records are dead-lettered");
        }
    }

    async fn park_alone(&self, letter: &Rejected) {
        let letter = std::slice::from_ref(letter);
        let Err(refused) = self.append(letter, false).await else { return };
        let mut retry = self.context.retry("dead-letter");
        tracing::warn!(role = self.context.role(), error = %refused, "dead letter is refused whole and is cut");
        metrics::counter!("rep_consumer_dead_letters_cut_total", "role" => self.context.role()).increment(1);
        while let Err(error) = self.append(letter, true).await {
            retry.wait(&error).await;
        }
    }

    /// Appends until the log takes or refuses it.
    async fn append(&self, letters: &[Rejected], cut: bool) -> Result<(), StoreError> {
        let records =
            letters.iter().map(|letter| self.encoded(letter, cut)).collect::<Result<Vec<_>, _>>()?;
        let mut retry = self.context.retry("dead-letter");
        loop {
            match self.context.bounded(self.log.append(Topic::UserActionDlq, records.clone())).await {
                Ok(_) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    fn encoded(&self, rejected: &Rejected, cut: bool) -> Result<NewRecord, StoreError> {
        let record = &rejected.record;
        let mut error = rejected.error.clone();
        let key = &record.key[..record.key.len().min(KEY_BYTES_MAX)];
        let mut payload = &record.value[..];
        let payload_bytes_max = if cut { CUT_PAYLOAD_BYTES_MAX } else { PAYLOAD_BYTES_MAX };
        let mut cut_from = None;
        if payload.len() > payload_bytes_max {
            error.push_str(&format!(" (payload cut from {} bytes)", payload.len()));
            let sha256 = format!("{:x}", Sha256::digest(payload));
            cut_from = Some(CutFrom { bytes: payload.len() as u64, sha256 });
            payload = &payload[..payload_bytes_max];
        }
        let letter = DeadLetter {
            topic: self.topic.name().to_owned(),
            partition: record.position.partition,
            offset: record.position.offset,
            group: self.group.to_owned(),
            reason: rejected.reason.to_owned(),
            error,
            attempts: rejected.attempts,
            failed_at: self.context.now(),
            key: Some(key.to_vec()),
            payload: payload.to_vec(),
            cut_from,
        };
        let value =
            self.codec.encode(&letter).map_err(|error| StoreError::new(StoreErrorKind::Invalid, error))?;
        Ok(NewRecord::new(Bytes::copy_from_slice(key), value).in_trace(record.trace))
    }

    fn count(&self, letter: &Rejected) {
        let role = self.context.role();
        self.context.stats().dead_lettered.fetch_add(1, Ordering::Relaxed);
        self.context.stats().remember(self.topic, letter, self.context.now());
        metrics::counter!("rep_consumer_dead_letters_total", "role" => role, "reason" => letter.reason)
            .increment(1);
    }
}

fn chunk_length(letters: &[Rejected]) -> usize {
    let mut bytes = 0;
    let fits = |letter: &&Rejected| {
        bytes += letter.record.value.len();
        bytes <= APPEND_BYTES_MAX
    };
    letters.iter().take(LETTERS_MAX).take_while(fits).count().max(1)
}
