//! Folding actions into preference vectors, fenced by position.

use std::sync::Arc;

use ahash::AHashMap;
use metrics::Histogram;
use rep_core::ports::StoreError;
use rep_core::ports::preferences::{PreferenceChange, PreferenceStore, PreferenceWrite, StoreOutcome};
use rep_core::{EmaRules, FoldOutcome, ModelId, Preference, Timestamp, UnitVector, UserId};

use super::triage::Admitted;
use crate::RoleContext;
use crate::context::one_each;
use crate::pacing::breathe;

pub(super) struct Vectors {
    context: RoleContext,
    preferences: Arc<dyn PreferenceStore>,
    model: ModelId,
    rules: EmaRules,
    since_logged: Histogram,
    since_acted: Histogram,
}

/// The actions of one shopper, as indices into the batch, in order.
struct Shopper {
    user_id: UserId,
    actions: Vec<u32>,
}

impl Vectors {
    pub(super) fn new(
        context: RoleContext,
        preferences: Arc<dyn PreferenceStore>,
        model: ModelId,
        rules: EmaRules,
    ) -> Self {
        let since_logged =
            metrics::histogram!("rep_freshness_seconds", "stage" => "vector", "since" => "log");
        let since_acted =
            metrics::histogram!("rep_freshness_seconds", "stage" => "vector", "since" => "event");
        Self { context, preferences, model, rules, since_logged, since_acted }
    }

    /// Folds the actions in, each with its embedding, and stores what changed at once.
    ///
    /// Idempotent: what a stored state covers already is not folded again.
    pub(super) async fn apply(
        &self,
        admitted: &[Admitted<'_>],
        embeddings: &[Option<UnitVector>],
    ) -> Result<(), StoreError> {
        if admitted.is_empty() {
            return Ok(());
        }
        let shoppers = by_shopper(admitted);
        let stale = self.fold_and_store(&shoppers, admitted, embeddings).await?;
        if !stale.is_empty() {
            // Somebody else went further: a zombie's view or a race with a replay. Look once more.
            let again: Vec<Shopper> =
                shoppers.into_iter().enumerate().filter(|(i, _)| stale.contains(i)).map(|(_, s)| s).collect();
            let dropped = self.fold_and_store(&again, admitted, embeddings).await?.len() as u64;
            metrics::counter!("rep_behaviour_vectors_stale_total").increment(again.len() as u64);
            if dropped > 0 {
                metrics::counter!("rep_behaviour_vectors_dropped_total").increment(dropped);
                tracing::warn!(role = self.context.role(), dropped, "stale vectors are dropped");
            }
        }
        self.observe_freshness(admitted);
        Ok(())
    }

    /// Gives the indices of shoppers whose state in the store was newer than what was written.
    async fn fold_and_store(
        &self,
        shoppers: &[Shopper],
        admitted: &[Admitted<'_>],
        embeddings: &[Option<UnitVector>],
    ) -> Result<Vec<usize>, StoreError> {
        let users: Vec<UserId> = shoppers.iter().map(|shopper| shopper.user_id.clone()).collect();
        let states = one_each(users.len(), self.context.bounded(self.preferences.load(&users)).await?)?;
        let applied_at = self.context.now();
        let mut writes = Vec::with_capacity(shoppers.len());
        let mut writers = Vec::with_capacity(shoppers.len());
        let (mut step, mut other_model) = (0, 0);
        for (index, (shopper, state)) in shoppers.iter().zip(states).enumerate() {
            let mut preference =
                state.unwrap_or_else(|| Preference::new(shopper.user_id.clone(), self.model.clone()));
            let foreign = preference.model != self.model;
            if foreign {
                preference.model = self.model.clone();
                preference.vector = None;
            }
            let mut changes = Vec::with_capacity(shopper.actions.len());
            for action in &shopper.actions {
                let at = *action as usize;
                let (admitted, embedding) = (&admitted[at], embeddings[at].as_ref());
                changes.extend(self.fold(&mut preference, admitted, embedding, applied_at));
                breathe(step).await;
                step += 1;
            }
            if !changes.is_empty() {
                other_model += u64::from(foreign);
                writes.push(PreferenceWrite { preference, changes });
                writers.push(index);
            }
        }
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let stored = one_each(writers.len(), self.context.bounded(self.preferences.store(writes)).await?)?;
        if other_model > 0 {
            metrics::counter!("rep_behaviour_vectors_restarted_total").increment(other_model);
        }
        let stale = |(outcome, index)| (outcome == StoreOutcome::Stale).then_some(index);
        Ok(stored.into_iter().zip(writers).filter_map(stale).collect())
    }

    fn fold(
        &self,
        preference: &mut Preference,
        admitted: &Admitted<'_>,
        embedding: Option<&UnitVector>,
        applied_at: Timestamp,
    ) -> Option<PreferenceChange> {
        let (action, record) = (&admitted.action, admitted.record);
        match preference.fold(action, record.position, embedding, self.rules) {
            FoldOutcome::Replayed => None,
            FoldOutcome::Applied => Some(PreferenceChange {
                trace_id: action.trace_id.clone(),
                user_id: action.user_id.clone(),
                action_type: action.action_type,
                product_id: action.product_id.clone(),
                event_at: action.timestamp,
                logged_at: record.appended_at,
                applied_at,
                action_count: preference.action_count,
            }),
        }
    }

    /// One sample an action; equal neighbours are recorded together.
    fn observe_freshness(&self, admitted: &[Admitted<'_>]) {
        let now = self.context.now();
        let age = |moment: Timestamp| now.since(moment).as_secs_f64();
        for run in admitted.chunk_by(|a, b| a.record.appended_at == b.record.appended_at) {
            self.since_logged.record_many(age(run[0].record.appended_at), run.len());
        }
        for run in admitted.chunk_by(|a, b| a.action.timestamp == b.action.timestamp) {
            self.since_acted.record_many(age(run[0].action.timestamp), run.len());
        }
    }
}

fn by_shopper(admitted: &[Admitted<'_>]) -> Vec<Shopper> {
    let mut slots: AHashMap<&UserId, usize> = AHashMap::with_capacity(admitted.len());
    let mut shoppers: Vec<Shopper> = Vec::new();
    for (index, admitted) in (0_u32..).zip(admitted) {
        let user_id = &admitted.action.user_id;
        let slot = *slots.entry(user_id).or_insert_with(|| {
            shoppers.push(Shopper { user_id: user_id.clone(), actions: Vec::with_capacity(1) });
            shoppers.len() - 1
        });
        shoppers[slot].actions.push(index);
    }
    shoppers
}
