//! Changes in, notifications out.

use std::sync::Arc;

use ahash::AHashMap;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use rep_core::avro::{Codec, Event};
use rep_core::ports::catalog::Catalog;
use rep_core::ports::log::{EventLog, NewRecord, Record};
use rep_core::ports::{StoreError, StoreErrorKind, one_each};
use rep_core::{
    FieldError, InterestReason, InventoryChange, Notification, NotificationKind, Product, ProductId,
    Timestamp, Topic, TraceContext, UnitVector, UserId, detect,
};
use tokio::time::Instant;

use super::audience::Audience;
use super::{InventoryConfig, InventoryDeps};
use crate::handler::reason;
use crate::pacing::breathe;
use crate::spans::in_stage;
use crate::{Handler, RoleContext, Verdicts};

pub(super) struct InventoryHandler {
    context: RoleContext,
    log: Arc<dyn EventLog>,
    codec: Codec,
    catalog: Arc<dyn Catalog>,
    audience: Audience,
    config: InventoryConfig,
}

/// A change that shoppers are told about.
struct Told {
    change: InventoryChange,
    trace: Option<TraceContext>,
    kinds: Vec<NotificationKind>,
}

/// A product that changed, with its vector if it has one.
struct Changed {
    product: Arc<Product>,
    vector: Option<UnitVector>,
}

impl InventoryHandler {
    pub(super) fn new(context: RoleContext, deps: InventoryDeps, config: InventoryConfig) -> Self {
        let audience = Audience {
            context: context.clone(),
            behaviour: deps.behaviour,
            preferences: deps.preferences,
            scale: deps.scale,
            config,
        };
        Self { context, log: deps.log, codec: deps.codec, catalog: deps.catalog, audience, config }
    }

    /// The changes that matter; what is no valid change is rejected, the rest has nothing to do.
    fn told(&self, records: &[Record], verdicts: &mut Verdicts) -> Vec<Told> {
        let now = self.context.now();
        let mut told = Vec::new();
        for record in records {
            let change = match self.codec.decode::<InventoryChange>(&record.value) {
                Err(error) => {
                    verdicts.reject(record, error.reason(), error);
                    continue;
                }
                Ok(change) => change,
            };
            if let Err(error) = self.check_time(&change, now) {
                verdicts.reject(record, reason::INVALID, error);
                continue;
            }
            verdicts.done.push(record.position);
            let kinds = detect(&change, self.config.rules);
            if kinds.is_empty() {
                verdicts.tally.skipped += 1;
            } else {
                told.push(Told { change, trace: record.trace, kinds });
            }
        }
        told
    }

    fn check_time(&self, change: &InventoryChange, now: Timestamp) -> Result<(), FieldError> {
        let limits = self.config.time_limits;
        let possible = now.minus(limits.past_max)..=now.plus(limits.future_max);
        if possible.contains(&change.timestamp) {
            return Ok(());
        }
        Err(FieldError::new("timestamp", format!("is out of bounds: `{}`", change.timestamp)))
    }

    async fn products(&self, told: &[Told]) -> Result<AHashMap<ProductId, Changed>, StoreError> {
        let mut ids: Vec<ProductId> = told.iter().map(|told| told.change.product_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let products = one_each(ids.len(), self.context.bounded(self.catalog.get(&ids)).await?)?;
        let vectors = one_each(ids.len(), self.context.bounded(self.catalog.vectors(&ids)).await?)?;
        let changed = products.into_iter().zip(vectors);
        let changed = changed.map(|(product, vector)| Some(Changed { product: product?, vector }));
        Ok(ids.into_iter().zip(changed).filter_map(|(id, changed)| Some((id, changed?))).collect())
    }

    fn encoded(
        &self,
        Told { change, trace, .. }: &Told,
        kind: NotificationKind,
        product: &Product,
        (user_id, reason): &(UserId, InterestReason),
    ) -> Result<NewRecord, StoreError> {
        let notification = Notification {
            notification_id: Notification::id_of(change, kind, user_id),
            trace_id: change.trace_id.clone(),
            user_id: user_id.clone(),
            product_id: change.product_id.clone(),
            product_name: product.name.clone(),
            kind,
            reason: *reason,
            currency: change.currency,
            price_before: change.price_before,
            price_after: change.price_after,
            stock_after: change.stock_after,
            timestamp: change.timestamp,
        };
        let value = self
            .codec
            .encode(&notification)
            .map_err(|error| StoreError::new(StoreErrorKind::Invalid, error))?;
        Ok(NewRecord::new(Bytes::copy_from_slice(notification.key()), value).in_trace(*trace))
    }

    /// Appends `records`, however long that takes: what went before need not be appended again.
    async fn append(&self, records: Vec<NewRecord>) -> Result<(), StoreError> {
        let mut retry = self.context.retry("append");
        loop {
            match self.context.bounded(self.log.append(Topic::NotificationPush, records.clone())).await {
                Ok(_) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }
}

#[async_trait]
impl Handler for InventoryHandler {
    async fn handle(&mut self, records: &[Record], verdicts: &mut Verdicts) -> Result<(), StoreError> {
        let told = self.told(records, verdicts);
        if told.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let products = in_stage("products", self.products(&told)).await?;
        let known: Vec<(&Told, &Changed)> =
            told.iter().filter_map(|told| Some((told, products.get(&told.change.product_id)?))).collect();
        let unknown = (told.len() - known.len()) as u64;
        let lookups: Vec<_> = known
            .iter()
            .map(|(told, changed)| self.audience.of(&told.change, changed.vector.as_ref()))
            .collect();
        let mut audiences = stream::iter(lookups).buffered(self.config.lookups);
        let mut chunk = Vec::with_capacity(self.config.append_records);
        let mut step = 0;
        for (told, changed) in &known {
            let Some(audience) = audiences.try_next().await? else { break };
            for listener in &audience {
                for kind in &told.kinds {
                    chunk.push(self.encoded(told, *kind, &changed.product, listener)?);
                    verdicts.tally.notifications += 1;
                    breathe(step).await;
                    step += 1;
                }
                if chunk.len() >= self.config.append_records {
                    self.append(std::mem::take(&mut chunk)).await?;
                }
            }
        }
        if !chunk.is_empty() {
            self.append(chunk).await?;
        }
        if unknown > 0 {
            metrics::counter!("rep_inventory_products_unknown_total").increment(unknown);
            verdicts.tally.skipped += unknown;
        }
        self.context.observe("notify", begun);
        Ok(())
    }
}
