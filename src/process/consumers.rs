//! The roles that read the log, and the catalogue's embedder.

use std::sync::Arc;

use anyhow::Context as _;
use rep_backends::Backends;
use rep_consumers::behaviour::{self, BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_consumers::catalog_embedder::{CatalogEmbedderConfig, CatalogEmbedderDeps, CatalogEmbedderRole};
use rep_consumers::inventory::{InventoryConfig, InventoryDeps, InventoryRole};
use rep_consumers::notify::{self, NotifyConfig, NotifyDeps, NotifyRole, SimulatedChannel};
use rep_core::likeness::CurrentScale;
use rep_core::ports::embedder::Embedder;
use rep_core::{Clock, Topic};

use super::role::{Role, Roles};
use super::tasks::Tasks;

/// Topics keyed by shopper, and who reads them.
pub(super) fn of_shoppers() -> Vec<(Topic, &'static str)> {
    vec![(Topic::UserAction, behaviour::GROUP), (Topic::NotificationPush, notify::GROUP)]
}

/// Starts those of `roles` that read the log or embed the catalogue; who embeds has the `embedder`.
pub(super) fn start(
    tasks: &mut Tasks,
    roles: &Roles,
    backends: &Backends,
    embedder: Option<&Arc<dyn Embedder>>,
    clock: &Arc<dyn Clock>,
    scale: &CurrentScale,
) -> anyhow::Result<()> {
    let stop = tasks.stop();
    let model = || embedder.map(Arc::clone).context("a role that embeds was started without a model");
    if roles.contains(&Role::Behaviour) {
        let role = BehaviourRole::new(
            BehaviourDeps {
                log: Arc::clone(&backends.log),
                codec: backends.codec.clone(),
                clock: Arc::clone(clock),
                behaviour: Arc::clone(&backends.behaviour),
                preferences: Arc::clone(&backends.preferences),
                catalog: Arc::clone(&backends.catalog),
                popularity: Arc::clone(&backends.popularity),
                embedder: model()?,
            },
            BehaviourConfig::default(),
        );
        tasks.spawn("behaviour consumer", ended(role.run(stop.clone())));
    }
    if roles.contains(&Role::Inventory) {
        let role = InventoryRole::new(
            InventoryDeps {
                log: Arc::clone(&backends.log),
                codec: backends.codec.clone(),
                clock: Arc::clone(clock),
                behaviour: Arc::clone(&backends.behaviour),
                preferences: Arc::clone(&backends.preferences),
                catalog: Arc::clone(&backends.catalog),
                scale: scale.clone(),
            },
            InventoryConfig::default(),
        );
        tasks.spawn("inventory consumer", ended(role.run(stop.clone())));
    }
    if roles.contains(&Role::Notify) {
        let role = NotifyRole::new(
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
        tasks.spawn("notification worker", ended(role.run(stop.clone())));
    }
    if roles.contains(&Role::Embedder) {
        let role = CatalogEmbedderRole::new(
            CatalogEmbedderDeps {
                catalog: Arc::clone(&backends.catalog),
                embedder: model()?,
                popularity: Some(Arc::clone(&backends.popularity)),
                clock: Arc::clone(clock),
            },
            CatalogEmbedderConfig::default(),
        );
        tasks.spawn("catalogue embedder", ended(role.run(stop)));
    }
    Ok(())
}

async fn ended(
    role: impl Future<Output = Result<rep_consumers::RoleStats, rep_consumers::RoleError>>,
) -> anyhow::Result<()> {
    let stats = role.await?;
    tracing::debug!(?stats, "a role has drained");
    Ok(())
}
