//! What the log still keeps of shoppers who were erased is shown to nobody, and is not replayed.

use std::collections::HashMap;

use rep_core::avro::DeadLetter;
use rep_core::ports::StoreError;
use rep_core::ports::log::Record;
use rep_core::{Erasure, Topic, UserAction, UserId};

use crate::state::ApiState;

/// `records` of `topic` but for those of shoppers who were erased since.
pub(crate) async fn without_erased(
    state: &ApiState,
    topic: Topic,
    records: Vec<Record>,
) -> Result<Vec<Record>, StoreError> {
    let subjects: Vec<Option<Subject>> =
        records.iter().map(|record| Subject::of(state, topic, record)).collect();
    let mut users: Vec<UserId> = subjects.iter().flatten().map(|subject| subject.user.clone()).collect();
    if users.is_empty() {
        return Ok(records);
    }
    users.sort_unstable();
    users.dedup();
    let erased = state.preferences.erased(&users).await?;
    let erased: HashMap<UserId, Erasure> =
        users.into_iter().zip(erased).filter_map(|(user, erasure)| Some((user, erasure?))).collect();
    let is_shown = |(record, subject): (Record, Option<Subject>)| {
        let hidden = subject.is_some_and(|subject| subject.is_hidden(&record, &erased));
        (!hidden).then_some(record)
    };
    Ok(records.into_iter().zip(subjects).filter_map(is_shown).collect())
}

/// Whom a record is about, if it is about a person.
struct Subject {
    user: UserId,
    /// Of a dead letter of an action: where the action stood. It may be parked again after the erasure, where the group
    /// was set back.
    action: Option<(u32, u64)>,
}

impl Subject {
    fn of(state: &ApiState, topic: Topic, record: &Record) -> Option<Self> {
        match topic {
            // Their keys are shoppers.
            Topic::UserAction | Topic::NotificationPush => {
                Some(Self { user: user_of(&record.key)?, action: None })
            }
            Topic::ProductInventory => None,
            Topic::UserActionDlq => {
                let letter: DeadLetter = state.codec.decode(&record.value).ok()?;
                Self::of_letter(state, &letter)
            }
        }
    }

    fn of_letter(state: &ApiState, letter: &DeadLetter) -> Option<Self> {
        let topic = Topic::parse(&letter.topic)?;
        let key = letter.key.as_deref().and_then(user_of);
        match topic {
            Topic::UserAction => {
                let told = || state.codec.decode::<UserAction>(&letter.payload).ok();
                let user = key.or_else(|| Some(told()?.user_id))?;
                Some(Self { user, action: Some((letter.partition, letter.offset)) })
            }
            Topic::NotificationPush => Some(Self { user: key?, action: None }),
            Topic::ProductInventory | Topic::UserActionDlq => None,
        }
    }

    fn is_hidden(&self, record: &Record, erased: &HashMap<UserId, Erasure>) -> bool {
        let Some(erasure) = erased.get(&self.user) else { return false };
        let is_covered = |(partition, offset)| {
            erasure.until.is_some_and(|until| until.partition == partition && offset <= until.offset)
        };
        erasure.hides(record.appended_at) || self.action.is_some_and(is_covered)
    }
}

fn user_of(key: &[u8]) -> Option<UserId> {
    UserId::new(std::str::from_utf8(key).ok()?).ok()
}
