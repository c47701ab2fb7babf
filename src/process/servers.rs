//! A port a role: bound before anything else, answering from then on.

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use rep_api::{ApiConfig, ApiState, rate_by_address, same_site, within_budget};
use rep_embedder::http::EmbedService;
use rep_http::{ALIVE, Problem, Readiness};

use super::document;
use super::gate::{Gate, Waiting};
use super::guard::operators_only;
use super::headers::with_headers;
use super::outbound::{self, Outbound};
use super::proxy;
use super::role::{Role, Roles};
use super::tasks::Tasks;
use super::traffic::Traffic;
use crate::dashboard;
use crate::listening::{Connections, Listening};
use crate::options::Settings;
use crate::telemetry::Telemetry;

/// The ports of a process, each with what it answers.
pub(crate) struct Servers {
    bound: Vec<Bound>,
    waiting: Waiting,
}

struct Bound {
    role: Role,
    listening: Listening,
}

/// What routes are made of.
pub(super) struct Routes<'a> {
    pub(super) api: Option<&'a ApiState>,
    pub(super) traffic: Option<&'a Traffic>,
    pub(super) embedder: Option<EmbedService>,
    pub(super) telemetry: &'a Telemetry,
    /// Who may call, and from where.
    pub(super) access: &'a ApiConfig,
    pub(super) upstreams: Upstreams,
}

/// Roles in other processes that the dashboard reaches.
pub(super) struct Upstreams {
    pub(super) api: Uri,
    pub(super) simulator: Uri,
    pub(super) outbound: Outbound,
}

impl Upstreams {
    pub(super) fn new(settings: &Settings, outbound: Outbound) -> anyhow::Result<Self> {
        let at = |url: &Option<String>, port| {
            outbound::base(&url.clone().unwrap_or_else(|| settings.url_of(port)))
        };
        Ok(Self {
            api: at(&settings.api_url, settings.ports.api_port)?,
            simulator: at(&settings.simulator_url, settings.ports.simulator_port)?,
            outbound,
        })
    }
}

impl Servers {
    /// Binds a port for each of `roles`.
    ///
    /// # Errors
    /// When one is taken: says which.
    pub(crate) async fn bind(settings: &Settings, roles: &Roles) -> anyhow::Result<Self> {
        let mut bound = Vec::with_capacity(roles.len());
        let connections = Connections::new(settings.connection_limits());
        for role in roles.iter().copied() {
            let port = role.port(&settings.ports);
            bound.push(Bound {
                role,
                listening: Listening::bind(role.name(), settings.bind, port, connections.clone()).await?,
            });
        }
        Ok(Self { bound, waiting: Waiting::new() })
    }

    /// Where the role listens, if it does.
    pub(crate) fn address(&self, role: Role) -> Option<std::net::SocketAddr> {
        self.bound.iter().find(|bound| bound.role == role).map(|bound| bound.listening.address)
    }

    /// `name url` of each.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.bound.iter().map(|b| format!("{} {}", b.role.name(), b.listening.url())).collect()
    }

    /// What the ports say until their routes are there.
    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Answers at every port from now on; gives what opens them.
    pub(super) fn answer(self, tasks: &mut Tasks) -> Gates {
        let stop = tasks.stop();
        let mut gates = Vec::with_capacity(self.bound.len());
        for Bound { role, listening } in self.bound {
            let gate = Gate::closed(self.waiting.clone());
            tasks.spawn(task_name(role), listening.serve(gate.router(), stop.clone()));
            gates.push((role, gate));
        }
        Gates(gates)
    }
}

/// What opens the ports.
pub(super) struct Gates(Vec<(Role, Gate)>);

impl Gates {
    /// Serves the routes of each role.
    pub(super) fn open(&self, routes: &Routes<'_>) {
        for (role, gate) in &self.0 {
            gate.open(routes.of(*role));
        }
    }
}

impl Routes<'_> {
    fn of(&self, role: Role) -> Router {
        let Self { api, traffic, embedder, telemetry, access, upstreams } = self;
        let auth = &access.auth;
        let metrics = metrics_route(telemetry);
        // The API's own routes guard themselves, where a refusal gets its trace id and is counted.
        let guarded = |router: Router| rate_by_address(same_site(router, access, &[]), access);
        let budgeted = |router: Router, one_bytes_max| within_budget(router, one_bytes_max, &access.limits);
        let control = || {
            let control = traffic.map(Traffic::router).unwrap_or_default();
            budgeted(control, rep_simulator::http::BODY_BYTES_MAX)
        };
        let routes = match role {
            Role::Dashboard => {
                let outbound = || upstreams.outbound.clone();
                let proxied = || guarded(proxy::router("api", upstreams.api.clone(), outbound()));
                let api = api.map_or_else(proxied, |state| rep_api::router_of_own_pages(state.clone()));
                let simulator = match traffic {
                    Some(_) => operators_only(control(), auth),
                    None => proxy::router("simulator", upstreams.simulator.clone(), outbound()),
                };
                guarded(dashboard::router(simulator)).nest("/api", api)
            }
            Role::Api | Role::Notify => api.map(|state| rep_api::router(state.clone())).unwrap_or_default(),
            Role::Simulator => {
                let document = document::route(rep_simulator::http::openapi());
                guarded(operators_only(control().merge(metrics).merge(document), auth))
            }
            Role::Behaviour | Role::Inventory => {
                let document = document::route(document::of_role(&format!("REP {}", role.name())));
                guarded(operators_only(metrics.merge(health()).merge(document), auth))
            }
            Role::Embedder => {
                let service = embedder.clone().map(rep_embedder::http::router).unwrap_or_default();
                let service = budgeted(service, rep_embedder::http::BODY_BYTES_MAX);
                let document = document::route(rep_embedder::http::openapi());
                guarded(operators_only(service.merge(metrics).merge(document), auth))
            }
        };
        with_headers(routes.method_not_allowed_fallback(wrong_method))
    }
}

fn task_name(role: Role) -> &'static str {
    match role {
        Role::Dashboard => "dashboard",
        Role::Api => "api",
        Role::Notify => "notification service",
        Role::Simulator => "simulator control",
        Role::Behaviour => "behaviour metrics",
        Role::Inventory => "inventory metrics",
        Role::Embedder => "embedding service",
    }
}

async fn wrong_method() -> Problem {
    Problem::of_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// A role whose parts run is alive and ready: one that ends takes the process with it.
fn health() -> Router {
    Router::new()
        .route("/livez", get(|| async { ALIVE }))
        .route("/readyz", get(|| async { Readiness::ready() }))
}

fn metrics_route(telemetry: &Telemetry) -> Router {
    let text = telemetry.renderer();
    Router::new().route("/metrics", get(move || async move { text() }))
}
