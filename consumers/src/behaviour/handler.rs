//! The stages of a micro-batch, in order.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::log::Record;
use rep_core::ports::popularity::{Popularity, PopularityEvent};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::bulk::Bulk;
use super::held::{Batch, Held};
use super::hydrate::{Answer, Found, Hydrator};
use super::triage::{Admitted, Triage};
use super::vectors::Vectors;
use super::{BehaviourConfig, BehaviourDeps};
use crate::handler::{reason, reason_of};
use crate::panics::caught;
use crate::spans::{Work, in_stage};
use crate::{Handler, RoleContext, Verdicts};

pub(super) struct BehaviourHandler {
    context: RoleContext,
    triage: Triage,
    hydrator: Hydrator,
    vectors: Vectors,
    popularity: Arc<dyn Popularity>,
    held: Held,
    bulk: Bulk,
}

/// How soon held actions are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl BehaviourHandler {
    pub(super) fn new(context: RoleContext, deps: BehaviourDeps, config: &BehaviourConfig) -> Self {
        let model = deps.embedder.model().clone();
        Self {
            triage: Triage {
                context: context.clone(),
                codec: deps.codec.clone(),
                behaviour: Arc::clone(&deps.behaviour),
                limits: config.time_limits,
            },
            hydrator: Hydrator::new(context.clone(), deps.catalog, deps.embedder, config),
            vectors: Vectors::new(context.clone(), deps.preferences, model, config.taste),
            popularity: deps.popularity,
            held: Held::default(),
            bulk: Bulk::new(context.clone(), deps.behaviour, deps.codec, config),
            context,
        }
    }

    /// Looks up what the actions are about.
    async fn find(&self, admitted: &[Admitted<'_>]) -> Result<Found, StoreError> {
        let begun = Instant::now();
        let found = in_stage("hydrate", self.hydrator.find(admitted)).await?;
        self.context.observe("hydrate", begun);
        Ok(found)
    }

    /// Gives the actions their embeddings and folds them in.
    async fn fold(
        &self,
        admitted: &[Admitted<'_>],
        found: &Found,
        answer: Option<&Answer>,
    ) -> Result<(), StoreError> {
        if admitted.is_empty() {
            return Ok(());
        }
        let none = Answer::default();
        let hydrated = found.hydrate(admitted, answer.unwrap_or(&none));
        let begun = Instant::now();
        in_stage("vectors", self.vectors.apply(admitted, &hydrated.embeddings)).await?;
        self.context.observe("vectors", begun);
        hydrated.count();
        Ok(())
    }

    /// Lets the oldest held batch go on, once the vectors that it waits for are there or are given up. Cancelled, it
    /// begins anew.
    async fn settle_held(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        if let Some(batch) = self.held.front() {
            self.hydrator.note(batch.asked.answer().await);
        }
        let Some(batch) = self.held.peek() else { return Ok(()) };
        let work = Work::on(&batch.records, self.context.role(), "handle held");
        let refused = self.fold_or_refuse(batch).instrument(work.span()).await;
        drop(work);
        let Some(Batch { records, actions, .. }) = self.held.pop() else { return Ok(()) };
        let mut folded = Vec::with_capacity(records.len());
        for (at, (record, action)) in records.iter().zip(actions).enumerate() {
            match refused.get(&at) {
                Some((reason, error)) => {
                    self.bulk.forget(action.event_id().key());
                    verdicts.reject(record, reason, error);
                }
                None => folded.push(Admitted { record, action }),
            }
        }
        self.bulk.push(folded, verdicts).await
    }

    /// Folds a held batch in, after as many attempts as it takes; gives those that are refused for good: their
    /// place, reason and error.
    async fn fold_or_refuse(&self, batch: &Batch) -> AHashMap<usize, (&'static str, String)> {
        let records = batch.records.iter().zip(batch.actions.iter().cloned());
        let admitted: Vec<Admitted<'_>> =
            records.map(|(record, action)| Admitted { record, action }).collect();
        let mut refused = AHashMap::new();
        let mut retry = self.context.retry("handle");
        let mut parts: Vec<_> = std::iter::once(0..admitted.len()).collect();
        while let Some(part) = parts.pop() {
            let part_of = &admitted[part.clone()];
            let fold = async {
                let found = self.find(part_of).await?;
                self.fold(part_of, &found, batch.asked.answered()).await
            };
            let (reason, error) = match caught(fold).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) if error.is_retryable() => {
                    retry.wait(&error).await;
                    parts.push(part);
                    continue;
                }
                Ok(Err(error)) => (reason_of(&error), error.to_string()),
                Err(panic) => (reason::PANIC, panic),
            };
            if part.len() > 1 {
                // The first half first: each shopper's actions stay in order.
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
            } else {
                refused.insert(part.start, (reason, error));
            }
        }
        refused
    }

    async fn record_popularity(&self, events: Vec<PopularityEvent>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.context.bounded(self.popularity.record(events)).await
    }
}

fn popularity_event(admitted: &Admitted<'_>) -> Option<PopularityEvent> {
    let action = &admitted.action;
    let weight = action.action_type.popularity_weight();
    let product_id = action.product_id.clone().filter(|_| weight > 0.0)?;
    Some(PopularityEvent { product_id, weight, at: action.timestamp, position: admitted.record.position })
}

#[async_trait]
impl Handler for BehaviourHandler {
    async fn handle(&mut self, records: &[Record], verdicts: &mut Verdicts) -> Result<(), StoreError> {
        let begun = Instant::now();
        let decoded = in_stage("decode", self.triage.decode(records, verdicts)).await;
        self.context.observe("decode", begun);

        let begun = Instant::now();
        let without_repeats = self.triage.without_repeats(decoded, self.bulk.pending(), verdicts);
        let admitted = in_stage("dedupe", without_repeats).await?;
        self.context.observe("dedupe", begun);

        // In the order of the log, which is also what is fenced by it: nothing of it is held.
        let popular: Vec<PopularityEvent> = admitted.iter().filter_map(popularity_event).collect();
        let found = self.find(&admitted).await?;
        let asked = self.hydrator.ask(&admitted, &found).await;
        let (ready, waiting) = self.held.split(admitted, &asked);
        self.fold(&ready, &found, asked.answered()).await?;

        let begun = Instant::now();
        in_stage("popularity", self.record_popularity(popular)).await?;
        self.context.observe("popularity", begun);

        self.bulk.expect(&waiting);
        self.held.push(waiting, asked);
        self.bulk.push(ready, verdicts).await
    }

    fn due(&self) -> Option<Instant> {
        let look_at = (!self.held.is_empty()).then(|| Instant::now() + LOOK_AGAIN);
        [look_at, self.bulk.due()].into_iter().flatten().min()
    }

    async fn tick(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while self.held.is_due() {
            self.settle_held(verdicts).await?;
        }
        self.bulk.tick(verdicts).await
    }

    async fn flush(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        while !self.held.is_empty() {
            self.settle_held(verdicts).await?;
        }
        self.bulk.flush(verdicts).await
    }

    fn revoked(&mut self, partitions: &[u32]) {
        self.held.revoked(partitions);
        self.bulk.revoked(partitions);
    }
}
