//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use rep_core::avro::Codec;
use rep_core::likeness::CurrentScale;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::embedder::Embedder;
use rep_core::ports::log::EventLog;
use rep_core::ports::notifications::Notifications;
use rep_core::ports::popularity::Popularity;
use rep_core::ports::preferences::PreferenceStore;
use rep_core::ports::tickets::Tickets;
use rep_core::{Clock, ModelId, Topic};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::ApiConfig;
use crate::idempotency::Answers;
use crate::live::Live;
use crate::popular::PopularNow;
use crate::rate::RateLimiter;
use crate::shop::Shop;
use crate::status::StatusSource;
use crate::stream::Slots;
use crate::taste::EMBEDDING_AT_ONCE_MAX;

/// Longest wait for schemas of other programs, where a view can do without.
const LEARN_WAIT: Duration = Duration::from_secs(1);

/// Renders all metrics in Prometheus' text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// The ports and settings that the API is built on.
#[derive(Clone)]
pub struct ApiDeps {
    /// Where events and changes go.
    pub log: Arc<dyn EventLog>,
    /// Products.
    pub catalog: Arc<dyn Catalog>,
    /// History.
    pub behaviour: Arc<dyn BehaviourStore>,
    /// Taste.
    pub preferences: Arc<dyn PreferenceStore>,
    /// What is popular now.
    pub popularity: Arc<dyn Popularity>,
    /// Inboxes.
    pub notifications: Arc<dyn Notifications>,
    /// What opens streams where no header can be sent.
    pub tickets: Arc<dyn Tickets>,
    /// The model that taste and products are compared in.
    pub model: ModelId,
    /// Width of its vectors.
    pub dimensions: usize,
    /// What likeness is in this shop by that model.
    pub scale: CurrentScale,
    /// Vectors of search queries; without it a search goes by words alone.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Events on the wire.
    pub codec: Codec,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How the system is.
    pub status: Arc<dyn StatusSource>,
    /// What `/metrics` answers.
    pub metrics: MetricsText,
    /// Settings.
    pub config: ApiConfig,
}

/// The state of the API; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

/// What [`ApiState`] points to; nothing in it is for other crates.
pub struct Shared {
    deps: ApiDeps,
    pub(crate) shop: Shop,
    pub(crate) slots: Slots,
    pub(crate) answers: Answers,
    pub(crate) popular: PopularNow,
    pub(crate) live: Live,
    pub(crate) rate: Option<RateLimiter>,
    pub(crate) events_rate: Option<RateLimiter>,
    /// Places for requests that embed what a visit acted on.
    pub(crate) embedding: Arc<Semaphore>,
    pub(crate) shutdown: CancellationToken,
}

impl ApiState {
    /// A state on `deps`, without streams and kept answers.
    pub fn new(deps: ApiDeps) -> Self {
        let shop = Shop::new(
            Arc::clone(&deps.log),
            Arc::clone(&deps.catalog),
            deps.codec.clone(),
            Arc::clone(&deps.clock),
        );
        let shutdown = CancellationToken::new();
        Self(Arc::new(Shared {
            shop,
            slots: Slots::new(deps.config.streams),
            answers: Answers::new(deps.config.idempotency_ttl),
            popular: PopularNow::new(deps.config.popular_reuse),
            live: Live::new(Arc::clone(&deps.status), shutdown.clone()),
            rate: deps.config.rate.map(RateLimiter::new),
            events_rate: deps.config.events_rate.map(RateLimiter::new),
            embedding: Arc::new(Semaphore::new(EMBEDDING_AT_ONCE_MAX)),
            shutdown,
            deps,
        }))
    }

    /// The catalogue's one writer: whoever else changes prices or stock in this process shares its locks.
    pub fn shop(&self) -> Shop {
        self.shop.clone()
    }

    /// Lets `values` of `topic` be read by whatever schemas wrote them. Without a registry's answer within a second
    /// they are shown as what they are: bytes of an unknown schema.
    pub(crate) async fn learn(&self, topic: Topic, values: impl Iterator<Item = &[u8]>) {
        match tokio::time::timeout(LEARN_WAIT, self.codec.learn(topic, values)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "schemas of other programs cannot be looked up"),
            Err(_) => tracing::debug!("schemas of other programs took too long to be looked up"),
        }
    }

    /// Keeps the history that `GET /live/history` answers with, one sample every five seconds while nobody watches,
    /// until [`Self::shutdown_token`] is cancelled. Without it the history has only what was watched.
    pub async fn keep_live_history(self) {
        self.live.keep().await;
    }

    /// Cancelled, it ends all streams: a graceful shutdown would wait for them for ever.
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

impl Deref for Shared {
    type Target = ApiDeps;

    fn deref(&self) -> &ApiDeps {
        &self.deps
    }
}

impl Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
