//! What a role did so far: cheap to count, cheap to read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use rep_core::{Position, Timestamp, Topic};
use serde::Serialize;

use crate::Tally;

/// Dead letters that are kept for display, the newest.
pub const DEAD_LETTERS_KEPT: usize = 50;

/// Totals of a role since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleStats {
    /// Records read, redeliveries included.
    pub received: u64,
    /// Records whose effects stand; dead letters are not among them.
    pub processed: u64,
    /// Records parked.
    pub dead_lettered: u64,
    /// Documents that are in the index since.
    pub indexed: u64,
    /// Repeats of events that were known.
    pub duplicates: u64,
    /// Notifications appended (inventory) or delivered (notify).
    pub notifications: u64,
    /// Notifications held back.
    pub muted: u64,
    /// Records that had nothing to do.
    pub skipped: u64,
    /// Calls that were tried again.
    pub retries: u64,
    /// Stages that wait for a store right now; above 0 the role is paused.
    pub paused: u32,
}

/// A dead letter without its payload, for display.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterSummary {
    /// Where it stood.
    pub topic: &'static str,
    /// Its place there.
    pub position: Position,
    /// A stable code.
    pub reason: &'static str,
    /// What was wrong.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was parked.
    pub failed_at: Timestamp,
}

/// Live counts of one role; shared with whoever shows them.
#[derive(Debug, Default)]
pub struct LiveStats {
    pub(crate) received: AtomicU64,
    pub(crate) processed: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    indexed: AtomicU64,
    duplicates: AtomicU64,
    notifications: AtomicU64,
    muted: AtomicU64,
    skipped: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) paused: AtomicU32,
    dead_letters: Mutex<VecDeque<DeadLetterSummary>>,
}

impl LiveStats {
    /// The totals as they stand.
    pub fn snapshot(&self) -> RoleStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RoleStats {
            received: get(&self.received),
            processed: get(&self.processed),
            dead_lettered: get(&self.dead_lettered),
            indexed: get(&self.indexed),
            duplicates: get(&self.duplicates),
            notifications: get(&self.notifications),
            muted: get(&self.muted),
            skipped: get(&self.skipped),
            retries: get(&self.retries),
            paused: self.paused.load(Ordering::Relaxed),
        }
    }

    /// The last dead letters, newest first, at most [`DEAD_LETTERS_KEPT`].
    pub fn dead_letters(&self) -> Vec<DeadLetterSummary> {
        self.dead_letters.lock().iter().cloned().collect()
    }

    pub(crate) fn add(&self, tally: Tally) {
        let pairs = [
            (&self.indexed, tally.indexed),
            (&self.duplicates, tally.duplicates),
            (&self.notifications, tally.notifications),
            (&self.muted, tally.muted),
            (&self.skipped, tally.skipped),
        ];
        for (count, more) in pairs {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn remember(&self, topic: Topic, rejected: &crate::Rejected, failed_at: Timestamp) {
        let mut kept = self.dead_letters.lock();
        kept.truncate(DEAD_LETTERS_KEPT - 1);
        kept.push_front(DeadLetterSummary {
            topic: topic.name(),
            position: rejected.record.position,
            reason: rejected.reason,
            error: rejected.error.clone(),
            attempts: rejected.attempts,
            failed_at,
        });
    }
}
