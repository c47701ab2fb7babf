//! A process: options → ports → backends → roles → graceful stop. `rep up` has every role, `rep serve` those it is
//! given.

mod consumers;
mod document;
mod gate;
mod guard;
mod headers;
mod outbound;
mod peers;
mod proxy;
mod role;
mod scale;
mod servers;
mod tasks;
mod traffic;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use rep_api::{ApiConfig, ApiDeps, ApiState, Rate, Shop, SimulatorStatus, StatusSource};
use rep_backends::{Backends, ConnectError, Retrieval, SystemClock, Upkeep};
use rep_core::Clock;
use rep_core::likeness::CurrentScale;
use rep_core::ports::embedder::Embedder;
use rep_embedder::http::EmbedService;
use rep_embedder::{CachedEmbedder, Manifest, ModelDir, OnnxEmbedder};
use rep_traces::TracedLog;
use tokio_util::sync::CancellationToken;

use self::gate::Waiting;
use self::outbound::Outbound;
pub(crate) use self::peers::Peers;
pub(crate) use self::role::{Role, Roles};
pub(crate) use self::servers::Servers;
use self::servers::{Gates, Routes, Upstreams};
use self::tasks::{StopSignals, Tasks};
use self::traffic::Traffic;
use crate::cli::UpArgs;
use crate::options::Settings;
use crate::status::Status;
use crate::telemetry::{Telemetry, Window};
use crate::vector_cache::StoredVectors;
use crate::{just_seen, logging, model, stores, watermark};

/// Embedded texts kept in memory: 10,000 × 384 dimensions are 15 MB.
const EMBEDDED_TEXTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("is not zero");
/// Longest time from the call to stop to the end.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Time between two rounds of upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);
/// Time between two rounds of taking in what histograms recorded.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// Runs `rep up`.
pub(crate) fn up(args: UpArgs) -> anyhow::Result<ExitCode> {
    let settings = args.options.resolve(args.config.as_deref())?;
    settings.places().check()?;
    run(settings, Role::all(), args.log_json)
}

/// Runs `rep serve ROLE…`.
pub(crate) fn serve(roles: &[Role], args: UpArgs) -> anyhow::Result<ExitCode> {
    let settings = args.options.resolve(args.config.as_deref())?;
    let roles: Roles = roles.iter().copied().collect();
    if roles.iter().any(|role| role.has_stores()) {
        settings.places().check_shared()?;
    }
    run(settings, roles, args.log_json)
}

fn run(settings: Settings, roles: Roles, log_json: bool) -> anyhow::Result<ExitCode> {
    // What shoppers did is nobody else's on this machine: files 0600, folders 0700.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // Dropped last: what is done while stopping is exported too.
    let _traces = logging::start(log_json, settings.traces().as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = StopSignals::listen()?;
        // Ports first: what is in the way is said before anything is read or written.
        let servers = Servers::bind(&settings, &roles).await?;
        let addresses = servers.addresses().join(" · ");
        let waiting = servers.waiting();
        let mut tasks = Tasks::new(CancellationToken::new());
        let gates = servers.answer(&mut tasks);
        let parts = tokio::select! {
            parts = Parts::open(settings, roles, &waiting) => parts?,
            () = signals.heard() => {
                tracing::info!("stopped before it was ready");
                return Ok(ExitCode::SUCCESS);
            }
        };
        let running = Running::begin(parts, tasks, &gates).await?;
        println!("rep is ready: {addresses}");
        running.tasks.run_until_stopped(&mut signals, running.streams, STOP_MAX).await
    });
    // What still blocks after the bound is not worth waiting for.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

/// What a process is made of, before anything runs.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) roles: Roles,
    pub(crate) telemetry: Telemetry,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) api: ApiConfig,
    /// What roles with stores work on; a dashboard alone has none.
    pub(crate) stores: Option<Stores>,
}

/// What roles work on.
pub(crate) struct Stores {
    pub(crate) backends: Backends,
    pub(crate) manifest: Manifest,
    /// The model, where a role embeds.
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
}

impl Parts {
    /// Loads the model where a role embeds and opens the stores; `waiting` is told what for.
    async fn open(settings: Settings, roles: Roles, waiting: &Waiting) -> anyhow::Result<Self> {
        let telemetry = Telemetry::install()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let has_stores = roles.iter().any(|role| role.has_stores());
        let stores =
            if has_stores { Some(Stores::open(&settings, &roles, &clock, waiting).await?) } else { None };
        let erasure_queues = consumers::of_shoppers();
        let api = ApiConfig {
            auth: settings.auth()?,
            erasure_queues,
            allowed_hosts: settings.allowed_hosts.clone(),
            allowed_origins: settings.allowed_origins.clone(),
            currency: settings.currency,
            just_seen: just_seen::rules(&settings.just_seen)?,
            rate: rate(settings.requests_rate, 2),
            events_rate: rate(settings.events_rate, 10),
            trusted_proxies: settings.proxies(),
            ..ApiConfig::default()
        };
        Ok(Self { settings, roles, telemetry, clock, api, stores })
    }
}

impl Parts {
    /// What roles work on.
    ///
    /// # Errors
    /// In a process that has no such role.
    pub(crate) fn stores(&self) -> anyhow::Result<&Stores> {
        self.stores.as_ref().context("this process has no stores")
    }
}

impl Stores {
    async fn open(
        settings: &Settings,
        roles: &Roles,
        clock: &Arc<dyn Clock>,
        waiting: &Waiting,
    ) -> anyhow::Result<Self> {
        let dir = model::choose(settings)?;
        let manifest = dir.manifest().clone();
        let mut config = settings.stores(manifest.id.clone(), manifest.dimensions);
        if !roles.contains(&Role::Api) {
            // Nobody searches here often enough to hold all products for it.
            config.places.retrieval = Retrieval::Elasticsearch;
        }
        let wait = |error: &ConnectError| {
            let what = format!("waiting for {error}");
            if waiting.say(&what) {
                tracing::warn!("{what}");
            }
        };
        let embeds = roles.iter().any(|role| role.embeds());
        let session = embeds.then(|| load(dir, settings));
        let mut backends =
            stores::open(&config, Arc::clone(clock), &wait).await.context("the stores cannot be opened")?;
        if settings.otlp.is_some() {
            backends.log = Arc::new(TracedLog::new(backends.log));
        }
        let mut embedder = match session {
            Some(session) => Some(session.await??),
            None => None,
        };
        if let Some(data_dir) = &backends.data_dir {
            watermark::check(&settings.data_dir, &backends).await?;
            let durable = Arc::new(StoredVectors(data_dir.embeddings.clone()));
            embedder = embedder.map(|embedder| embedder.with_durable(durable));
        }
        let embedder = embedder.map(|embedder| Arc::new(embedder) as Arc<dyn Embedder>);
        Ok(Self { backends, manifest, embedder })
    }
}

/// Loads the model beside whatever else begins.
fn load(
    dir: ModelDir,
    settings: &Settings,
) -> tokio::task::JoinHandle<anyhow::Result<CachedEmbedder<OnnxEmbedder>>> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || {
        Ok(CachedEmbedder::new(model::load(&dir, &settings)?, EMBEDDED_TEXTS_MAX))
    })
}

/// Every role of the process, started.
pub(crate) struct Running {
    tasks: Tasks,
    streams: CancellationToken,
}

impl Running {
    /// Starts the roles of `parts` on ports that are bound already.
    pub(crate) async fn start(parts: Parts, servers: Servers) -> anyhow::Result<Self> {
        let mut tasks = Tasks::new(CancellationToken::new());
        let gates = servers.answer(&mut tasks);
        Self::begin(parts, tasks, &gates).await
    }

    async fn begin(parts: Parts, mut tasks: Tasks, gates: &Gates) -> anyhow::Result<Self> {
        let Parts { settings, roles, telemetry, clock, api, stores } = parts;
        let stop = tasks.stop();
        let outbound = Outbound::new(settings.operator_token.clone());
        let upstreams = Upstreams::new(&settings, outbound.clone())?;
        let access = api.clone();
        tasks.spawn("metrics", keep_recording(telemetry.clone(), stop.clone()));
        let (mut state, mut traffic, mut service) = (None, None, None);
        if let Some(stores) = stores {
            let Stores { backends, manifest, embedder } = stores;
            traffic = roles.contains(&Role::Simulator).then(|| Traffic::new(&settings));
            if let Some(traffic) = &traffic {
                traffic.stock_shop(&settings, &backends).await?;
            }
            let scale = CurrentScale::default();
            if [Role::Api, Role::Inventory].iter().any(|role| roles.contains(role)) {
                let measured =
                    scale::keep_measuring(Arc::clone(&backends.catalog), scale.clone(), stop.clone());
                tasks.spawn("likeness scale", measured);
            }
            consumers::start(&mut tasks, &roles, &backends, embedder.as_ref(), &clock, &scale)?;
            if roles.contains(&Role::Api) || roles.contains(&Role::Notify) {
                let status = Arc::new(Status {
                    backends: backends.clone(),
                    clock: Arc::clone(&clock),
                    telemetry: telemetry.clone(),
                    window: Arc::new(Mutex::new(Window::default())),
                    model: manifest.id.clone(),
                    dimensions: manifest.dimensions,
                    started_at: clock.now(),
                    tasks: Arc::clone(tasks.board()),
                    simulator: simulator_status(traffic.as_ref()),
                    peers: peers(&settings, outbound)?,
                });
                tasks.spawn("status", Arc::clone(&status).sample(stop.clone()));
                state = Some(ApiState::new(ApiDeps {
                    log: Arc::clone(&backends.log),
                    catalog: Arc::clone(&backends.catalog),
                    behaviour: Arc::clone(&backends.behaviour),
                    preferences: Arc::clone(&backends.preferences),
                    popularity: Arc::clone(&backends.popularity),
                    notifications: Arc::clone(&backends.notifications),
                    tickets: Arc::clone(&backends.tickets),
                    model: manifest.id.clone(),
                    dimensions: manifest.dimensions,
                    scale,
                    embedder: embedder.clone(),
                    codec: backends.codec.clone(),
                    clock: Arc::clone(&clock),
                    status: status as Arc<dyn StatusSource>,
                    metrics: telemetry.renderer(),
                    config: api,
                }));
            }
            if let Some(state) = state.as_ref().filter(|_| roles.contains(&Role::Api)) {
                let state = state.clone();
                tasks.spawn("live history", async move {
                    state.keep_live_history().await;
                    Ok(())
                });
            }
            if let Some(traffic) = &traffic {
                let shop = state.as_ref().map_or_else(|| shop(&backends, &clock), ApiState::shop);
                traffic.start(&mut tasks, &settings, &backends, &clock, shop).await?;
            }
            if let Some(data_dir) = &backends.data_dir {
                let noted = watermark::keep(settings.data_dir.clone(), backends.clone(), stop.clone());
                tasks.spawn("log watermark", noted);
                tasks.spawn("upkeep", keep_up(data_dir.upkeep.clone(), stop));
            }
            service = embedder.map(|embedder| EmbedService::new(embedder, manifest));
        }
        gates.open(&Routes {
            api: state.as_ref(),
            traffic: traffic.as_ref(),
            embedder: service,
            telemetry: &telemetry,
            access: &access,
            upstreams,
        });
        let streams = state.map_or_else(CancellationToken::new, |state| state.shutdown_token());
        Ok(Self { tasks, streams })
    }

    /// Stops everything now.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.tasks.stop_all(self.streams, STOP_MAX).await
    }
}

/// So many a second, and `seconds` times as many at once; `None` for 0.
fn rate(per_second: u32, seconds: u32) -> Option<Rate> {
    (per_second > 0).then(|| Rate { per_second, burst: per_second.saturating_mul(seconds) })
}

/// The catalogue's writer of a process without an API.
fn shop(backends: &Backends, clock: &Arc<dyn Clock>) -> Shop {
    let (log, catalog) = (Arc::clone(&backends.log), Arc::clone(&backends.catalog));
    Shop::new(log, catalog, backends.codec.clone(), Arc::clone(clock))
}

fn peers(settings: &Settings, outbound: Outbound) -> anyhow::Result<Peers> {
    let bases = settings.processes.iter().map(|url| outbound::base(url)).collect::<Result<_, _>>()?;
    let simulator = settings.simulator_url.as_deref().map(outbound::base).transpose()?;
    Peers::new(outbound, bases, simulator.as_ref())
}

fn simulator_status(traffic: Option<&Traffic>) -> Arc<dyn Fn() -> Option<SimulatorStatus> + Send + Sync> {
    traffic.map_or_else(|| Arc::new(|| None) as _, Traffic::status)
}

async fn keep_recording(telemetry: Telemetry, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(RECORD_EVERY) => telemetry.upkeep(),
        }
    }
}

async fn keep_up(upkeep: Upkeep, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(UPKEEP_EVERY) => {}
        }
        match upkeep.run_once().await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "removed records past their retention"),
            Err(error) => tracing::warn!(%error, "upkeep failed; it is tried again"),
        }
    }
}
