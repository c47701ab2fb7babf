//! Whether a process lives, and whether it is ready: one shape on every port.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What `GET /livez` answers while the process serves at all.
pub const ALIVE: &str = "ok\n";

/// How a part or the whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum HealthStatus {
    /// Works.
    Ok,
    /// Works with less than it should.
    Degraded,
    /// Does not work.
    Down,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Its name.
    #[schema(example = "log")]
    pub name: String,
    /// How it is.
    pub status: HealthStatus,
    /// What is known, or what to do.
    pub detail: String,
}

/// Whether requests can be served: what `GET /readyz` answers, with 200 if so and 503 if not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether they can; a degraded process is ready.
    pub ready: bool,
    /// How the whole is.
    pub status: HealthStatus,
    /// What is missing.
    pub missing: Vec<HealthCheck>,
}

impl Readiness {
    /// Nothing is missing.
    pub fn ready() -> Self {
        Self { ready: true, status: HealthStatus::Ok, missing: Vec::new() }
    }

    /// The part `name` is down, and nothing works without it.
    pub fn without(name: impl Into<String>, detail: impl Into<String>) -> Self {
        let missing = HealthCheck { name: name.into(), status: HealthStatus::Down, detail: detail.into() };
        Self { ready: false, status: HealthStatus::Down, missing: vec![missing] }
    }
}

/// Marks an error answer that says more than a [`crate::Problem`] could: layers that write problems leave it.
#[derive(Clone, Copy)]
pub struct AsIs;

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        let status = if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(AsIs);
        response
    }
}
