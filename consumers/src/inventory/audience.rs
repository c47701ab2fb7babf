//! Who cares about a product.

use std::sync::Arc;

use ahash::AHashSet;
use rep_core::likeness::{CurrentScale, Probe};
use rep_core::ports::StoreError;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::{InterestReason, InventoryChange, UnitVector, UserId};

use super::InventoryConfig;
use crate::RoleContext;

pub(super) struct Audience {
    pub(super) context: RoleContext,
    pub(super) behaviour: Arc<dyn BehaviourStore>,
    pub(super) preferences: Arc<dyn PreferenceStore>,
    pub(super) scale: CurrentScale,
    pub(super) config: InventoryConfig,
}

impl Audience {
    /// Shoppers who showed interest in the product, strongest reason first, then those whose taste is near;
    /// each once. "Since" counts from the change: a replay asks for the same time.
    pub(super) async fn of(
        &self,
        change: &InventoryChange,
        vector: Option<&UnitVector>,
    ) -> Result<Vec<(UserId, InterestReason)>, StoreError> {
        let limit = self.config.interested_max;
        let since = change.timestamp.minus(self.config.interest_age);
        let interested = self.behaviour.interested(&change.product_id, since, limit);
        let interested = self.context.bounded(interested).await?;
        if interested.len() >= limit {
            metrics::counter!("rep_inventory_audience_cut_total").increment(1);
        }
        let mut audience: Vec<(UserId, InterestReason)> =
            interested.into_iter().map(|interest| (interest.user_id, interest.reason)).collect();
        let Some(vector) = vector.filter(|_| self.config.similar_max > 0) else {
            return Ok(audience);
        };
        let since = change.timestamp.minus(self.config.similar_age);
        let (k, scale) = (self.config.similar_max, self.scale.get());
        let probe = Probe::by_likeness(vector.clone(), scale.as_deref(), self.config.similar_likeness_min);
        let near = self.context.bounded(self.preferences.nearest(&probe, k, since)).await?;
        let told: AHashSet<UserId> = audience.iter().map(|(user_id, _)| user_id.clone()).collect();
        let similar = near.into_iter().filter(|(user_id, _)| !told.contains(user_id));
        audience.extend(similar.map(|(user_id, _)| (user_id, InterestReason::Similar)));
        Ok(audience)
    }
}
