//! `rep up`: everything in one process. Options → backends → roles → servers → graceful stop.

mod guard;
mod roles;
mod tasks;
mod traffic;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use parking_lot::Mutex;
use rep_api::{ApiConfig, ApiDeps, ApiState, Auth, StatusSource};
use rep_backends::{Backends, SystemClock, Upkeep};
use rep_core::Clock;
use rep_core::ports::embedder::Embedder;
use rep_embedder::http::EmbedService;
use rep_embedder::{CachedEmbedder, Manifest};
use tokio_util::sync::CancellationToken;

use self::guard::operators_only;
use self::tasks::{StopSignals, Tasks};
use self::traffic::Traffic;
use crate::cli::UpArgs;
use crate::options::Settings;
use crate::serve::Listening;
use crate::status::Status;
use crate::telemetry::{Telemetry, Window};
use crate::vector_cache::StoredVectors;
use crate::{dashboard, model, stores, watermark};

/// Embedded texts kept in memory: 10,000 × 384 dimensions are 15 MB.
const EMBEDDED_TEXTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("is not zero");
/// Longest time from the call to stop to the end.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Time between two rounds of upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// Runs the command.
pub(crate) fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    let settings = args.options.resolve(args.config.as_deref())?;
    settings.places().check()?;
    init_tracing(args.log_json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        // Ports first: what is in the way is said before anything is read or written.
        let servers = Servers::bind(&settings).await?;
        let running = Running::start(Parts::open(settings).await?, servers).await?;
        let signals = StopSignals::listen()?;
        println!("{}", running.ready_line());
        running.until_stopped(signals).await
    });
    // What still blocks after the bound is not worth waiting for.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

fn init_tracing(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("REP_LOG_LEVEL")
        .unwrap_or_else(|_| "info,fjall=warn,lsm_tree=warn,ort=warn".into());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json { builder.json().init() } else { builder.with_target(false).init() }
}

/// What a process is made of, before anything runs.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) telemetry: Telemetry,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) backends: Backends,
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) manifest: Manifest,
    pub(crate) api: ApiConfig,
}

impl Parts {
    /// Loads the model and opens the stores.
    pub(crate) async fn open(settings: Settings) -> anyhow::Result<Self> {
        let telemetry = Telemetry::install()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let dir = model::choose(&settings)?;
        let manifest = dir.manifest().clone();
        let config = settings.stores(manifest.id.clone(), manifest.dimensions);
        let model_settings = settings.clone();
        let session = tokio::task::spawn_blocking(move || model::load(&dir, &model_settings));
        let backends =
            stores::open(&config, Arc::clone(&clock)).await.context("the stores cannot be opened")?;
        let mut embedder = CachedEmbedder::new(session.await??, EMBEDDED_TEXTS_MAX);
        if let Some(data_dir) = &backends.data_dir {
            watermark::check(&settings.data_dir, &backends).await?;
            embedder = embedder.with_durable(Arc::new(StoredVectors(data_dir.embeddings.clone())));
        }
        let embedder: Arc<dyn Embedder> = Arc::new(embedder);
        let erasure_queues = roles::of_shoppers();
        let api = ApiConfig { auth: settings.auth()?, erasure_queues, ..ApiConfig::default() };
        Ok(Self { settings, telemetry, clock, backends, embedder, manifest, api })
    }
}

/// Every service of the process, started.
pub(crate) struct Running {
    tasks: Tasks,
    streams: CancellationToken,
    addresses: Vec<String>,
    /// Where the API listens.
    pub(crate) api_address: SocketAddr,
}

impl Running {
    /// Starts everything on ports that are bound already.
    pub(crate) async fn start(parts: Parts, servers: Servers) -> anyhow::Result<Self> {
        let Parts { settings, telemetry, clock, backends, embedder, manifest, api } = parts;
        let mut tasks = Tasks::new(CancellationToken::new());
        let auth = api.auth.clone();
        let traffic = Traffic::new(&settings);
        traffic.stock_shop(&settings, &backends).await?;
        roles::start(&mut tasks, &backends, &embedder, &clock);
        let status = Arc::new(Status {
            backends: backends.clone(),
            clock: Arc::clone(&clock),
            telemetry: telemetry.clone(),
            window: Arc::new(Mutex::new(Window::default())),
            model: embedder.model().clone(),
            dimensions: embedder.dimensions(),
            started_at: clock.now(),
            tasks: Arc::clone(tasks.board()),
            simulator: traffic.status(),
        });
        tokio::spawn(Arc::clone(&status).sample());
        let api = ApiState::new(ApiDeps {
            log: Arc::clone(&backends.log),
            catalog: Arc::clone(&backends.catalog),
            behaviour: Arc::clone(&backends.behaviour),
            preferences: Arc::clone(&backends.preferences),
            popularity: Arc::clone(&backends.popularity),
            notifications: Arc::clone(&backends.notifications),
            tickets: Arc::clone(&backends.tickets),
            embedder: Arc::clone(&embedder),
            codec: backends.codec.clone(),
            clock: Arc::clone(&clock),
            status: status as Arc<dyn StatusSource>,
            metrics: telemetry.renderer(),
            config: api,
        });
        traffic.start(&mut tasks, &settings, &backends, &clock, api.shop()).await?;
        let stop = tasks.stop();
        if let Some(data_dir) = &backends.data_dir {
            let noted = watermark::keep(settings.data_dir.clone(), backends.clone(), stop.clone());
            tasks.spawn("log watermark", noted);
            tasks.spawn("upkeep", keep_up(data_dir.upkeep.clone(), stop));
        }

        let (streams, addresses, api_address) =
            (api.shutdown_token(), servers.addresses(), servers.api.address);
        servers.serve(&mut tasks, &api, &traffic, EmbedService::new(embedder, manifest), &telemetry, &auth);
        Ok(Self { tasks, streams, addresses, api_address })
    }

    fn ready_line(&self) -> String {
        format!("rep is ready: {}", self.addresses.join(" · "))
    }

    /// Runs until a signal comes or a part ends by itself.
    async fn until_stopped(self, signals: StopSignals) -> anyhow::Result<ExitCode> {
        self.tasks.run_until_stopped(signals, self.streams, STOP_MAX).await
    }

    /// Stops everything now.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.tasks.stop_all(self.streams, STOP_MAX).await
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

/// A port a service, bound.
pub(crate) struct Servers {
    dashboard: Listening,
    api: Listening,
    notify: Listening,
    simulator: Listening,
    behaviour: Listening,
    embedder: Listening,
}

impl Servers {
    pub(crate) async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let (ip, ports) = (settings.bind, settings.ports);
        Ok(Self {
            dashboard: Listening::bind("dashboard", ip, ports.dashboard_port).await?,
            api: Listening::bind("api", ip, ports.api_port).await?,
            notify: Listening::bind("notify", ip, ports.notify_port).await?,
            simulator: Listening::bind("simulator", ip, ports.simulator_port).await?,
            behaviour: Listening::bind("behaviour", ip, ports.behaviour_port).await?,
            embedder: Listening::bind("embedder", ip, ports.embedder_port).await?,
        })
    }

    fn addresses(&self) -> Vec<String> {
        let all =
            [&self.dashboard, &self.api, &self.notify, &self.simulator, &self.behaviour, &self.embedder];
        all.iter().map(|l| format!("{} {}", l.name, l.url())).collect()
    }

    fn serve(
        self,
        tasks: &mut Tasks,
        api: &ApiState,
        traffic: &Traffic,
        embedder: EmbedService,
        telemetry: &Telemetry,
        auth: &Auth,
    ) {
        let metrics = || metrics_route(telemetry);
        let api = rep_api::router(api.clone());
        let dashboard = dashboard::router(api.clone(), operators_only(traffic.router(), auth));
        let simulator = operators_only(traffic.router().merge(metrics()), auth);
        let behaviour = operators_only(metrics(), auth);
        let embedder = operators_only(rep_embedder::http::router(embedder).merge(metrics()), auth);
        let stop = tasks.stop();
        tasks.spawn("dashboard", self.dashboard.serve(dashboard, stop.clone()));
        tasks.spawn("api", self.api.serve(api.clone(), stop.clone()));
        tasks.spawn("notification service", self.notify.serve(api, stop.clone()));
        tasks.spawn("simulator control", self.simulator.serve(simulator, stop.clone()));
        tasks.spawn("behaviour metrics", self.behaviour.serve(behaviour, stop.clone()));
        tasks.spawn("embedding service", self.embedder.serve(embedder, stop));
    }
}

fn metrics_route(telemetry: &Telemetry) -> Router {
    let text = telemetry.renderer();
    Router::new().route("/metrics", get(move || async move { text() }))
}
