//! What Redis lost: a failover or a power cut takes the last moments before it. What this process stored and did not
//! save yet it still knows, and puts back.

use std::sync::Arc;

use rep_core::ports::{StoreError, one_each};
use rep_core::{UserId, UserKey};

use super::fold::NOTHING;
use super::{RedisPreferences, State};
use crate::redis::link::parsed;
use crate::redis::stored;

impl RedisPreferences {
    /// Puts back those of `states` that Redis had and lost: what stands is an earlier state of the shopper or none, and
    /// nobody erased them. Gives for each, in their order, what stands of it now, under the version that it has there;
    /// `None` where something else stands.
    pub(super) async fn restored(&self, states: &[State]) -> Result<Vec<Option<State>>, StoreError> {
        let heads = self.heads(states).await?;
        let ours = |at: usize| stored::head(&states[at].0, states[at].1);
        let mut stand: Vec<Option<State>> =
            (0..states.len()).map(|at| (heads[at] == ours(at)).then(|| Arc::clone(&states[at]))).collect();
        let mut lost: Vec<(usize, State)> = (0..states.len())
            .filter(|at| stand[*at].is_none())
            .filter_map(|at| Some((at, later_than(&heads[at], &states[at])?)))
            .collect();
        let users: Vec<&UserId> = lost.iter().map(|(at, _)| &states[*at].0.user_id).collect();
        let mut erased = self.erased(&users).await?.into_iter();
        lost.retain(|_| erased.next() == Some(false));
        let swap = |(at, state): &(usize, State)| {
            let is_absent = heads[*at].is_empty();
            self.swap(if is_absent { NOTHING } else { &heads[*at] }, is_absent, state, false, &[])
        };
        let swaps = lost.iter().map(swap).collect::<Result<_, _>>()?;
        let answers = one_each(lost.len(), self.link.run_all(swaps).await?)?;
        let mut back = Vec::with_capacity(lost.len());
        for ((at, state), answer) in lost.into_iter().zip(answers) {
            if parsed::<i64>(answer?)? == 1 {
                stand[at] = Some(Arc::clone(&state));
                back.push(state);
            }
        }
        self.note_waits_of(&back.iter().map(|state| &**state).collect::<Vec<_>>()).await?;
        if !back.is_empty() {
            let back = back.len();
            tracing::warn!(back, "Redis lost preferences that were stored a moment ago; they are put back");
            metrics::counter!("rep_preferences_put_back_total").increment(back as u64);
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
        self.link.key(format_args!("erased:{}", UserKey::of(user)))
    }
}

/// `ours` as it is put in the place of what begins with `head`; `None` unless that is an earlier state of the shopper, or
/// nothing.
///
/// One at an earlier place is earlier whatever its version: another process may have settled, several times, what waited
/// in the state that Redis was left with. What waits in ours is settled again.
fn later_than(head: &str, ours: &State) -> Option<State> {
    let (preference, version) = &**ours;
    match (stored::fence_of(head), preference.position) {
        (None, _) => head.is_empty().then(|| Arc::clone(ours)),
        (Some((position, theirs)), Some(place)) => {
            let is_earlier = position.is_covered_by(place) && (position != place || theirs < *version);
            is_earlier.then(|| Arc::new((preference.clone(), (*version).max(theirs + 1))))
        }
        (Some(_), None) => None,
    }
}
