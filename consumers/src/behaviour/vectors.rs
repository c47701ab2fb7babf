//! Folding actions into preference vectors, fenced by position.

use std::sync::Arc;

use ahash::AHashMap;
use metrics::Histogram;
use rep_core::ports::preferences::{Fold, FoldRules, FoldStep, Folded, PreferenceStore};
use rep_core::ports::{StoreError, one_each};
use rep_core::{ModelId, TasteRules, Timestamp, UnitVector, UserId};

use super::triage::Admitted;
use crate::RoleContext;

pub(super) struct Vectors {
    context: RoleContext,
    preferences: Arc<dyn PreferenceStore>,
    model: ModelId,
    rules: TasteRules,
    since_logged: Histogram,
    since_acted: Histogram,
}

impl Vectors {
    pub(super) fn new(
        context: RoleContext,
        preferences: Arc<dyn PreferenceStore>,
        model: ModelId,
        rules: TasteRules,
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
        let folds = by_shopper(admitted, embeddings);
        let rules = FoldRules { model: &self.model, taste: self.rules, applied_at: self.context.now() };
        let folded = self.context.bounded(self.preferences.fold(&folds, &rules)).await?;
        let folded = one_each(folds.len(), folded)?;
        self.count(&folded);
        self.observe_freshness(admitted);
        Ok(())
    }

    fn count(&self, folded: &[Folded]) {
        let sum = |part: fn(&Folded) -> usize| folded.iter().map(part).sum::<usize>() as u64;
        let stale = sum(|folded| usize::from(folded.stale));
        let counts = [
            ("rep_behaviour_vectors_restarted_total", sum(|folded| usize::from(folded.restarted))),
            ("rep_behaviour_vectors_dropped_total", stale),
            ("rep_behaviour_deferred_total", sum(|folded| folded.deferred)),
            ("rep_behaviour_deferred_dropped_total", sum(|folded| folded.dropped)),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!(name).increment(count);
        }
        if stale > 0 {
            // Another process went further: a zombie's view or a race with a replay.
            tracing::warn!(role = self.context.role(), dropped = stale, "stale vectors are dropped");
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

fn by_shopper<'a>(admitted: &'a [Admitted<'_>], embeddings: &'a [Option<UnitVector>]) -> Vec<Fold<'a>> {
    let mut slots: AHashMap<&UserId, usize> = AHashMap::with_capacity(admitted.len());
    let mut folds: Vec<Fold<'a>> = Vec::new();
    for (admitted, embedding) in admitted.iter().zip(embeddings) {
        let Admitted { record, action } = admitted;
        let slot = *slots.entry(&action.user_id).or_insert_with(|| {
            folds.push(Fold::of(&action.user_id, Vec::with_capacity(1)));
            folds.len() - 1
        });
        folds[slot].steps.push(FoldStep {
            action,
            position: record.position,
            logged_at: record.appended_at,
            embedding: embedding.as_ref(),
        });
    }
    folds
}
