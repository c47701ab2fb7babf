//! What Redis lost: a failover or a power cut takes the last moments before it. What this process stored and did not
//! save yet it still knows, and puts back.

use rep_core::ports::{StoreError, one_each};
use rep_core::{UserId, stable_hash128};

use super::fold::NOTHING;
use super::{RedisPreferences, State};
use crate::redis::link::parsed;
use crate::redis::stored;

impl RedisPreferences {
    /// Puts back those of `states` that Redis had and lost: what stands is an earlier state of the shopper or none, and
    /// nobody erased them. Gives for each, in their order, whether it stands now.
    pub(super) async fn restored(&self, states: &[State]) -> Result<Vec<bool>, StoreError> {
        let heads = self.heads(states).await?;
        let ours = |at: usize| stored::head(&states[at].0, states[at].1);
        let mut stand: Vec<bool> = (0..states.len()).map(|at| heads[at] == ours(at)).collect();
        let mut lost: Vec<usize> =
            (0..states.len()).filter(|at| !stand[*at] && is_behind(&heads[*at], &states[*at])).collect();
        let users: Vec<&UserId> = lost.iter().map(|at| &states[*at].0.user_id).collect();
        let mut erased = self.erased(&users).await?.into_iter();
        lost.retain(|_| erased.next() == Some(false));
        let swap = |at: &usize| {
            let is_absent = heads[*at].is_empty();
            self.swap(if is_absent { NOTHING } else { &heads[*at] }, is_absent, &states[*at], false, &[])
        };
        let swaps = lost.iter().map(swap).collect::<Result<_, _>>()?;
        let answers = one_each(lost.len(), self.link.run_all(swaps).await?)?;
        let mut back = 0_u64;
        for (at, answer) in lost.into_iter().zip(answers) {
            stand[at] = parsed::<i64>(answer?)? == 1;
            back += u64::from(stand[at]);
        }
        let back_again = (0..states.len()).filter(|at| stand[*at] && heads[*at] != ours(*at));
        self.note_waits_of(&back_again.map(|at| &*states[at]).collect::<Vec<_>>()).await?;
        if back > 0 {
            tracing::warn!(back, "Redis lost preferences that were stored a moment ago; they are put back");
            metrics::counter!("rep_preferences_put_back_total").increment(back);
        }
        Ok(stand)
    }

    /// How what stands of the shoppers of `states` begins, in their order; empty where there is nothing.
    async fn heads(&self, states: &[State]) -> Result<Vec<String>, StoreError> {
        let get = |state: &State| {
            let (key, last) = (self.key(&state.0.user_id), stored::HEAD_BYTES - 1);
            redis::cmd("GETRANGE").arg(key).arg(0).arg(last).to_owned()
        };
        let heads = one_each(states.len(), self.link.run_all(states.iter().map(get).collect()).await?)?;
        heads.into_iter().map(|head| parsed(head?)).collect()
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
