//! The behaviour role: actions become preference vectors at once, and documents in bulk.
//!
//! One micro-batch goes through [`triage`] (decode, bounds of time, repeats), [`hydrate`] (embeddings),
//! [`vectors`] (fold, fenced by position) and popularity, and its documents into [`bulk`]. Shoppers who search, or act on
//! a product that has no vector yet ([`urgent`]), wait for the model apart from all others ([`held`]). Where that takes
//! too long the action waits in the shopper's state until the [`settler`] finds the vector. After a change of
//! model the [`rememberer`] gives shoppers their taste back, from their documents ([`earlier`]). A record is done when its
//! vector is stored, or its action waits there, and its document is
//! indexed or parked.

mod bulk;
mod config;
mod earlier;
mod handler;
mod held;
mod hydrate;
mod products;
mod rememberer;
mod settler;
mod triage;
mod urgent;
mod vectors;

use std::sync::Arc;

use rep_core::avro::Codec;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Embedder;
use rep_core::ports::log::EventLog;
use rep_core::ports::popularity::Popularity;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::{Clock, Topic};
use tokio_util::sync::CancellationToken;

pub use self::bulk::LANES;
pub use self::config::BehaviourConfig;
use self::handler::BehaviourHandler;
use self::rememberer::Rememberer;
use self::settler::Settler;
use crate::{ConsumeLoop, LiveStats, RoleContext, RoleError, RoleStats, Source};

/// The group that reads `user.action.v1`.
pub const GROUP: &str = "behaviour";

/// What the role works with.
#[derive(Clone)]
pub struct BehaviourDeps {
    /// Actions come from it, dead letters go to it.
    pub log: Arc<dyn EventLog>,
    /// Events on the wire.
    pub codec: Codec,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Documents.
    pub behaviour: Arc<dyn BehaviourStore>,
    /// Preference vectors.
    pub preferences: Arc<dyn PreferenceStore>,
    /// Vectors of products.
    pub catalog: Arc<dyn Catalog>,
    /// What is popular.
    pub popularity: Arc<dyn Popularity>,
    /// Vectors of search queries, and the model that all vectors are of.
    pub embedder: Arc<dyn Embedder>,
}

/// One member of the group [`GROUP`].
pub struct BehaviourRole {
    deps: BehaviourDeps,
    config: BehaviourConfig,
    stats: Arc<LiveStats>,
}

impl BehaviourRole {
    /// A role that is not running yet.
    pub fn new(deps: BehaviourDeps, config: BehaviourConfig) -> Self {
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
            topic: Topic::UserAction,
            group: GROUP,
        };
        let settler = Settler {
            context: context.clone(),
            preferences: Arc::clone(&deps.preferences),
            catalog: Arc::clone(&deps.catalog),
            model: deps.embedder.model().clone(),
            rules: config.taste,
        };
        let rememberer = Rememberer::new(context.clone(), &deps, config.taste);
        let handler = BehaviourHandler::new(context.clone(), deps, &config);
        let consume = ConsumeLoop::new(context, source, config.consume, handler).run(shutdown);
        // What works beside the loop ends with it, whatever ends that.
        let over = CancellationToken::new();
        let consume = async {
            let _over = over.clone().drop_guard();
            consume.await
        };
        tokio::join!(consume, settler.run(over.clone()), rememberer.run(over.clone())).0
    }
}
