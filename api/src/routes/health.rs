//! Whether it lives, whether it is ready, and its metrics.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use rep_http::{ALIVE, HealthStatus, Readiness};

use crate::auth::Principal;
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;

/// Whether the process serves at all.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "getLiveness",
    tag = "Operation",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain"))
)]
pub(crate) async fn livez() -> &'static str {
    ALIVE
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
pub(crate) async fn readyz(State(state): State<ApiState>) -> Result<Readiness, Problem> {
    let sample = state.live.now().await?;
    let health = &sample.status.health;
    let ready = health.status != HealthStatus::Down && !state.shutdown.is_cancelled();
    let missing = health.checks.iter().filter(|check| check.status != HealthStatus::Ok).cloned().collect();
    if !ready {
        let down = health.checks.iter().filter(|check| check.status == HealthStatus::Down);
        let names: Vec<&str> = down.map(|check| check.name.as_str()).collect();
        tracing::warn!(missing = names.join(", "), "not ready");
    }
    Ok(Readiness { ready, status: health.status, missing })
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
