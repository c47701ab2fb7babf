//! Where a record stands in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A record's place: which life of the topic, which partition, which offset.
///
/// The epoch grows when a topic is made anew, so that small offsets of the new life are not taken for
/// replays of the old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The topic's life, from 1.
    pub epoch: u32,
    /// The partition.
    pub partition: u32,
    /// The offset in it.
    pub offset: u64,
}

impl Position {
    /// Whether an effect of this position is already part of a state that was last changed at `fence`.
    ///
    /// Positions of different partitions are not ordered: only one partition carries a given key, so a
    /// change of partition within an epoch is news.
    pub fn is_covered_by(self, fence: Self) -> bool {
        self.epoch < fence.epoch
            || (self.epoch == fence.epoch && self.partition == fence.partition && self.offset <= fence.offset)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.partition, self.offset, self.epoch)
    }
}
