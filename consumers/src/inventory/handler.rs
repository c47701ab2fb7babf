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
    InventoryChange, News, Notification, NotificationKind, Product, ProductId, Topic, TraceContext,
    UnitVector,
};
use tokio::time::Instant;

use super::audience::{Audience, Listener};
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

/// A change that may be news.
struct Candidate {
    change: InventoryChange,
    trace: Option<TraceContext>,
}

/// What a change is news of.
struct Due<'a> {
    candidate: &'a Candidate,
    changed: &'a Changed,
    news: News,
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

    /// The changes that may be news; what is no valid change is rejected, the rest has nothing to do.
    fn candidates(&self, records: &[Record], passed: &mut Passed, verdicts: &mut Verdicts) -> Vec<Candidate> {
        let now = self.context.now();
        let mut candidates = Vec::new();
        for record in records {
            let change = match self.codec.decode::<InventoryChange>(&record.value) {
                Err(error) => {
                    verdicts.reject(record, error.reason(), error);
                    continue;
                }
                Ok(change) => change,
            };
            if let Err(error) = self.config.time_limits.check(change.timestamp, now) {
                verdicts.reject(record, reason::INVALID, error);
                continue;
            }
            verdicts.done.push(record.position);
            if !News::may_come_of(&change) {
                passed.plain += 1;
            } else if now.since(change.timestamp) > self.config.news_age {
                passed.past += 1;
            } else {
                candidates.push(Candidate { change, trace: record.trace });
            }
        }
        candidates
    }

    /// What the changes of known products are news of; the rest is counted.
    fn news<'a>(
        &self,
        candidates: &'a [Candidate],
        products: &'a AHashMap<ProductId, Changed>,
        passed: &mut Passed,
    ) -> Vec<Due<'a>> {
        let mut due = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let change = &candidate.change;
            let Some(changed) = products.get(&change.product_id) else {
                passed.unknown += 1;
                continue;
            };
            let news = News::of(change, Some(&changed.product), self.config.rules);
            match news.is_none() {
                true if change.flapping => passed.flapping += 1,
                true => passed.no_real_drop += 1,
                false => due.push(Due { candidate, changed, news }),
            }
        }
        due
    }

    async fn products(&self, candidates: &[Candidate]) -> Result<AHashMap<ProductId, Changed>, StoreError> {
        let mut ids: Vec<ProductId> =
            candidates.iter().map(|candidate| candidate.change.product_id.clone()).collect();
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
        Due { candidate, changed, .. }: &Due<'_>,
        listener: &Listener,
        kind: NotificationKind,
        price_seen: Option<i64>,
    ) -> Result<NewRecord, StoreError> {
        let Candidate { change, trace } = candidate;
        let notification = Notification {
            notification_id: Notification::id_of(change, kind, &listener.user_id),
            trace_id: change.trace_id.clone(),
            user_id: listener.user_id.clone(),
            product_id: change.product_id.clone(),
            product_name: changed.product.name.clone(),
            kind,
            reason: listener.reason,
            currency: change.currency,
            price_before: price_seen,
            price_after: change.price_after,
            stock_after: change.stock_after,
            timestamp: change.timestamp,
            merged: 0,
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

/// Changes that are news to nobody, by why. Counted once the batch is done.
#[derive(Default)]
struct Passed {
    /// Nothing that anybody waits for, such as a rise.
    plain: u64,
    /// Older than news may be.
    past: u64,
    /// The stock comes and goes.
    flapping: u64,
    /// Too little, or lately it was cheaper.
    no_real_drop: u64,
    /// The product is not there (any more).
    unknown: u64,
}

impl Passed {
    /// Gives how many there are.
    fn count(self) -> u64 {
        let Self { plain, past, flapping, no_real_drop, unknown } = self;
        for (why, count) in [("past", past), ("flapping", flapping), ("no_real_drop", no_real_drop)] {
            if count > 0 {
                metrics::counter!("rep_inventory_no_news_total", "why" => why).increment(count);
            }
        }
        if unknown > 0 {
            metrics::counter!("rep_inventory_products_unknown_total").increment(unknown);
        }
        plain + past + flapping + no_real_drop + unknown
    }
}

#[async_trait]
impl Handler for InventoryHandler {
    async fn handle(&mut self, records: &[Record], verdicts: &mut Verdicts) -> Result<(), StoreError> {
        let mut passed = Passed::default();
        let candidates = self.candidates(records, &mut passed, verdicts);
        if candidates.is_empty() {
            verdicts.tally.skipped += passed.count();
            return Ok(());
        }
        let begun = Instant::now();
        let products = in_stage("products", self.products(&candidates)).await?;
        let due = self.news(&candidates, &products, &mut passed);
        let lookups: Vec<_> = due
            .iter()
            .map(|due| self.audience.of(&due.candidate.change, due.changed.vector.as_ref()))
            .collect();
        let mut audiences = stream::iter(lookups).buffered(self.config.lookups);
        let mut chunk = Vec::with_capacity(self.config.append_records);
        let mut step = 0;
        for due in &due {
            let Some(audience) = audiences.try_next().await? else { break };
            for listener in &audience {
                let told = due.news.to(listener.reason, listener.at);
                for kind in told.kinds {
                    chunk.push(self.encoded(due, listener, kind, told.price_seen)?);
                    verdicts.tally.notifications += 1;
                }
                breathe(step).await;
                step += 1;
                if chunk.len() >= self.config.append_records {
                    self.append(std::mem::take(&mut chunk)).await?;
                }
            }
        }
        if !chunk.is_empty() {
            self.append(chunk).await?;
        }
        verdicts.tally.skipped += passed.count();
        self.context.observe("notify", begun);
        Ok(())
    }
}
