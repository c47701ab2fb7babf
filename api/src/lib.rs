//! The HTTP edge: recommendations, search, catalogue, events in, streams out.
//!
//! It turns requests into calls of ports and answers into JSON, and keeps the rest of the system from what
//! the world sends: everything that comes in or waits has a bound. It never decides what an event means:
//! that is the consumers', who meet it in the log. Start at [`router`]; [`ApiDeps`] says what it needs,
//! [`ApiConfig`] what can be set, [`Shop`] how prices and stock change.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod auth;
mod bodies;
mod callers;
mod config;
mod cursor;
mod dead_letters;
mod dto;
mod encoding;
mod erased;
mod erasure;
mod extract;
mod filters;
mod idempotency;
mod ingest;
mod layers;
mod live;
mod ndjson;
mod openapi;
mod popular;
mod problem;
mod rate;
mod recommend;
mod repair;
mod route;
mod routes;
mod search;
mod shop;
mod stages;
mod state;
mod status;
mod stream;
mod tail;
mod taste;
mod trace;
mod variants;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use utoipa_swagger_ui::SwaggerUi;

pub use auth::{
    Auth, BearerAuth, SECRET_BYTES_MIN, TokenError, TokenRules, UserTokens, bearer_token, guard::same_site,
};
pub use bodies::within_budget;
pub use callers::{Callers, state_callers};
pub use config::{ApiConfig, Limits, Rate, StreamLimits};
pub use openapi::{openapi, openapi_json};
pub use rate::rate_by_address;
pub use shop::{Shop, ShopError};
pub use state::{ApiDeps, ApiState, MetricsText};
pub use status::{
    Bucket, DeadLetters, Flow, Health, Latencies, Latency, LiveStatus, ModelStatus, PartitionLag,
    ProcessStatus, ProductCounts, RecentDeadLetter, SimulatorStatus, StatusSource,
};
pub use stream::{DeadlineIo, DeadlineListener};

use crate::problem::Problem;

/// All routes with everything around them.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()` so that rates are by address, on a
/// [`DeadlineListener`] so that stalled readers lose their connections; cancel
/// [`ApiState::shutdown_token`] when a graceful shutdown begins.
pub fn router(state: ApiState) -> Router {
    let origins = state.config.allowed_origins.clone();
    router_for(state, &origins)
}

/// The same for the port of our own pages: [`ApiConfig::allowed_origins`] do not count there.
pub fn router_of_own_pages(state: ApiState) -> Router {
    router_for(state, &[])
}

fn router_for(state: ApiState, origins: &[String]) -> Router {
    let document = Bytes::from_static(openapi_json().as_bytes());
    let json = move || {
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
        std::future::ready((headers, document.clone()).into_response())
    };
    let (routes, _) = routes::all(Some(&state)).split_for_parts();
    let docs = SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::new(["/openapi.json"]));
    let router = routes
        .route("/openapi.json", get(json))
        .merge(docs)
        .fallback(|| async { Problem::not_found("no such route; `/openapi.json` names them all") })
        .layer(DefaultBodyLimit::max(state.config.limits.body_bytes_max));
    layers::wrapped(router, &state, origins)
}
