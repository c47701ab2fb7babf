//! The trace id of a request: taken from the client or made here, told in every answer and log line.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use rep_core::{Timestamp, TraceId};
use tracing::Instrument;
use uuid::Uuid;

use crate::state::ApiState;

pub(crate) const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest trace id that is taken from a client, in bytes.
const TRACE_ID_BYTES_MAX: usize = 64;

/// The request's trace id: ASCII letters, digits, `-`, `_`, `.` and `:`.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace(TraceId);

impl RequestTrace {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// As an owned text for answers.
    pub(crate) fn text(&self) -> String {
        self.0.as_str().to_owned()
    }
}

/// A new id that sorts by `now`: 32 hexadecimal digits of a UUIDv7.
pub(crate) fn new_id(now: Timestamp) -> String {
    let ms = u64::try_from(now.as_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
    let id = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, ms / 1000, nanos));
    id.simple().to_string()
}

/// A new event id, see [`new_id`].
pub(crate) fn new_trace_id(now: Timestamp) -> TraceId {
    TraceId::new(new_id(now)).unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
}

fn from_client(headers: &HeaderMap) -> Option<TraceId> {
    let allowed = |text: &&str| {
        !text.is_empty()
            && text.len() <= TRACE_ID_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    let given = headers.get(X_TRACE_ID).and_then(|value| value.to_str().ok()).filter(allowed);
    let parent = || {
        let text = headers.get(TRACEPARENT)?.to_str().ok()?;
        let id = text.split('-').nth(1)?;
        let valid = id.len() == 32
            && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
            && id.bytes().any(|b| b != b'0');
        valid.then_some(id)
    };
    TraceId::new(given.or_else(parent)?).ok()
}

/// Gives the request its id, its answer the header, and what is logged meanwhile the span.
pub(crate) async fn assign(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = from_client(request.headers()).unwrap_or_else(|| new_trace_id(state.clock.now()));
    let span = tracing::info_span!(
        "request",
        trace_id = id.as_str(),
        method = %request.method(),
        path = request.uri().path()
    );
    let header = HeaderValue::from_str(id.as_str());
    request.extensions_mut().insert(RequestTrace(id));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(header) = header {
        response.headers_mut().insert(X_TRACE_ID, header);
    }
    response
}

impl FromRequestParts<ApiState> for RequestTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        Ok(match parts.extensions.get::<Self>() {
            Some(trace) => trace.clone(),
            None => Self(new_trace_id(state.clock.now())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn takes_what_is_an_id_and_nothing_else() {
        let of = |name, value: String| from_client(&headers(name, &value)).map(|id| id.as_str().to_owned());
        assert_eq!(of(X_TRACE_ID, "abc-1".to_owned()), Some("abc-1".to_owned()));
        assert_eq!(of(X_TRACE_ID, "a b".to_owned()), None);
        assert_eq!(of(X_TRACE_ID, "a".repeat(65)), None);
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of(TRACEPARENT, format!("00-{id}-00f067aa0ba902b7-01")), Some(id.to_owned()));
        assert_eq!(of(TRACEPARENT, format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))), None);
        assert_eq!(of(TRACEPARENT, "nonsense".to_owned()), None);
    }

    #[test]
    fn new_ids_sort_by_time() {
        let (a, b) = (new_id(Timestamp::from_ms(1_000)), new_id(Timestamp::from_ms(1_001)));
        assert!(a < b);
        assert_eq!(new_id(Timestamp::from_ms(-5)).len(), 32);
    }
}
