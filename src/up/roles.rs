//! The roles of one process.

use std::sync::Arc;

use rep_backends::Backends;
use rep_consumers::behaviour::{self, BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_consumers::catalog_embedder::{CatalogEmbedderConfig, CatalogEmbedderDeps, CatalogEmbedderRole};
use rep_consumers::inventory::{InventoryConfig, InventoryDeps, InventoryRole};
use rep_consumers::notify::{self, NotifyConfig, NotifyDeps, NotifyRole, SimulatedChannel};
use rep_core::ports::embedder::Embedder;
use rep_core::{Clock, Topic};

use super::tasks::Tasks;

/// Topics keyed by shopper, and who reads them.
pub(super) fn of_shoppers() -> Vec<(Topic, &'static str)> {
    vec![(Topic::UserAction, behaviour::GROUP), (Topic::NotificationPush, notify::GROUP)]
}

/// Starts the consumers and the catalogue's embedder.
pub(super) fn start(
    tasks: &mut Tasks,
    backends: &Backends,
    embedder: &Arc<dyn Embedder>,
    clock: &Arc<dyn Clock>,
) {
    let behaviour_role = BehaviourRole::new(
        BehaviourDeps {
            log: Arc::clone(&backends.log),
            codec: backends.codec.clone(),
            clock: Arc::clone(clock),
            behaviour: Arc::clone(&backends.behaviour),
            preferences: Arc::clone(&backends.preferences),
            catalog: Arc::clone(&backends.catalog),
            popularity: Arc::clone(&backends.popularity),
            embedder: Arc::clone(embedder),
        },
        BehaviourConfig::default(),
    );
    let inventory = InventoryRole::new(
        InventoryDeps {
            log: Arc::clone(&backends.log),
            codec: backends.codec.clone(),
            clock: Arc::clone(clock),
            behaviour: Arc::clone(&backends.behaviour),
            preferences: Arc::clone(&backends.preferences),
            catalog: Arc::clone(&backends.catalog),
        },
        InventoryConfig::default(),
    );
    let notify_role = NotifyRole::new(
        NotifyDeps {
            log: Arc::clone(&backends.log),
            codec: backends.codec.clone(),
            clock: Arc::clone(clock),
            notifications: Arc::clone(&backends.notifications),
            push: Arc::new(SimulatedChannel::push()),
            sms: Arc::new(SimulatedChannel::sms()),
        },
        NotifyConfig::default(),
    );
    let catalogue = CatalogEmbedderRole::new(
        CatalogEmbedderDeps {
            catalog: Arc::clone(&backends.catalog),
            embedder: Arc::clone(embedder),
            clock: Arc::clone(clock),
        },
        CatalogEmbedderConfig::default(),
    );
    let stop = tasks.stop();
    tasks.spawn("behaviour consumer", ended(behaviour_role.run(stop.clone())));
    tasks.spawn("inventory consumer", ended(inventory.run(stop.clone())));
    tasks.spawn("notification worker", ended(notify_role.run(stop.clone())));
    tasks.spawn("catalogue embedder", ended(catalogue.run(stop)));
}

async fn ended(
    role: impl Future<Output = Result<rep_consumers::RoleStats, rep_consumers::RoleError>>,
) -> anyhow::Result<()> {
    let stats = role.await?;
    tracing::debug!(?stats, "a role has drained");
    Ok(())
}
