//! The OpenAPI documents of the ports beside the API's: what they serve, and who may call it.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;
use rep_api::{Callers, state_callers};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Response};

use super::guard::PUBLIC;

/// Serves, as `/openapi.json`, the document of a port with the routes of `service`, `/metrics` and health.
pub(super) fn route(mut service: OpenApi) -> Router {
    service.merge(around());
    state_callers(&mut service, |_, path| {
        Some(if PUBLIC.contains(&path) { Callers::Everybody } else { Callers::Operators })
    });
    // Strings and maps alone always serialise.
    let json = service.to_pretty_json().unwrap_or_default();
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    Router::new().route("/openapi.json", get(move || std::future::ready((headers, json.clone()))))
}

/// What a role without a service of its own has.
pub(super) fn of_role(title: &str) -> OpenApi {
    OpenApiBuilder::new().info(InfoBuilder::new().title(title).version(env!("CARGO_PKG_VERSION"))).build()
}

/// What every port has.
fn around() -> OpenApi {
    let read = |summary: &str| {
        let operation =
            OperationBuilder::new().summary(Some(summary)).response("200", Response::new(summary));
        PathItem::new(HttpMethod::Get, operation)
    };
    let paths = PathsBuilder::new()
        .path("/metrics", read("Metrics in Prometheus' text format"))
        .path("/livez", read("Whether the process lives"))
        .path("/readyz", read("Whether the role is ready"));
    OpenApiBuilder::new().paths(paths).build()
}
