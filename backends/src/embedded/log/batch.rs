//! How records are stored: a batch of one append and one partition is one value.
//!
//! Value: `appended_at: i64, count: u32`, then for each record `key_len: u32, key, value_len: u32, value`;
//! all little endian. A record that is part of a trace has the highest bit of `key_len` set, and its
//! [`TraceContext`] in 25 bytes in front of the key; one that is not costs nothing, and is as it was before there
//! were traces. Key: topic, partition and offset of the first record, big endian, so that keys sort by offset.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rep_core::ports::StoreError;
use rep_core::ports::log::{NewRecord, Record};
use rep_core::{Position, Timestamp, Topic, TraceContext};

use crate::embedded::error::corrupt;

const HEADER_BYTES: usize = 12;
/// In a key's length: a trace context comes first. No key is that long ([`crate::append`]).
const HAS_TRACE: u32 = 1 << 31;

/// A batch of one partition.
#[derive(Clone, Debug)]
pub(super) struct StoredBatch {
    pub(super) base: u64,
    pub(super) count: u32,
    pub(super) appended_at: Timestamp,
    bytes: Bytes,
}

/// Collects the records of one batch.
pub(super) struct BatchBuilder {
    bytes: BytesMut,
    count: u32,
}

impl BatchBuilder {
    pub(super) fn new(appended_at: Timestamp) -> Self {
        let mut bytes = BytesMut::with_capacity(1024);
        bytes.put_i64_le(appended_at.as_ms());
        bytes.put_u32_le(0);
        Self { bytes, count: 0 }
    }

    /// Adds a record; gives its index in the batch.
    pub(super) fn push(&mut self, record: &NewRecord) -> u32 {
        let length = |part: &Bytes| u32::try_from(part.len()).unwrap_or(u32::MAX);
        match &record.trace {
            None => self.bytes.put_u32_le(length(&record.key)),
            Some(trace) => {
                self.bytes.put_u32_le(length(&record.key) | HAS_TRACE);
                self.bytes.put_slice(&trace.to_bytes());
            }
        }
        self.bytes.put_slice(&record.key);
        self.bytes.put_u32_le(length(&record.value));
        self.bytes.put_slice(&record.value);
        self.count += 1;
        self.count - 1
    }

    pub(super) fn finish(mut self, base: u64) -> StoredBatch {
        self.bytes[8..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
        let appended_at = Timestamp::from_ms((&self.bytes[..8]).get_i64_le());
        StoredBatch { base, count: self.count, appended_at, bytes: self.bytes.freeze() }
    }
}

impl StoredBatch {
    pub(super) fn from_stored(base: u64, bytes: Bytes) -> Result<Self, StoreError> {
        let Some(mut header) = bytes.get(..HEADER_BYTES) else {
            return Err(corrupt(format!("log batch at offset {base} is shorter than its header")));
        };
        let appended_at = Timestamp::from_ms(header.get_i64_le());
        let count = header.get_u32_le();
        Ok(Self { base, count, appended_at, bytes })
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Offset behind the last record.
    pub(super) fn end(&self) -> u64 {
        self.base + u64::from(self.count)
    }

    /// Adds the records from offset `from` on to `records`, until those are `max`.
    pub(super) fn read_into(
        &self,
        epoch: u32,
        partition: u32,
        from: u64,
        max: usize,
        records: &mut Vec<Record>,
    ) -> Result<(), StoreError> {
        let mut at = HEADER_BYTES;
        for offset in self.base..self.end() {
            if records.len() >= max {
                break;
            }
            let (key, trace) = self.key_and_trace(&mut at)?;
            let length = self.length(&mut at)?;
            let value = self.part(&mut at, length)?;
            if offset >= from {
                let position = Position { epoch, partition, offset };
                records.push(Record {
                    position,
                    appended_at: self.appended_at,
                    key: self.bytes.slice(key),
                    value: self.bytes.slice(value),
                    trace,
                });
            }
        }
        Ok(())
    }

    fn key_and_trace(&self, at: &mut usize) -> Result<(Range<usize>, Option<TraceContext>), StoreError> {
        let length = self.length(at)?;
        if length & HAS_TRACE == 0 {
            return Ok((self.part(at, length)?, None));
        }
        let bytes = self.part(at, TraceContext::BYTES as u32)?;
        let trace = self.bytes[bytes].first_chunk().and_then(TraceContext::from_bytes);
        Ok((self.part(at, length & !HAS_TRACE)?, trace))
    }

    fn length(&self, at: &mut usize) -> Result<u32, StoreError> {
        let bytes = self.part(at, 4)?;
        Ok((&self.bytes[bytes]).get_u32_le())
    }

    fn part(&self, at: &mut usize, length: u32) -> Result<Range<usize>, StoreError> {
        let end = at.checked_add(length as usize).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| corrupt(format!("log batch at offset {} is cut short", self.base)))?;
        Ok(std::mem::replace(at, end)..end)
    }
}

/// Prefix of a partition's keys.
pub(super) fn partition_prefix(topic: Topic, partition: u32) -> Vec<u8> {
    let number = match topic {
        Topic::UserAction => 1_u8,
        Topic::UserActionDlq => 2,
        Topic::ProductInventory => 3,
        Topic::NotificationPush => 4,
    };
    let mut key = vec![number];
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

/// Key of the batch that begins at `base`.
pub(super) fn batch_key(topic: Topic, partition: u32, base: u64) -> Vec<u8> {
    let mut key = partition_prefix(topic, partition);
    key.extend_from_slice(&base.to_be_bytes());
    key
}

/// Offset in a key made by [`batch_key`].
pub(super) fn base_of(key: &[u8]) -> Result<u64, StoreError> {
    key.last_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or_else(|| corrupt("a log key is too short".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_from_any_offset_and_cut_batches_are_refused() {
        let mut builder = BatchBuilder::new(Timestamp::from_ms(7));
        let trace = TraceContext::new([1; 16], [2; 8], true);
        builder.push(&NewRecord::new("a", "one"));
        builder.push(&NewRecord::new("", "").in_trace(trace));
        builder.push(&NewRecord::new("c", "three").in_trace(trace));
        let batch = builder.finish(10);
        let mut records = Vec::new();
        batch.read_into(1, 2, 11, 10, &mut records).unwrap();
        assert_eq!(records.iter().map(|r| r.position.offset).collect::<Vec<_>>(), [11, 12]);
        assert_eq!(&records[1].value[..], b"three");
        assert_eq!((records[0].trace, records[1].trace), (trace, trace));

        for cut in 0..batch.bytes.len() {
            let short = StoredBatch::from_stored(10, batch.bytes.slice(..cut));
            let read = short.and_then(|b| b.read_into(1, 2, 10, 10, &mut Vec::new()));
            assert!(read.is_err(), "cut at {cut}");
        }
    }

    /// The bytes of a directory that was written before records carried a trace context.
    const WITHOUT_TRACES: &[u8] =
        b"\x07\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0a\x03\0\0\0one\0\0\0\0\x05\0\0\0three";

    #[test]
    fn records_without_a_trace_are_stored_as_before_there_were_traces() {
        let mut builder = BatchBuilder::new(Timestamp::from_ms(7));
        builder.push(&NewRecord::new("a", "one"));
        builder.push(&NewRecord::new("", "three"));
        assert_eq!(builder.finish(0).bytes[..], *WITHOUT_TRACES);

        let batch = StoredBatch::from_stored(10, Bytes::from_static(WITHOUT_TRACES)).unwrap();
        let mut records = Vec::new();
        batch.read_into(1, 2, 10, 10, &mut records).unwrap();
        let read: Vec<_> = records.iter().map(|r| (&r.key[..], &r.value[..], r.trace)).collect();
        assert_eq!(read, [(&b"a"[..], &b"one"[..], None), (b"", b"three", None)]);
        assert_eq!(records[0].appended_at, Timestamp::from_ms(7));
    }
}
