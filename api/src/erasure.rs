//! Erasing a shopper from every store, for good.

use std::time::Duration;

use rep_core::ports::StoreError;
use rep_core::{Erasure, Topic, UserId, partition_of};
use tokio::time::Instant;

use crate::problem::Problem;
use crate::state::ApiState;

/// How soon a queue is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What was forgotten.
pub(crate) struct Forgotten {
    pub(crate) preference: bool,
    pub(crate) behaviour_documents: u64,
    pub(crate) notifications: u64,
}

/// Forgets `user`, once what is queued of them has had its effect. What the log keeps of them has none from then on, be
/// it read again, shown or replayed.
///
/// # Errors
/// 503 when a consumer does not get that far in time: then nothing was erased.
pub(crate) async fn erase(state: &ApiState, user: &UserId) -> Result<Forgotten, Problem> {
    let deadline = Instant::now() + state.config.erasure_wait;
    for (topic, group) in &state.config.erasure_queues {
        await_committed(state, user, *topic, group, deadline).await?;
    }
    let erasure = reaching_to_now(state, user).await?;
    Ok(Forgotten {
        preference: state.preferences.erase(user, erasure).await?,
        behaviour_documents: state.behaviour.erase(user).await?,
        notifications: state.notifications.erase(user).await?,
    })
}

/// An erasure of all that the log took of `user` until now.
async fn reaching_to_now(state: &ApiState, user: &UserId) -> Result<Erasure, StoreError> {
    let (topic, now) = (Topic::UserAction, state.clock.now());
    let partition = partition_of(user.as_str().as_bytes(), topic.partitions());
    let (_, end) = standing(state, topic, "api-tail", partition).await?.unwrap_or_default();
    let last = state.log.read(topic, partition, end.saturating_sub(1), 1).await?.pop();
    // The log's clock may be ahead of ours.
    let at = last.as_ref().map_or(now, |record| record.appended_at.max(now));
    Ok(Erasure { at, until: last.map(|record| record.position) })
}

/// Waits until `group` has committed what stands in the user's partition of `topic` now.
async fn await_committed(
    state: &ApiState,
    user: &UserId,
    topic: Topic,
    group: &str,
    deadline: Instant,
) -> Result<(), Problem> {
    let partition = partition_of(user.as_str().as_bytes(), topic.partitions());
    let mut goal = None;
    loop {
        let standing = standing(state, topic, group, partition).await?;
        let Some((committed, end)) = standing else { return Ok(()) };
        if committed >= *goal.get_or_insert(end) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let detail = format!("events of this shopper are still queued for `{group}`; nothing was erased");
            return Err(Problem::unavailable(detail).retry_after(5));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What is committed in a partition, and its end.
async fn standing(
    state: &ApiState,
    topic: Topic,
    group: &str,
    partition: u32,
) -> Result<Option<(u64, u64)>, StoreError> {
    let offsets = state.log.offsets(topic, group).await?;
    let of = offsets.into_iter().find(|offsets| offsets.partition == partition);
    Ok(of.map(|offsets| (offsets.next(), offsets.end)))
}
