//! Which offsets may be committed: all before the first record that is not done.

use std::collections::{BTreeMap, VecDeque};

use rep_core::Position;

/// Tracks delivered records by partition. Records may be done in any order; a partition's frontier is the
/// offset of its oldest record that is not done, or the one behind the last delivered if all are.
///
/// Offsets need not be contiguous (compacted or transactional logs leave gaps). A delivery that goes back
/// starts its partition anew: the log delivers again from the last commit.
#[derive(Debug, Default)]
pub struct Frontier {
    lanes: BTreeMap<u32, Lane>,
}

#[derive(Debug)]
struct Lane {
    epoch: u32,
    /// Delivered records from the oldest that is not done on: offset, and whether it is done.
    open: VecDeque<(u64, bool)>,
    /// The offset behind the last delivered.
    next: u64,
    committed: u64,
}

impl Lane {
    fn starting_at(position: Position) -> Self {
        let offset = position.offset;
        Self { epoch: position.epoch, open: VecDeque::new(), next: offset, committed: offset }
    }

    fn frontier(&self) -> u64 {
        self.open.front().map_or(self.next, |(offset, _)| *offset)
    }
}

impl Frontier {
    /// Notes that the record at `position` was delivered and is not done.
    pub fn deliver(&mut self, position: Position) {
        let lane = self.lanes.entry(position.partition).or_insert_with(|| Lane::starting_at(position));
        if position.epoch != lane.epoch || position.offset < lane.next {
            *lane = Lane::starting_at(position);
        }
        lane.open.push_back((position.offset, false));
        lane.next = position.offset + 1;
    }

    /// Notes that a delivered record is done. What is not tracked (any more) is ignored.
    pub fn done(&mut self, position: Position) {
        let Some(lane) = self.lanes.get_mut(&position.partition) else { return };
        if lane.epoch != position.epoch {
            return;
        }
        if let Ok(at) = lane.open.binary_search_by_key(&position.offset, |(offset, _)| *offset) {
            lane.open[at].1 = true;
        }
        while lane.open.front().is_some_and(|(_, done)| *done) {
            lane.open.pop_front();
        }
    }

    /// What may be committed and is not yet: `(partition, next offset)`, ordered by partition.
    pub fn committable(&self) -> Vec<(u32, u64)> {
        let ahead = |(partition, lane): (&u32, &Lane)| {
            (lane.frontier() > lane.committed).then(|| (*partition, lane.frontier()))
        };
        self.lanes.iter().filter_map(ahead).collect()
    }

    /// Whether there is something to commit.
    pub fn has_progress(&self) -> bool {
        self.lanes.values().any(|lane| lane.frontier() > lane.committed)
    }

    /// Notes that `offsets` are committed.
    pub fn committed(&mut self, offsets: &[(u32, u64)]) {
        for (partition, offset) in offsets {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.committed = lane.committed.max(*offset);
            }
        }
    }

    /// Forgets partitions that went to another member.
    pub fn forget(&mut self, partitions: &[u32]) {
        self.lanes.retain(|partition, _| !partitions.contains(partition));
    }

    /// Partitions that are tracked, in order.
    pub fn partitions(&self) -> Vec<u32> {
        self.lanes.keys().copied().collect()
    }

    /// Records that a crash now would bring again: delivered and not committed.
    pub fn in_flight(&self) -> u64 {
        self.lanes.values().map(|lane| lane.next - lane.committed).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(partition: u32, offset: u64) -> Position {
        Position { epoch: 1, partition, offset }
    }

    #[test]
    fn stops_before_the_first_record_that_is_not_done() {
        let mut frontier = Frontier::default();
        (10..15).for_each(|offset| frontier.deliver(at(3, offset)));
        frontier.done(at(3, 11));
        assert!(!frontier.has_progress());
        frontier.done(at(3, 10));
        assert_eq!(frontier.committable(), [(3, 12)]);
        frontier.committed(&[(3, 12)]);
        assert!(frontier.committable().is_empty());
        [14, 13, 12].into_iter().for_each(|offset| frontier.done(at(3, offset)));
        assert_eq!((frontier.committable(), frontier.in_flight()), (vec![(3, 15)], 3));
    }

    #[test]
    fn a_rewind_a_new_life_and_a_lost_partition_start_anew() {
        let mut frontier = Frontier::default();
        [5, 6, 7].into_iter().for_each(|offset| frontier.deliver(at(0, offset)));
        frontier.deliver(at(0, 5));
        frontier.done(at(0, 7));
        assert!(frontier.committable().is_empty());
        frontier.done(at(0, 5));
        assert_eq!(frontier.committable(), [(0, 6)]);
        let reborn = Position { epoch: 2, ..at(0, 9) };
        frontier.deliver(reborn);
        frontier.done(at(0, 9));
        assert!(frontier.committable().is_empty());
        frontier.done(reborn);
        assert_eq!(frontier.committable(), [(0, 10)]);
        frontier.forget(&[0]);
        frontier.done(reborn);
        assert!(frontier.committable().is_empty() && frontier.partitions().is_empty());
    }

    proptest! {
        /// Against the definition: the frontier is the lowest delivered offset that is not done, or the one
        /// behind the last delivered; at every step, for any gaps and any order of completion.
        #[test]
        fn is_the_highest_contiguous_done_offset(
            deliveries in prop::collection::vec((0_u32..3, 1_u64..4), 1..80),
            order in prop::collection::vec(any::<prop::sample::Index>(), 160),
            mix in prop::collection::vec(any::<bool>(), 400),
        ) {
            let mut frontier = Frontier::default();
            let mut ends = [0_u64; 3];
            let mut first = [None; 3];
            let mut open: Vec<(u32, u64)> = Vec::new();
            let (mut deliveries, mut order) = (deliveries.into_iter(), order.into_iter());
            let mut steps = mix.into_iter().chain(std::iter::repeat(true));
            let mut left = deliveries.len();
            while left > 0 || !open.is_empty() {
                if steps.next() == Some(true) && left > 0 {
                    let (partition, gap) = deliveries.next().unwrap();
                    left -= 1;
                    let offset = ends[partition as usize] + gap - 1;
                    ends[partition as usize] = offset + 1;
                    first[partition as usize].get_or_insert(offset);
                    frontier.deliver(at(partition, offset));
                    open.push((partition, offset));
                } else if !open.is_empty() {
                    let pick = order.next().map_or(0, |index| index.index(open.len()));
                    let (partition, offset) = open.swap_remove(pick);
                    frontier.done(at(partition, offset));
                }
                let expected: Vec<(u32, u64)> = (0..3_u32)
                    .filter_map(|partition| {
                        let start = first[partition as usize]?;
                        let oldest = open.iter().filter(|(p, _)| *p == partition).map(|(_, o)| *o).min();
                        let edge = oldest.unwrap_or(ends[partition as usize]);
                        (edge > start).then_some((partition, edge))
                    })
                    .collect();
                prop_assert_eq!(frontier.committable(), expected);
            }
        }
    }
}
