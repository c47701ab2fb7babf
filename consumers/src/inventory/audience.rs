//! Who cares about a product.

use std::sync::Arc;

use ahash::AHashSet;
use rep_core::likeness::{CurrentScale, Probe};
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::{BehaviourStore, Interest};
use rep_core::ports::preferences::PreferenceStore;
use rep_core::{InterestReason, InventoryChange, Timestamp, UnitVector, UserId};

use super::InventoryConfig;
use crate::RoleContext;

pub(super) struct Audience {
    pub(super) context: RoleContext,
    pub(super) behaviour: Arc<dyn BehaviourStore>,
    pub(super) preferences: Arc<dyn PreferenceStore>,
    pub(super) scale: CurrentScale,
    pub(super) config: InventoryConfig,
}

/// A shopper who may want to hear of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) user_id: UserId,
    pub(super) reason: InterestReason,
    /// When they last did what is the reason; of those whose taste is near, when the product changed.
    pub(super) at: Timestamp,
}

impl Audience {
    /// Shoppers who showed interest in the product, strongest reason first, then those whose taste is near;
    /// each once. Those who bought, disliked or gave it up are left out, however near their taste. "Since" counts from
    /// the change: a replay asks for the same time.
    pub(super) async fn of(
        &self,
        change: &InventoryChange,
        vector: Option<&UnitVector>,
    ) -> Result<Vec<Listener>, StoreError> {
        let limit = self.config.interested_max;
        let since = change.timestamp.minus(self.config.interest_age);
        let interested = self.behaviour.interested(&change.product_id, since, limit);
        let interested = self.context.bounded(interested).await?;
        if interested.len() >= limit {
            metrics::counter!("rep_inventory_audience_cut_total").increment(1);
        }
        let listener = |Interest { user_id, reason, at, .. }| Listener { user_id, reason, at };
        let mut audience: Vec<Listener> = interested.into_iter().map(listener).collect();
        if let Some(vector) = vector.filter(|_| self.config.similar_max > 0) {
            let similar = self.similar(change, vector, &audience).await?;
            audience.extend(similar);
        }
        Ok(audience)
    }

    /// Those whose taste is near, less those of `audience` and those who are done with the product.
    async fn similar(
        &self,
        change: &InventoryChange,
        vector: &UnitVector,
        audience: &[Listener],
    ) -> Result<Vec<Listener>, StoreError> {
        let since = change.timestamp.minus(self.config.similar_age);
        let (k, scale) = (self.config.similar_max, self.scale.get());
        let probe = Probe::by_likeness(vector.clone(), scale.as_deref(), self.config.similar_likeness_min);
        let near = self.context.bounded(self.preferences.nearest(&probe, k, since)).await?;
        let listed: AHashSet<&UserId> = audience.iter().map(|listener| &listener.user_id).collect();
        let mut near: Vec<UserId> =
            near.into_iter().map(|(user_id, _)| user_id).filter(|user| !listed.contains(user)).collect();
        if near.is_empty() {
            return Ok(Vec::new());
        }
        let since = change.timestamp.minus(self.config.interest_age);
        let settled = self.behaviour.settled(&change.product_id, &near, since);
        let settled = self.context.bounded(settled).await?;
        near.retain(|user| !settled.contains(user));
        let listener = |user_id| Listener { user_id, reason: InterestReason::Similar, at: change.timestamp };
        Ok(near.into_iter().map(listener).collect())
    }
}
