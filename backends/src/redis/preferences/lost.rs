//! What Redis lost: a failover or a power cut takes the last moments before it. What this process stored and did not
//! save yet it still knows, and puts back.

use rep_core::ports::{StoreError, one_each};
use rep_core::{UserId, stable_hash128};

use super::fold::NOTHING;
use super::{PART, RedisPreferences, State};
use crate::redis::link::parsed;
use crate::redis::stored;

/// What stands of a shopper, beside what this process stored last.
pub(super) enum Stands {
    /// That.
    AsThought,
    /// Something else, by how it begins; nothing, if that is empty.
    Otherwise {
        /// The beginning.
        head: String,
    },
}

impl RedisPreferences {
    /// What stands of the shoppers of `states`, in their order.
    pub(super) async fn stands(&self, states: &[&State]) -> Result<Vec<Stands>, StoreError> {
        let get = |state: &&State| {
            let (key, last) = (self.key(&state.0.user_id), stored::HEAD_BYTES - 1);
            redis::cmd("GETRANGE").arg(key).arg(0).arg(last).to_owned()
        };
        let heads = self.link.run_all(states.iter().map(get).collect()).await?;
        let heads = one_each(states.len(), heads)?;
        let stands = |(state, head): (&&State, Result<redis::Value, StoreError>)| {
            let head: String = parsed(head?)?;
            let is_ours = head == stored::head(&state.0, state.1);
            Ok(if is_ours { Stands::AsThought } else { Stands::Otherwise { head } })
        };
        states.iter().zip(heads).map(stands).collect()
    }

    /// Puts back those of `states` that Redis had and lost: what stands, by how it begins, is an earlier state of the
    /// shopper or none, and nobody erased them. Gives whether each stands now.
    pub(super) async fn put_back<'a>(
        &self,
        states: Vec<(&'a State, String)>,
    ) -> Result<Vec<(&'a State, bool)>, StoreError> {
        let users: Vec<&UserId> = states.iter().map(|(state, _)| &state.0.user_id).collect();
        let erased = self.erased(&users).await?;
        let (mut found, mut lost, mut swaps) = (Vec::new(), Vec::new(), Vec::new());
        for ((state, head), is_erased) in states.into_iter().zip(erased) {
            if is_erased || !is_behind(&head, state) {
                found.push((state, false));
                continue;
            }
            let is_absent = head.is_empty();
            swaps.push(self.swap(if is_absent { NOTHING } else { &head }, is_absent, state, &[])?);
            lost.push(state);
        }
        let answers = one_each(lost.len(), self.link.run_all(swaps).await?)?;
        for (state, answer) in lost.into_iter().zip(answers) {
            let is_back = parsed::<i64>(answer?)? == 1;
            found.push((state, is_back));
        }
        let back = found.iter().filter(|(_, is_back)| *is_back).count();
        if back > 0 {
            tracing::warn!(back, "Redis lost preferences that were stored a moment ago; they are put back");
            metrics::counter!("rep_preferences_put_back_total").increment(back as u64);
        }
        Ok(found)
    }

    /// Puts back what Redis lost of `users`, as far as it is not in the backup.
    pub(super) async fn restore(&self, users: impl Iterator<Item = &UserId>) -> Result<(), StoreError> {
        let ours: Vec<State> = users.filter_map(|user| self.unsaved.state(user)).collect();
        for part in ours.chunks(PART) {
            let part: Vec<&State> = part.iter().collect();
            let stands = self.stands(&part).await?;
            let otherwise = part.into_iter().zip(stands).filter_map(|(state, stands)| match stands {
                Stands::AsThought => None,
                Stands::Otherwise { head } => Some((state, head)),
            });
            self.put_back(otherwise.collect()).await?;
        }
        Ok(())
    }

    /// Which of `users` were erased lately, in their order.
    async fn erased(&self, users: &[&UserId]) -> Result<Vec<bool>, StoreError> {
        let exists = |user: &&UserId| redis::cmd("EXISTS").arg(self.erased_key(user)).to_owned();
        let answers = self.link.run_all(users.iter().map(exists).collect()).await?;
        one_each(users.len(), answers)?.into_iter().map(|answer| parsed::<bool>(answer?)).collect()
    }

    /// Stands for the time to live after an erasure. Does not tell who it was.
    pub(super) fn erased_key(&self, user: &UserId) -> String {
        self.link.key(format_args!("erased:{:032x}", stable_hash128(user.as_str().as_bytes())))
    }
}

/// Whether what begins with `head` is an earlier state of the shopper than `ours`, or none.
fn is_behind(head: &str, ours: &State) -> bool {
    let (preference, version) = &**ours;
    match (stored::fence_of(head), preference.position) {
        (None, _) => head.is_empty(),
        (Some((position, theirs)), Some(ours)) => theirs < *version && position.is_covered_by(ours),
        (Some(_), None) => false,
    }
}
