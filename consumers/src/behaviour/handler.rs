//! The stages of a micro-batch, in order.

use std::sync::Arc;

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::log::Record;
use rep_core::ports::popularity::{Popularity, PopularityEvent};
use tokio::time::Instant;

use super::bulk::Bulk;
use super::hydrate::Hydrator;
use super::triage::{Admitted, Triage};
use super::vectors::Vectors;
use super::{BehaviourConfig, BehaviourDeps};
use crate::{Handler, RoleContext, Verdicts};

pub(super) struct BehaviourHandler {
    context: RoleContext,
    triage: Triage,
    hydrator: Hydrator,
    vectors: Vectors,
    popularity: Arc<dyn Popularity>,
    bulk: Bulk,
}

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
            vectors: Vectors::new(context.clone(), deps.preferences, model, config.ema),
            popularity: deps.popularity,
            bulk: Bulk::new(context.clone(), deps.behaviour, deps.codec, config),
            context,
        }
    }

    async fn record_popularity(&self, admitted: &[Admitted<'_>]) -> Result<(), StoreError> {
        let events: Vec<PopularityEvent> = admitted.iter().filter_map(popularity_event).collect();
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
        let decoded = self.triage.decode(records, verdicts).await;
        self.context.observe("decode", begun);

        let begun = Instant::now();
        let admitted = self.triage.without_repeats(decoded, self.bulk.pending(), verdicts).await?;
        self.context.observe("dedupe", begun);

        let begun = Instant::now();
        let hydrated = self.hydrator.hydrate(&admitted).await?;
        self.context.observe("hydrate", begun);

        let begun = Instant::now();
        self.vectors.apply(&admitted, &hydrated.embeddings).await?;
        self.context.observe("vectors", begun);

        let begun = Instant::now();
        self.record_popularity(&admitted).await?;
        self.context.observe("popularity", begun);

        hydrated.count();
        self.bulk.push(admitted, verdicts).await
    }

    fn due(&self) -> Option<Instant> {
        self.bulk.due()
    }

    async fn tick(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        self.bulk.tick(verdicts).await
    }

    async fn flush(&mut self, verdicts: &mut Verdicts) -> Result<(), StoreError> {
        self.bulk.flush(verdicts).await
    }

    fn revoked(&mut self, partitions: &[u32]) {
        self.bulk.revoked(partitions);
    }
}
