//! Actions on their way into preferences.

use super::{PreferenceChange, PreferenceStore, PreferenceWrite, StoreOutcome};
use crate::ports::{StoreError, one_each};
use crate::{
    EmaRules, FoldOutcome, ModelId, Position, Preference, Timestamp, UnitVector, UserAction, UserId,
};

/// How often a state that somebody else changed meanwhile is loaded and folded.
const ATTEMPTS_MAX: usize = 2;

/// An action to be folded in.
#[derive(Clone, Copy, Debug)]
pub struct FoldStep<'a> {
    /// What was done.
    pub action: &'a UserAction,
    /// Where it was read: fences replays.
    pub position: Position,
    /// When it was durable in the log.
    pub logged_at: Timestamp,
    /// The embedding of what it was about, if there is one.
    pub embedding: Option<&'a UnitVector>,
}

/// The actions of one shopper to be folded in, in the order of the log.
#[derive(Clone, Debug)]
pub struct Fold<'a> {
    /// The shopper.
    pub user_id: &'a UserId,
    /// Their actions.
    pub steps: Vec<FoldStep<'a>>,
}

/// How actions are folded in.
#[derive(Clone, Copy, Debug)]
pub struct FoldRules<'a> {
    /// The model of the embeddings: a vector of another one is dropped, and begins anew.
    pub model: &'a ModelId,
    /// How fast taste moves.
    pub ema: EmaRules,
    /// The present moment.
    pub applied_at: Timestamp,
}

/// What became of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// Its effect stands.
    Stands,
    /// Its effect stands; a vector of another model was dropped before.
    Restarted,
    /// What is there was changed by later records, again and again: nothing was written.
    Stale,
}

impl Fold<'_> {
    /// Folds what `preference` does not cover yet into it, and tells `changed` of each action. Gives whether
    /// there was any, and whether a vector of another model was dropped.
    pub fn apply(
        &self,
        preference: &mut Preference,
        rules: &FoldRules<'_>,
        mut changed: impl FnMut(&FoldStep<'_>, u64),
    ) -> (bool, bool) {
        let (mut any, mut restarted) = (false, false);
        for step in &self.steps {
            if preference.position.is_some_and(|fence| step.position.is_covered_by(fence)) {
                continue;
            }
            if preference.model != *rules.model {
                restarted = preference.vector.is_some();
                preference.model = rules.model.clone();
                preference.vector = None;
            }
            if preference.fold(step.action, step.position, step.embedding, rules.ema) == FoldOutcome::Applied
            {
                any = true;
                changed(step, preference.action_count);
            }
        }
        (any, restarted)
    }
}

impl FoldStep<'_> {
    /// What to announce once this action counts.
    pub fn change(&self, applied_at: Timestamp, action_count: u64) -> PreferenceChange {
        let action = self.action;
        PreferenceChange {
            trace_id: action.trace_id.clone(),
            user_id: action.user_id.clone(),
            action_type: action.action_type,
            product_id: action.product_id.clone(),
            event_at: action.timestamp,
            logged_at: self.logged_at,
            applied_at,
            action_count,
        }
    }
}

/// Folds by way of `load` and `store`: for stores that cannot do it in place.
pub(super) async fn by_load_and_store<S: PreferenceStore + ?Sized>(
    store: &S,
    folds: &[Fold<'_>],
    rules: &FoldRules<'_>,
) -> Result<Vec<Folded>, StoreError> {
    let mut outcomes = vec![Folded::Stands; folds.len()];
    let mut open: Vec<usize> = (0..folds.len()).collect();
    for _ in 0..ATTEMPTS_MAX {
        let users: Vec<UserId> = open.iter().map(|at| folds[*at].user_id.clone()).collect();
        let states = one_each(users.len(), store.load(&users).await?)?;
        let (mut writes, mut writers) = (Vec::new(), Vec::new());
        for (at, state) in open.into_iter().zip(states) {
            let fold = &folds[at];
            let mut preference =
                state.unwrap_or_else(|| Preference::new(fold.user_id.clone(), rules.model.clone()));
            let mut changes = Vec::with_capacity(fold.steps.len());
            let (any, restarted) = fold.apply(&mut preference, rules, |step, count| {
                changes.push(step.change(rules.applied_at, count));
            });
            outcomes[at] = if restarted { Folded::Restarted } else { Folded::Stands };
            if any {
                writes.push(PreferenceWrite { preference, changes });
                writers.push(at);
            }
        }
        let stored = one_each(writers.len(), store.store(writes).await?)?;
        open = writers
            .into_iter()
            .zip(stored)
            .filter(|(_, o)| *o == StoreOutcome::Stale)
            .map(|(at, _)| at)
            .collect();
        if open.is_empty() {
            break;
        }
    }
    open.into_iter().for_each(|at| outcomes[at] = Folded::Stale);
    Ok(outcomes)
}
