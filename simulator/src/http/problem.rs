//! Errors as RFC 9457 has them.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::BODY_BYTES_MAX;
use crate::runner::SimulatorError;

/// What went wrong, as `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// Which fields are wrong; absent if none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Seconds after which to try again.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldProblem {
    /// Its name.
    pub field: String,
    /// What it must be.
    pub message: String,
}

impl FieldProblem {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn bad_fields(errors: Vec<FieldProblem>) -> Self {
        let detail = match &errors[..] {
            [one] => format!("`{}` {}", one.field, one.message),
            many => format!("{} fields are wrong", many.len()),
        };
        Self { errors, ..Self::bad_request(detail) }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a body may have {BODY_BYTES_MAX} bytes at most"),
            ),
            status => Self::new(status, "the body did not arrive whole"),
        }
    }
}

impl From<SimulatorError> for Problem {
    fn from(error: SimulatorError) -> Self {
        match error {
            SimulatorError::Running | SimulatorError::Stranger(_) => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            SimulatorError::Shop(ref store) => {
                tracing::warn!(error = %store, "the shop could not be asked for its products");
                Self::unavailable("the shop cannot be asked for its products now")
            }
            SimulatorError::Invalid(wrong) => {
                Self::bad_fields(vec![FieldProblem::new(wrong.field, wrong.message)])
            }
            // What the log said stays inside.
            SimulatorError::Log(ref store) => {
                tracing::warn!(error = %store, "an action by hand was not taken");
                Self::unavailable("the log does not take events now")
            }
            SimulatorError::Timeout(_) => {
                Self::unavailable("the log did not answer in time; the action may be there all the same")
            }
            SimulatorError::Encode(ref encode) => {
                tracing::error!(error = %encode, "an action by hand does not fit its schema");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the action could not be written")
            }
        }
    }
}

impl Problem {
    fn unavailable(detail: &str) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
