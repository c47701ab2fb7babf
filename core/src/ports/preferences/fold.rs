//! Actions on their way into preferences.

use super::PreferenceChange;
use crate::{
    Embedding, FoldOutcome, ModelId, PendingAction, Position, Preference, ProductId, Remembered, Settlement,
    TasteRules, Timestamp, UnitVector, UserAction, UserId, awaited_product,
};

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

/// What is done to a state that is not whole under the model of the embeddings.
#[derive(Clone, Copy, Debug)]
pub enum Recall<'a> {
    /// It takes the model, if it is of another one. Nothing that was done waits by itself: the documents tell it.
    TakeModel,
    /// What was done before it took the model has its share.
    Add(&'a Remembered),
}

/// What is to be done to the state of one shopper: first what was done before a change of model is remembered, then
/// what waited is settled, then actions are folded in.
#[derive(Clone, Debug)]
pub struct Fold<'a> {
    /// The shopper.
    pub user_id: &'a UserId,
    /// What is remembered.
    pub recall: Option<Recall<'a>>,
    /// What is known by now of products that their actions wait for.
    pub settled: Vec<(&'a ProductId, Settlement<'a>)>,
    /// Their actions, in the order of the log.
    pub steps: Vec<FoldStep<'a>>,
}

/// How actions are folded in.
#[derive(Clone, Copy, Debug)]
pub struct FoldRules<'a> {
    /// The model of the embeddings. In a state of another one the vector is dropped, the latest actions wait for
    /// their vectors of this model, and those before are remembered later.
    pub model: &'a ModelId,
    /// How taste is summed.
    pub taste: TasteRules,
    /// The present moment.
    pub applied_at: Timestamp,
}

/// What became of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Folded {
    /// What is there was changed by others, again and again: nothing was written.
    pub stale: bool,
    /// A vector of another model was dropped before.
    pub restarted: bool,
    /// Actions that wait from now on.
    pub deferred: usize,
    /// Actions that do not wait, or no longer: a bound of the shopper or of the store was reached.
    pub dropped: usize,
    /// Actions that waited and have their share of the vector now.
    pub settled: usize,
    /// Actions that waited for a product that there is not, and were given up.
    pub given_up: usize,
    /// What was done before a change of model has its share of the vector now.
    pub remembered: bool,
}

/// What applying a fold to a state led to.
#[derive(Debug, Default)]
pub struct Applied {
    /// Whether the state changed.
    pub changed: bool,
    /// The counts.
    pub folded: Folded,
    /// All products that actions of the shopper wait for, if that may have changed; ordered.
    pub awaits: Vec<ProductId>,
    took_model: bool,
}

impl Applied {
    /// Whether something waits for `product`, which was to be settled.
    pub fn awaits_still(&self, product: &ProductId) -> bool {
        self.awaits.binary_search(product).is_ok()
    }
}

impl<'a> Fold<'a> {
    /// The actions of a shopper, with nothing to settle.
    pub fn of(user_id: &'a UserId, steps: Vec<FoldStep<'a>>) -> Self {
        Self { user_id, recall: None, settled: Vec::new(), steps }
    }

    /// What is known by now of products that actions of a shopper wait for.
    pub fn settling(user_id: &'a UserId, settled: Vec<(&'a ProductId, Settlement<'a>)>) -> Self {
        Self { user_id, recall: None, settled, steps: Vec::new() }
    }

    /// What is done to a state that is not whole under the model of the embeddings.
    pub fn recalling(user_id: &'a UserId, recall: Recall<'a>) -> Self {
        Self { user_id, recall: Some(recall), settled: Vec::new(), steps: Vec::new() }
    }

    /// Whether the shopper has no part in it: it happens in the background, months after they acted perhaps.
    pub fn is_background(&self) -> bool {
        self.recall.is_some() && self.settled.is_empty() && self.steps.is_empty()
    }

    /// Remembers, settles and folds in what `preference` does not cover yet, and reports each action that counts to
    /// `changed`.
    /// An action without a vector waits only if `may_wait`.
    pub fn apply(
        &self,
        preference: &mut Preference,
        rules: &FoldRules<'_>,
        may_wait: bool,
        mut changed: impl FnMut(Counted<'_>, u64),
    ) -> Applied {
        let mut applied = Applied::default();
        match self.recall {
            Some(Recall::TakeModel) => take_model(preference, rules, false, &mut applied),
            Some(Recall::Add(remembered)) if preference.model == *rules.model => {
                applied.folded.remembered = preference.remember(remembered, rules.taste, may_wait);
                applied.changed |= applied.folded.remembered;
            }
            Some(Recall::Add(_)) | None => {}
        }
        // What waits in a state of another model waits until that has taken this one.
        let may_settle = preference.model == *rules.model;
        for (product, settlement) in self.settled.iter().filter(|_| may_settle) {
            let gone = preference.settle(product, *settlement, rules.taste);
            if gone.is_empty() {
                continue;
            }
            applied.changed = true;
            match settlement {
                Settlement::Vector(_) => {
                    applied.folded.settled += gone.len();
                    gone.iter().for_each(|waited| changed(Counted::Settled(waited), preference.action_count));
                }
                Settlement::Unknown { .. } => applied.folded.given_up += gone.len(),
            }
        }
        for step in &self.steps {
            if preference.position.is_some_and(|fence| step.position.is_covered_by(fence)) {
                continue;
            }
            take_model(preference, rules, may_wait, &mut applied);
            match preference.fold(step.action, step.position, step.embedding(may_wait), rules.taste) {
                FoldOutcome::Replayed => continue,
                FoldOutcome::Applied => {
                    let waits =
                        !may_wait && step.embedding.is_none() && awaited_product(step.action).is_some();
                    applied.folded.dropped += usize::from(waits);
                }
                FoldOutcome::Deferred { dropped } => {
                    applied.folded.deferred += 1;
                    applied.folded.dropped += dropped;
                }
            }
            applied.changed = true;
            changed(Counted::Step(step), preference.action_count);
        }
        let may_have_changed = applied.took_model || applied.folded.remembered || !self.settled.is_empty();
        if applied.folded.deferred > 0 || may_have_changed {
            applied.awaits = preference.pending.iter().map(|waits| waits.product_id.clone()).collect();
            applied.awaits.sort_unstable();
            applied.awaits.dedup();
        }
        applied
    }
}

fn take_model(preference: &mut Preference, rules: &FoldRules<'_>, recent_waits: bool, applied: &mut Applied) {
    if preference.model != *rules.model {
        applied.folded.restarted |= preference.change_model(rules.model, rules.applied_at, recent_waits);
        applied.took_model = true;
        applied.changed = true;
    }
}

/// An action that counts from now on.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// It was folded in.
    Step(&'a FoldStep<'a>),
    /// It waited, and has its share of the vector now.
    Settled(&'a PendingAction),
}

impl Counted<'_> {
    /// What to announce of it, for the shopper `user_id`.
    pub fn change(&self, user_id: &UserId, applied_at: Timestamp, action_count: u64) -> PreferenceChange {
        match self {
            Self::Step(step) => PreferenceChange {
                trace_id: step.action.trace_id.clone(),
                user_id: user_id.clone(),
                action_type: step.action.action_type,
                product_id: step.action.product_id.clone(),
                event_at: step.action.timestamp,
                logged_at: step.logged_at,
                applied_at,
                action_count,
            },
            Self::Settled(waited) => PreferenceChange {
                trace_id: waited.trace_id.clone(),
                user_id: user_id.clone(),
                action_type: waited.action_type,
                product_id: Some(waited.product_id.clone()),
                event_at: waited.at,
                logged_at: waited.logged_at,
                applied_at,
                action_count,
            },
        }
    }
}

impl FoldStep<'_> {
    fn embedding(&self, may_wait: bool) -> Embedding<'_> {
        match self.embedding {
            Some(vector) => Embedding::Known(vector),
            None if may_wait => Embedding::Awaited(self.logged_at),
            None => Embedding::None,
        }
    }
}
