//! Who reads which partition: cooperative, sticky, even within one.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

/// A member's number within its group's life.
pub(super) type MemberId = u64;

/// The members of one group on one topic.
pub(super) struct Group {
    state: Mutex<GroupState>,
    changed: watch::Sender<u64>,
}

struct GroupState {
    next_member: MemberId,
    /// Members, and how many partitions each should have.
    quotas: BTreeMap<MemberId, usize>,
    partitions: Vec<Ownership>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ownership {
    Free,
    Owned(MemberId),
    /// Still that member's, until it releases it.
    Leaving(MemberId),
}

impl Group {
    pub(super) fn new(partitions: u32) -> Self {
        let state = GroupState {
            next_member: 1,
            quotas: BTreeMap::new(),
            partitions: vec![Ownership::Free; partitions as usize],
        };
        Self { state: Mutex::new(state), changed: watch::Sender::new(0) }
    }

    /// Wakes whenever some member's partitions change.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn join(&self) -> MemberId {
        self.change(|state| {
            let member = state.next_member;
            state.next_member += 1;
            state.quotas.insert(member, 0);
            member
        })
    }

    pub(super) fn leave(&self, member: MemberId) {
        self.change(|state| {
            state.quotas.remove(&member);
            for partition in &mut state.partitions {
                if matches!(*partition, Ownership::Owned(m) | Ownership::Leaving(m) if m == member) {
                    *partition = Ownership::Free;
                }
            }
        });
    }

    pub(super) fn release(&self, member: MemberId, partitions: &[u32]) {
        self.change(|state| {
            for partition in partitions {
                if let Some(slot) = state.partitions.get_mut(*partition as usize)
                    && matches!(*slot, Ownership::Owned(m) | Ownership::Leaving(m) if m == member)
                {
                    *slot = Ownership::Free;
                }
            }
        });
    }

    /// What the member has, and what it has but must release.
    pub(super) fn partitions_of(&self, member: MemberId) -> (Vec<u32>, Vec<u32>) {
        let state = self.state.lock();
        let with = |wanted: Ownership| {
            let indexed = (0_u32..).zip(&state.partitions);
            indexed.filter(|(_, o)| **o == wanted).map(|(i, _)| i).collect::<Vec<u32>>()
        };
        (with(Ownership::Owned(member)), with(Ownership::Leaving(member)))
    }

    fn change<T>(&self, edit: impl FnOnce(&mut GroupState) -> T) -> T {
        let mut state = self.state.lock();
        let result = edit(&mut state);
        state.rebalance();
        drop(state);
        self.changed.send_modify(|version| *version += 1);
        result
    }
}

impl GroupState {
    fn owned_by(&self, member: MemberId) -> usize {
        self.partitions.iter().filter(|o| **o == Ownership::Owned(member)).count()
    }

    fn rebalance(&mut self) {
        if self.quotas.is_empty() {
            return;
        }
        let (total, members) = (self.partitions.len(), self.quotas.len());
        // Whoever has most may keep the one more that does not divide evenly.
        let mut by_count: Vec<(usize, MemberId)> =
            self.quotas.keys().map(|m| (self.owned_by(*m), *m)).collect();
        by_count.sort_by_key(|(count, member)| (std::cmp::Reverse(*count), *member));
        for (rank, (_, member)) in by_count.iter().enumerate() {
            self.quotas.insert(*member, total / members + usize::from(rank < total % members));
        }
        for (member, quota) in self.quotas.clone() {
            for _ in quota..self.owned_by(member) {
                if let Some(slot) = self.partitions.iter_mut().rev().find(|o| **o == Ownership::Owned(member))
                {
                    *slot = Ownership::Leaving(member);
                }
            }
            for _ in self.owned_by(member)..quota {
                if let Some(slot) = self.partitions.iter_mut().find(|o| **o == Ownership::Free) {
                    *slot = Ownership::Owned(member);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_spread_evenly_move_little_and_have_one_reader() {
        let group = Group::new(12);
        let a = group.join();
        assert_eq!(group.partitions_of(a).0.len(), 12);
        let b = group.join();
        let (kept, leaving) = group.partitions_of(a);
        assert_eq!((kept.len(), leaving.len()), (6, 6));
        assert!(group.partitions_of(b).0.is_empty(), "nothing moves before it is released");
        group.release(a, &leaving);
        assert_eq!(group.partitions_of(b).0, leaving);
        let c = group.join();
        for member in [a, b] {
            let leaving = group.partitions_of(member).1;
            group.release(member, &leaving);
        }
        for member in [a, b, c] {
            assert_eq!(group.partitions_of(member).0.len(), 4);
        }
        group.leave(b);
        assert_eq!(group.partitions_of(a).0.len() + group.partitions_of(c).0.len(), 12);
        assert!(kept.iter().filter(|p| group.partitions_of(a).0.contains(p)).count() >= 4);
    }
}
