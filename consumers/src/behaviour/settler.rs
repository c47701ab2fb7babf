//! Settles what waits: actions on products without a vector get their share of taste once the vector is there.

use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use rep_core::ports::catalog::Catalog;
use rep_core::ports::preferences::{Fold, FoldRules, Folded, PreferenceStore, Waiting};
use rep_core::ports::{StoreError, one_each};
use rep_core::{ModelId, ProductId, Settlement, TasteRules, UnitVector, UserId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::RoleContext;

/// Pause between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Pairs of one page.
const PAGE: usize = 1_000;
/// Pages of one sweep; the next one goes on behind them.
const PAGES_MAX: usize = 20;
/// How often products that wait are asked for whether they exist at all.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);
/// How long an action waits for a product that is unknown: it may be imported later.
const UNKNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) struct Settler {
    pub(super) context: RoleContext,
    pub(super) preferences: Arc<dyn PreferenceStore>,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) model: ModelId,
    pub(super) rules: TasteRules,
}

/// Where the walk over all pairs is.
#[derive(Default)]
struct Walk {
    cursor: Option<String>,
    purged_at: Option<Instant>,
    /// This walk also asks which products are unknown.
    purges: bool,
}

/// What is known of the products of a page.
#[derive(Default)]
struct Known {
    vectors: AHashMap<ProductId, UnitVector>,
    unknown: AHashSet<ProductId>,
}

impl Settler {
    /// Sweeps until `shutdown`. Idempotent: a pending action is the one token of its share, and several processes may
    /// settle side by side.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut walk = Walk::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(SWEEP_INTERVAL) => {}
            }
            let sweep = tokio::select! {
                () = shutdown.cancelled() => return,
                sweep = self.sweep(&mut walk) => sweep,
            };
            if let Err(error) = sweep {
                metrics::counter!("rep_behaviour_settle_failures_total").increment(1);
                tracing::warn!(role = self.context.role(), %error, "what waits is settled later");
                walk.cursor = None;
            }
        }
    }

    async fn sweep(&self, walk: &mut Walk) -> Result<(), StoreError> {
        let mut has_settled = false;
        for _ in 0..PAGES_MAX {
            if walk.cursor.is_none() {
                walk.purges = walk.purged_at.is_none_or(|at| at.elapsed() >= PURGE_INTERVAL);
                if walk.purges {
                    walk.purged_at = Some(Instant::now());
                }
            }
            let page = self.context.bounded(self.preferences.waiting(walk.cursor.as_deref(), PAGE)).await?;
            metrics::gauge!("rep_behaviour_waiting_actions").set(page.total as f64);
            has_settled |= self.settle(&page.items, walk.purges).await?;
            walk.cursor = page.next;
            if walk.cursor.is_none() {
                break;
            }
        }
        if has_settled {
            // No commit may follow for hours.
            self.context.bounded(self.preferences.flush()).await?;
        }
        Ok(())
    }

    /// Settles what can be; whether anything was.
    async fn settle(&self, pairs: &[Waiting], purges: bool) -> Result<bool, StoreError> {
        if pairs.is_empty() {
            return Ok(false);
        }
        let known = self.known(pairs, purges).await?;
        let logged_before = self.context.now().minus(UNKNOWN_FOR);
        let mut by_user: AHashMap<&UserId, Vec<(&ProductId, Settlement<'_>)>> = AHashMap::new();
        for pair in pairs {
            let settlement = match known.vectors.get(&pair.product_id) {
                Some(vector) => Settlement::Vector(vector),
                None if known.unknown.contains(&pair.product_id) => Settlement::Unknown { logged_before },
                None => continue,
            };
            by_user.entry(&pair.user_id).or_default().push((&pair.product_id, settlement));
        }
        let folds: Vec<Fold<'_>> =
            by_user.into_iter().map(|(user_id, settled)| Fold::settling(user_id, settled)).collect();
        if folds.is_empty() {
            return Ok(false);
        }
        let rules = FoldRules { model: &self.model, taste: self.rules, applied_at: self.context.now() };
        let folded = self.context.bounded(self.preferences.fold(&folds, &rules)).await?;
        count(&folded);
        Ok(folded.iter().any(|folded| folded.settled + folded.given_up > 0))
    }

    async fn known(&self, pairs: &[Waiting], purges: bool) -> Result<Known, StoreError> {
        let mut products: Vec<ProductId> = pairs.iter().map(|pair| pair.product_id.clone()).collect();
        products.sort_unstable();
        products.dedup();
        let vectors = self.context.bounded(self.catalog.vectors(&products)).await?;
        let mut known = Known::default();
        let mut without = Vec::new();
        for (product, vector) in products.iter().zip(one_each(products.len(), vectors)?) {
            match vector {
                Some(vector) => drop(known.vectors.insert(product.clone(), vector)),
                None => without.push(product.clone()),
            }
        }
        if purges && !without.is_empty() {
            let found = self.context.bounded(self.catalog.get(&without)).await?;
            let found = one_each(without.len(), found)?;
            let unknown = without.into_iter().zip(found).filter(|(_, found)| found.is_none());
            known.unknown.extend(unknown.map(|(product, _)| product));
        }
        Ok(known)
    }
}

fn count(folded: &[Folded]) {
    let sum = |part: fn(&Folded) -> usize| folded.iter().map(part).sum::<usize>() as u64;
    let counts = [("settled", sum(|folded| folded.settled)), ("given-up", sum(|folded| folded.given_up))];
    for (outcome, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("rep_behaviour_waited_total", "outcome" => outcome).increment(count);
    }
}
