//! What a role does with records, and how it says what became of them.

use async_trait::async_trait;
use rep_core::Position;
use rep_core::ports::log::Record;
use rep_core::ports::{StoreError, StoreErrorKind};
use tokio::time::Instant;

/// Stable codes of dead letters; decoding adds those of [`rep_core::avro::DecodeError::reason`].
pub mod reason {
    /// The event is well formed, but breaks a rule such as the bounds of its time.
    pub const INVALID: &str = "INVALID";
    /// The handler panicked over this record alone.
    pub const PANIC: &str = "PANIC";
    /// A store refuses this record, and always will.
    pub const REFUSED: &str = "REFUSED";
    /// What is stored for this record cannot be read.
    pub const CORRUPT: &str = "CORRUPT";
}

/// The code for what a store refuses for good.
pub(crate) fn reason_of(error: &StoreError) -> &'static str {
    match error.kind() {
        StoreErrorKind::Corrupt => reason::CORRUPT,
        _ => reason::REFUSED,
    }
}

/// Bytes of an error text that are kept.
const ERROR_BYTES_MAX: usize = 1024;

/// A record that must be parked.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The record as it was read.
    pub record: Record,
    /// A stable code; see [`reason`].
    pub reason: &'static str,
    /// What was wrong, for a person.
    pub error: String,
    /// How often it was tried, from 1.
    pub attempts: u32,
}

/// What is counted besides records that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Documents that are in the index since.
    pub indexed: u64,
    /// Repeats of events that were known.
    pub duplicates: u64,
    /// Notifications that were appended or delivered.
    pub notifications: u64,
    /// Notifications that were held back: unwanted, over the cap, or repeats.
    pub muted: u64,
    /// Records that had nothing to do.
    pub skipped: u64,
}

/// What became of records. A record in neither list is deferred: the handler reports it later.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Their effects stand.
    pub done: Vec<Position>,
    /// They are to be parked, and are done then.
    pub rejected: Vec<Rejected>,
    /// What to count.
    pub tally: Tally,
}

impl Rejected {
    /// Parks `record` after `attempts`; the text of `error` is cut to 1 KiB.
    pub fn new(record: &Record, reason: &'static str, error: impl ToString, attempts: u32) -> Self {
        let mut error = error.to_string();
        error.truncate(error.floor_char_boundary(ERROR_BYTES_MAX));
        Self { record: record.clone(), reason, error, attempts }
    }
}

/// Why records are refused for good.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    pub(crate) error: String,
    attempts: u32,
}

impl Refusal {
    /// A store's, after `attempts`.
    pub(crate) fn of_store(error: &StoreError, attempts: u32) -> Self {
        Self { reason: reason_of(error), error: error.to_string(), attempts }
    }

    pub(crate) fn panic(error: String, attempts: u32) -> Self {
        Self { reason: reason::PANIC, error, attempts }
    }

    pub(crate) fn of(&self, record: &Record) -> Rejected {
        Rejected::new(record, self.reason, &self.error, self.attempts)
    }
}

impl Verdicts {
    /// Parks `record` after its first attempt.
    pub fn reject(&mut self, record: &Record, reason: &'static str, error: impl ToString) {
        self.rejected.push(Rejected::new(record, reason, error, 1));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a role does with records.
///
/// The loop calls one method at a time. Effects must be idempotent by record: after an error, a panic or a
/// crash the same records come again, perhaps in other batches, in order within each partition.
#[async_trait]
pub trait Handler: Send {
    /// Gives `records` their effects.
    ///
    /// On an error nothing that was reported counts. A retryable error brings the same records again after a
    /// pause. Any other error, and a panic, halves the batch until the records at fault stand alone and are
    /// parked; so a handler changes its own state only after the last call that may fail.
    async fn handle(&mut self, records: &[Record], verdicts: &mut Verdicts) -> Result<(), StoreError>;

    /// When [`Self::tick`] is wanted at the latest; `None` while nothing is deferred.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Reports deferred records that are finished, and starts what is due; does not wait for the rest. An
    /// error ends the role.
    async fn tick(&mut self, _verdicts: &mut Verdicts) -> Result<(), StoreError> {
        Ok(())
    }

    /// Finishes and reports everything deferred. Safe to cancel: another call goes on. An error ends the
    /// role.
    async fn flush(&mut self, _verdicts: &mut Verdicts) -> Result<(), StoreError> {
        Ok(())
    }

    /// These partitions are another member's now: what is deferred of them need not be finished.
    fn revoked(&mut self, _partitions: &[u32]) {}
}
