//! Errors as clients see them: RFC 9457 `application/problem+json`.

use std::fmt::Display;

use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rep_core::FieldError;
use rep_core::avro::EncodeError;
use rep_core::ports::{StoreError, StoreErrorKind};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Most invalid fields that one answer names.
pub const FIELDS_MAX: usize = 100;
/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field's name; `3.price` is `price` of the fourth item, and an empty one the body itself.
    #[schema(example = "price")]
    pub field: String,
    /// What it must be.
    pub message: String,
}

impl FieldProblem {
    /// `message` says what `field` must be.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self::new(error.field, error.message)
    }
}

/// Why a request was not served.
///
/// As a response it is a problem document, and stays in the response's extensions: a layer that knows more, such as the
/// request's trace id, can write it again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, as a URN.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:rep:problem:invalid-request")]
    kind: &'static str,
    /// The same in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What is wrong in this case.
    detail: String,
    /// Which fields are wrong; absent if none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $status:ident, $kind:literal, $title:literal;)*) => {
        impl Problem {
            $($(#[$doc])* pub fn $name(detail: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, concat!("urn:rep:problem:", $kind), $title, detail)
            })*
        }
    };
}

kinds! {
    /// 400.
    invalid: BAD_REQUEST, "invalid-request", "The request is not valid";
    /// 401.
    unauthorized: UNAUTHORIZED, "unauthorized", "A valid token is required";
    /// 403.
    forbidden: FORBIDDEN, "forbidden", "Not allowed";
    /// 404.
    not_found: NOT_FOUND, "not-found", "Not found";
    /// 405.
    method_not_allowed: METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed";
    /// 409.
    conflict: CONFLICT, "conflict", "Conflict";
    /// 413.
    too_large: PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    /// 415.
    unsupported_media_type: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Content type not supported";
    /// 422.
    key_reused: UNPROCESSABLE_ENTITY, "idempotency-key-reused", "Idempotency key was used for something else";
    /// 429, to be tried again after a second.
    too_many: TOO_MANY_REQUESTS, "too-many-requests", "Too many requests";
    /// 500; the cause belongs in the log, not here.
    internal: INTERNAL_SERVER_ERROR, "internal", "Internal error";
    /// 502.
    unreachable: BAD_GATEWAY, "unreachable", "Not reachable";
    /// 503, to be tried again after a second.
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

    /// A request with one invalid field.
    pub fn field(field: impl Into<String>, message: impl Display) -> Self {
        let field = field.into();
        let detail = format!("`{field}` {message}");
        Self { errors: vec![FieldProblem::new(field, message.to_string())], ..Self::invalid(detail) }
    }

    /// A request with several invalid fields, of which the first [`FIELDS_MAX`] are named.
    pub fn fields(detail: impl Into<String>, mut errors: Vec<FieldProblem>) -> Self {
        errors.truncate(FIELDS_MAX);
        Self { errors, ..Self::invalid(detail) }
    }

    /// A request with invalid fields, where the one or their number says enough.
    pub fn of_fields(errors: Vec<FieldProblem>) -> Self {
        let detail = match &errors[..] {
            [one] if one.field.is_empty() => format!("the body {}", one.message),
            [one] => format!("`{}` {}", one.field, one.message),
            many => format!("{} fields are wrong", many.len()),
        };
        Self::fields(detail, errors)
    }

    /// The same, to be tried again after `seconds`, at least one.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds.max(1)), ..self }
    }

    /// A failure of our own: `error` is logged, never shown.
    pub fn defect(what: &'static str, error: &dyn Display) -> Self {
        tracing::error!(%error, "{what}");
        Self::internal("the request could not be served; the failure was logged under this trace id")
    }

    /// A body that was not read whole: longer than `bytes_max`, or broken off.
    pub fn unread(rejection: &BytesRejection, bytes_max: usize) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::too_large(format!("the body must be at most {bytes_max} bytes"))
            }
            _ => Self::invalid("the body did not arrive whole"),
        }
    }

    /// What a status alone says, for refusals of the framework.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::method_not_allowed("this route does not take this method")
            }
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

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Seconds after which to try again.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Strings and numbers alone always serialise.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_says_kind_status_and_fields() {
        let one = Problem::field("price", "must be above 0");
        assert_eq!(
            serde_json::to_value(&one).unwrap(),
            json!({"type": "urn:rep:problem:invalid-request", "title": "The request is not valid", "status": 400,
                   "detail": "`price` must be above 0", "errors": [{"field": "price", "message": "must be above 0"}]})
        );
        let many = vec![FieldProblem::new("x", "is not known"); FIELDS_MAX + 1];
        assert_eq!(Problem::fields("too many", many).errors.len(), FIELDS_MAX);
    }

    #[test]
    fn what_passes_is_to_be_tried_again() {
        let wait = |problem: Problem| problem.into_response().headers().get(RETRY_AFTER).cloned();
        assert_eq!(wait(Problem::unavailable("later")).unwrap(), "1");
        assert_eq!(wait(Problem::too_many("slower").retry_after(7)).unwrap(), "7");
        assert_eq!(wait(Problem::invalid("never")), None);
    }
}
