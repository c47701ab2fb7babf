//! Errors as clients see them: RFC 9457 `application/problem+json`.
//!
//! A [`Problem`] travels in the response's extensions and is written out by [`render`], the outermost
//! layer, which knows the trace id; so the refusals of axum itself get the same shape.

use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rep_core::FieldError;
use rep_core::avro::EncodeError;
use rep_core::ports::{StoreError, StoreErrorKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::trace::RequestTrace;

/// Most bad fields that one answer names.
pub(crate) const FIELDS_MAX: usize = 100;
/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// The field's name; `3.price` is `price` of the fourth item.
    #[schema(example = "price")]
    pub field: String,
    /// What it must be.
    pub message: String,
}

impl FieldProblem {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self::new(error.field, error.message)
    }
}

/// Why a request was not served.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// [`Problem`] as the OpenAPI document shows it.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes what `render` writes")]
pub(crate) struct ProblemSchema {
    /// What kind of problem, as a URN.
    #[schema(rename = "type", example = "urn:rep:problem:invalid-request")]
    kind: String,
    /// The same in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong in this case.
    detail: String,
    /// Which fields are wrong.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldProblem>>,
    /// Identifies the request in logs; also the header `X-Trace-Id`.
    #[schema(rename = "traceId")]
    trace_id: String,
}

macro_rules! kinds {
    ($($name:ident: $status:ident, $kind:literal, $title:literal;)*) => {
        impl Problem {
            $(pub(crate) fn $name(detail: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, concat!("urn:rep:problem:", $kind), $title, detail)
            })*
        }
    };
}

kinds! {
    invalid: BAD_REQUEST, "invalid-request", "The request is not valid";
    unauthorized: UNAUTHORIZED, "unauthorized", "A valid token is required";
    forbidden: FORBIDDEN, "forbidden", "Not allowed";
    not_found: NOT_FOUND, "not-found", "Not found";
    method_not_allowed: METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed";
    conflict: CONFLICT, "conflict", "Conflict";
    too_large: PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    unsupported_media_type: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Content type not supported";
    key_reused: UNPROCESSABLE_ENTITY, "idempotency-key-reused", "Idempotency key was used for something else";
    too_many: TOO_MANY_REQUESTS, "too-many-requests", "Too many requests";
    internal: INTERNAL_SERVER_ERROR, "internal", "Internal error";
    unavailable: SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable";
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let again = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        Self {
            kind,
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: again.then_some(RETRY_AFTER_S),
        }
    }

    /// A request with one bad field.
    pub(crate) fn field(field: impl Into<String>, message: impl std::fmt::Display) -> Self {
        let field = field.into();
        let detail = format!("`{field}` {message}");
        let mut problem = Self::invalid(detail);
        problem.errors.push(FieldProblem::new(field, message.to_string()));
        problem
    }

    /// A request with several bad fields.
    pub(crate) fn fields(detail: impl Into<String>, mut errors: Vec<FieldProblem>) -> Self {
        errors.truncate(FIELDS_MAX);
        Self { errors, ..Self::invalid(detail) }
    }

    /// The same, to be tried again after `seconds`.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds.max(1)), ..self }
    }

    /// A failure of our own: `error` is logged, never shown.
    pub(crate) fn defect(what: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "{what}");
        Self::internal("the request could not be served; the failure was logged under this trace id")
    }

    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed("this route does not know the method"),
            StatusCode::NOT_FOUND => Self::not_found("no such route"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large("the body is over its limit"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type("content type not supported"),
            status if status.is_client_error() => {
                let title = status.canonical_reason().unwrap_or("Request refused");
                Self::new(status, "about:blank", title, "the request was refused")
            }
            _ => Self::internal("the request could not be served"),
        }
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::field(error.field, error.message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_retryable() {
            tracing::warn!(%error, "store is away");
            let detail = match error.kind() {
                StoreErrorKind::Full => "a store has no room left",
                _ => "a store cannot be reached; nothing was acknowledged",
            };
            return Self::unavailable(detail);
        }
        Self::defect("store failed", &error)
    }
}

impl From<EncodeError> for Problem {
    fn from(error: EncodeError) -> Self {
        Self::defect("event could not be encoded", &error)
    }
}

impl Problem {
    /// Complete in itself, for ports that do not [`render`]; where they do, they write it again with the trace id.
    pub(crate) fn whole(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks an error answer that says more than a problem could.
#[derive(Clone, Copy)]
pub(crate) struct AsIs;

/// Writes problems out, and gives the refusals of the framework the same shape.
pub(crate) async fn render(trace: RequestTrace, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if response.extensions().get::<AsIs>().is_some() => return response,
        None => Problem::of_status(status),
    };
    let allow = response.headers_mut().remove(ALLOW);
    let retry_after_s = problem.retry_after_s;
    let mut rendered = written(problem, &trace);
    // What other layers said stays, but for what describes the old body.
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            rendered.headers_mut().append(name.clone(), value.clone());
        }
    }
    if let Some(allow) = allow {
        rendered.headers_mut().insert(ALLOW, allow);
    }
    if let Some(seconds) = retry_after_s {
        rendered.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    rendered
}

fn written(problem: Problem, trace: &RequestTrace) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Written<'a> {
        #[serde(flatten)]
        problem: &'a Problem,
        trace_id: &'a str,
    }
    let written = Written { problem: &problem, trace_id: trace.as_str() };
    // Strings and numbers alone always serialise.
    let body = serde_json::to_vec(&written).unwrap_or_default();
    (problem.status, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
}
