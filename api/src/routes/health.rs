//! Whether it lives, whether it is ready, and its metrics.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;
use crate::status::{HealthCheck, HealthStatus};

/// Whether requests can be served.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Readiness {
    ready: bool,
    status: HealthStatus,
    /// What is missing.
    missing: Vec<HealthCheck>,
}

/// Whether the process serves at all.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "getLiveness",
    tag = "Operation",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain"))
)]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests can be served, and what is missing if not. Degraded is ready.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "Operation",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready; names what is missing", body = Readiness),
    )
)]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Result<Response, Problem> {
    let sample = state.live.now().await?;
    let health = &sample.status.health;
    let ready = health.status != HealthStatus::Down && !state.shutdown.is_cancelled();
    let missing = health.checks.iter().filter(|check| check.status != HealthStatus::Ok).cloned().collect();
    let body = Json(Readiness { ready, status: health.status, missing });
    if ready {
        return Ok(body.into_response());
    }
    let names: Vec<&str> = health
        .checks
        .iter()
        .filter(|check| check.status == HealthStatus::Down)
        .map(|check| check.name.as_str())
        .collect();
    tracing::warn!(missing = names.join(", "), "not ready");
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
    response.extensions_mut().insert(crate::problem::AsIs);
    Ok(response)
}

/// Metrics in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "Operation",
    responses(
        (status = 200, description = "Metrics", body = String, content_type = "text/plain"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn metrics(
    State(state): State<ApiState>,
    principal: Principal,
) -> Result<Response, Problem> {
    principal.must_operate()?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.metrics)()).into_response())
}
