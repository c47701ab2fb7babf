//! Who cares about a product.

use std::sync::Arc;

use ahash::AHashSet;
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
    pub(super) config: InventoryConfig,
}

/// A shopper who may be told.
pub(super) struct Listener {
    pub(super) user_id: UserId,
    pub(super) reason: InterestReason,
    /// When they last showed interest in the product; that of the change for those who did not.
    pub(super) at: Timestamp,
}

impl Audience {
    /// Shoppers who showed interest in the product, strongest reason first, then those whose taste is near;
    /// each once. "Since" counts from the change: a replay asks for the same time.
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
        let Some(vector) = vector.filter(|_| self.config.similar_max > 0) else {
            return Ok(audience);
        };
        let since = change.timestamp.minus(self.config.similar_age);
        let (k, cosine_min) = (self.config.similar_max, self.config.similar_cosine_min);
        let near = self.context.bounded(self.preferences.nearest(vector, k, cosine_min, since)).await?;
        let told: AHashSet<UserId> = audience.iter().map(|listener| listener.user_id.clone()).collect();
        let similar = near.into_iter().filter(|(user_id, _)| !told.contains(user_id));
        let (reason, at) = (InterestReason::Similar, change.timestamp);
        audience.extend(similar.map(|(user_id, _)| Listener { user_id, reason, at }));
        Ok(audience)
    }
}
