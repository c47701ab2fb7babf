//! The inventory role: price and stock changes that matter become notifications for those who care.
//!
//! Whether a shopper wants to be told, and how often, is the notify role's question.

mod audience;
mod config;
mod handler;

use std::sync::Arc;

use rep_core::avro::Codec;
use rep_core::likeness::CurrentScale;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::log::EventLog;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::{Clock, Topic};
use tokio_util::sync::CancellationToken;

pub use self::config::InventoryConfig;
use self::handler::InventoryHandler;
use crate::{ConsumeLoop, LiveStats, RoleContext, RoleError, RoleStats, Source};

/// The group that reads `product.inventory.v1`.
pub const GROUP: &str = "inventory";

/// What the role works with.
#[derive(Clone)]
pub struct InventoryDeps {
    /// Changes come from it, notifications and dead letters go to it.
    pub log: Arc<dyn EventLog>,
    /// Events on the wire.
    pub codec: Codec,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who looked at what.
    pub behaviour: Arc<dyn BehaviourStore>,
    /// Whose taste is near.
    pub preferences: Arc<dyn PreferenceStore>,
    /// Names and vectors of products.
    pub catalog: Arc<dyn Catalog>,
    /// What likeness is in this shop.
    pub scale: CurrentScale,
}

/// One member of the group [`GROUP`].
pub struct InventoryRole {
    deps: InventoryDeps,
    config: InventoryConfig,
    stats: Arc<LiveStats>,
}

impl InventoryRole {
    /// A role that is not running yet.
    pub fn new(deps: InventoryDeps, config: InventoryConfig) -> Self {
        Self { deps, config, stats: Arc::default() }
    }

    /// Its live counts; they outlive the role.
    pub fn stats(&self) -> Arc<LiveStats> {
        Arc::clone(&self.stats)
    }

    /// Runs until `shutdown`; see [`ConsumeLoop::run`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<RoleStats, RoleError> {
        let Self { deps, config, stats } = self;
        config.validate()?;
        let context = RoleContext::new(GROUP, Arc::clone(&deps.clock), stats, config.consume.retry);
        let source = Source {
            log: Arc::clone(&deps.log),
            codec: deps.codec.clone(),
            topic: Topic::ProductInventory,
            group: GROUP,
        };
        let handler = InventoryHandler::new(context.clone(), deps, config);
        ConsumeLoop::new(context, source, config.consume, handler).run(shutdown).await
    }
}
