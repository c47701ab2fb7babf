//! Errors as RFC 9457 `application/problem+json`.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Seconds after which a refused caller may try again: longer than one batch takes.
const RETRY_AFTER_S: &str = "2";

/// What a caller gets instead of vectors.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    /// No problem here has a page of its own (RFC 9457, 4.2.1).
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FieldProblem {
    /// Path of the field, such as `texts[3]`; empty for the body as a whole.
    pub(super) field: String,
    /// What is wrong, and what would be right.
    pub(super) message: String,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    pub(super) fn invalid(errors: Vec<FieldProblem>) -> Self {
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "the request has errors") }
    }

    /// The body was too large, or did not arrive.
    pub(super) fn body(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// The cause is in the log, not in the answer.
    pub(super) fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the texts could not be embedded")
    }

    pub(super) async fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such route")
    }

    pub(super) async fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "the route has no such method")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, content_type, Json(self)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let wait = header::HeaderValue::from_static(RETRY_AFTER_S);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}
