//! The simulator of a process: the shop it invents, its traffic, its controls.

use std::sync::{Arc, OnceLock};

use anyhow::Context;
use async_trait::async_trait;
use axum::Router;
use rep_api::{ShopError, SimulatorStatus};
use rep_backends::Backends;
use rep_core::ports::catalog::Catalog;
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{Clock, Money, ProductId};
use rep_simulator::{Catalogue, Parts, RunnerConfig, Shop, Simulator, SimulatorError, State, Wish};

use super::tasks::Tasks;
use crate::options::Settings;

/// Products written at once.
const STOCK_BATCH: usize = 1000;

/// The simulator's place in the process: empty until the shop that it changes is there.
#[derive(Clone)]
pub(super) struct Traffic {
    seed: u64,
    catalogue: Arc<Catalogue>,
    simulator: Arc<OnceLock<Simulator>>,
}

impl Traffic {
    pub(super) fn new(settings: &Settings) -> Self {
        let products =
            if settings.products == 0 { rep_simulator::PRODUCTS_DEFAULT } else { settings.products };
        let catalogue = Arc::new(Catalogue::new(settings.seed, products));
        Self { seed: settings.seed, catalogue, simulator: Arc::default() }
    }

    /// Invents the products of an empty shop. A shop with products of its own stays as it is.
    pub(super) async fn stock_shop(&self, settings: &Settings, backends: &Backends) -> anyhow::Result<()> {
        if settings.products == 0 || backends.catalog.summary().await?.total > 0 {
            return Ok(());
        }
        tracing::info!(
            products = settings.products,
            seed = settings.seed,
            "the catalogue is empty; inventing a shop"
        );
        let mut products = self.catalogue.iter().peekable();
        while products.peek().is_some() {
            backends.catalog.put(products.by_ref().take(STOCK_BATCH).collect()).await?;
        }
        Ok(())
    }

    /// The invented products as far as the shop has them: a shop that was stocked with fewer is not asked for
    /// more. All of them if it has none, which a start then refuses.
    async fn in_shop(&self, backends: &Backends) -> anyhow::Result<Arc<Catalogue>> {
        let products = self.catalogue.len();
        let mut end = products;
        while end > 0 {
            let begin = end.saturating_sub(STOCK_BATCH as u32);
            let ids: Vec<ProductId> = (begin..end).map(Catalogue::id).collect();
            let found = backends.catalog.get(&ids).await?.iter().rposition(Option::is_some);
            match found.and_then(|index| u32::try_from(index).ok()) {
                Some(index) if begin + index + 1 == products => break,
                Some(index) => {
                    return Ok(Arc::new(Catalogue::new(self.seed, begin + index + 1)));
                }
                None => end = begin,
            }
        }
        Ok(Arc::clone(&self.catalogue))
    }

    /// Makes the simulator, and starts its traffic if that is wanted and the shop has what it is about.
    pub(super) async fn start(
        &self,
        tasks: &mut Tasks,
        settings: &Settings,
        backends: &Backends,
        clock: &Arc<dyn Clock>,
        shop: rep_api::Shop,
    ) -> anyhow::Result<()> {
        let parts = Parts {
            catalogue: self.in_shop(backends).await?,
            log: Arc::clone(&backends.log),
            codec: backends.codec.clone(),
            clock: Arc::clone(clock),
            shop: Arc::new(ApiShop { shop, catalog: Arc::clone(&backends.catalog) }),
        };
        let defaults = rep_simulator::Settings {
            users: settings.users,
            rate: settings.rate,
            seed: settings.seed,
            ..rep_simulator::Settings::default()
        };
        let trace_sample = settings.traces().map_or(0.0, |traces| traces.sample);
        let config = RunnerConfig { defaults, trace_sample, ..RunnerConfig::default() };
        let simulator = Simulator::new(parts, config);
        let simulator = self.simulator.get_or_init(|| simulator).clone();
        if !settings.no_simulator {
            match simulator.start(Wish::default()).await {
                Ok(_) => {}
                Err(error @ SimulatorError::Stranger(_)) => {
                    tracing::warn!("no simulated traffic: {error}");
                }
                Err(error) => return Err(error).context("the simulator cannot start"),
            }
        }
        let stop = tasks.stop();
        tasks.spawn("simulator", async move {
            stop.cancelled().await;
            simulator.stop().await;
            Ok(())
        });
        Ok(())
    }

    /// How it stands, once it is there.
    pub(super) fn status(&self) -> Arc<dyn Fn() -> Option<SimulatorStatus> + Send + Sync> {
        let simulator = Arc::clone(&self.simulator);
        Arc::new(move || {
            let status = simulator.get()?.status();
            Some(SimulatorStatus {
                state: if status.state == State::Running { "running" } else { "stopped" }.to_owned(),
                rate: status.actual_rate,
                target_rate: status.target_rate,
                users: u64::from(status.users),
                scenario: status.scenario.id().to_owned(),
            })
        })
    }

    /// Its control routes.
    pub(super) fn router(&self) -> Router {
        self.simulator
            .get()
            .map_or_else(Router::new, |simulator| rep_simulator::http::router(simulator.clone()))
    }
}

/// Changes prices and stock as `PATCH /products/{id}` does.
struct ApiShop {
    shop: rep_api::Shop,
    catalog: Arc<dyn Catalog>,
}

#[async_trait]
impl Shop for ApiShop {
    async fn change(
        &self,
        product: &ProductId,
        price: Option<Money>,
        stock: Option<u32>,
    ) -> Result<(), StoreError> {
        match self.shop.change_price_or_stock(product, price, stock).await {
            Ok(_) => Ok(()),
            Err(ShopError::Store(error)) => Err(error),
            Err(error) if error.is_retryable() => Err(StoreError::new(StoreErrorKind::Unavailable, error)),
            Err(error) => Err(StoreError::new(StoreErrorKind::Invalid, error)),
        }
    }

    async fn has(&self, products: &[ProductId]) -> Result<Vec<bool>, StoreError> {
        Ok(self.catalog.get(products).await?.iter().map(Option::is_some).collect())
    }
}
