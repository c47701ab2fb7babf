//! The trace of a request: taken from the client or begun here, told in every answer and log line, and handed on with
//! every record that the request appends.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use rep_core::{Timestamp, TraceContext, TraceId, stable_hash128};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::route;
use crate::state::ApiState;

pub(crate) const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest trace id that is taken from a client, in bytes.
const TRACE_ID_BYTES_MAX: usize = 64;

/// The request's trace.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace {
    /// As the client and the log know it: ASCII letters, digits, `-`, `_`, `.` and `:`.
    id: TraceId,
    context: TraceContext,
}

impl RequestTrace {
    /// Of a client that sent `headers`. By `traceparent` it goes on with the client's trace. An `X-Trace-Id` is what
    /// the request is called; it is the trace's id too, if it can be one, else the trace is named by a hash of it.
    fn of(headers: &HeaderMap, now: Timestamp) -> (Self, Origin) {
        let given = named(headers);
        if let Some(parent) = parent(headers) {
            let id = given.or_else(|| TraceId::new(parent.trace_id_text()).ok());
            return (
                Self { id: id.unwrap_or_else(|| new_trace_id(now)), context: parent },
                Origin::Elsewhere,
            );
        }
        let id = given.unwrap_or_else(|| new_trace_id(now));
        let hash = stable_hash128(id.as_str().as_bytes()).max(1);
        let context = [id.as_str(), &format!("{hash:032x}")]
            .iter()
            .find_map(|trace| format!("00-{trace}-{:016x}-00", (hash as u64).max(1)).parse().ok())
            .unwrap_or_else(|| unreachable!("a hash is a trace id"));
        (Self { id, context }, Origin::Here)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.id.as_str()
    }

    /// As an owned text for answers.
    pub(crate) fn text(&self) -> String {
        self.id.as_str().to_owned()
    }

    /// What records that the request appends are part of.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }
}

/// Where a trace began.
#[derive(Debug, PartialEq)]
enum Origin {
    Here,
    Elsewhere,
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

/// What the client calls its request.
fn named(headers: &HeaderMap) -> Option<TraceId> {
    let allowed = |text: &&str| {
        !text.is_empty()
            && text.len() <= TRACE_ID_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    let given = headers.get(X_TRACE_ID).and_then(|value| value.to_str().ok()).filter(allowed);
    TraceId::new(given?).ok()
}

/// What the request follows from; a malformed header is as good as none.
fn parent(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}

/// Gives the request its id, its answer the header, and what is logged meanwhile the span.
pub(crate) async fn assign(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let (mut trace, origin) = RequestTrace::of(request.headers(), state.clock.now());
    let span = span_of(&request, &trace);
    if origin == Origin::Elsewhere {
        rep_traces::child_of(&span, &trace.context);
    }
    let own = match origin {
        Origin::Elsewhere => rep_traces::context_of(&span),
        Origin::Here => rep_traces::begin(&span, trace.context.trace_id()),
    };
    trace.context = own.unwrap_or(trace.context);
    let header = HeaderValue::from_str(trace.as_str());
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).instrument(span.clone()).await;
    if rep_traces::is_exported() {
        span.record("status", response.status().as_u16());
        if response.status().is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
    if let Ok(header) = header {
        response.headers_mut().insert(X_TRACE_ID, header);
    }
    response
}

/// Of the highest level: whatever is logged, it is logged with the trace's id. It has the route's pattern and not the path,
/// which may name a shopper.
fn span_of(request: &Request, trace: &RequestTrace) -> Span {
    let route = route::of(request).unwrap_or("unmatched");
    let span = tracing::error_span!(
        "request",
        trace_id = trace.as_str(),
        method = %request.method(),
        route,
        status = Empty,
        otel.kind = Empty,
        otel.name = Empty,
        otel.status_code = Empty,
    );
    rep_traces::name(&span, "server", || format!("{} {route}", request.method()));
    span
}

impl FromRequestParts<ApiState> for RequestTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        Ok(match parts.extensions.get::<Self>() {
            Some(trace) => trace.clone(),
            None => Self::of(&HeaderMap::new(), state.clock.now()).0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(headers: &[(HeaderName, &str)]) -> (RequestTrace, Origin) {
        let header =
            |(name, value): &(HeaderName, &str)| (name.clone(), HeaderValue::from_str(value).unwrap());
        RequestTrace::of(&headers.iter().map(header).collect(), Timestamp::from_ms(1_000))
    }

    #[test]
    fn takes_what_is_an_id_and_nothing_else() {
        let id = |name, value: &str| of(&[(name, value)]).0.text();
        assert_eq!(id(X_TRACE_ID, "abc-1"), "abc-1");
        assert_eq!(id(TRACEPARENT, &format!("00-{ID}-00f067aa0ba902b7-01")), ID);
        let no_id = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        for (name, refused) in [(X_TRACE_ID, "a b"), (X_TRACE_ID, &"a".repeat(65)), (TRACEPARENT, &no_id)] {
            let made = id(name, refused);
            assert!(made.len() == 32 && made != "0".repeat(32), "{made}");
        }
    }

    #[test]
    fn records_go_on_with_the_clients_trace_or_one_of_the_requests_own() {
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let (trace, origin) = of(&[(TRACEPARENT, &parent), (X_TRACE_ID, "abc-1")]);
        assert_eq!(
            (trace.as_str(), trace.context().to_string(), origin),
            ("abc-1", parent, Origin::Elsewhere)
        );

        let (trace, origin) = of(&[(X_TRACE_ID, ID)]);
        assert_eq!((trace.context().trace_id_text().as_str(), origin), (ID, Origin::Here));
        let (trace, _) = of(&[]);
        assert_eq!(trace.context().trace_id_text(), trace.text());
        assert!(!trace.context().is_sampled());
        let (named, again) = (of(&[(X_TRACE_ID, "abc-1")]).0, of(&[(X_TRACE_ID, "abc-1")]).0);
        assert_eq!(named.context(), again.context());
    }

    #[test]
    fn new_ids_sort_by_time() {
        let (a, b) = (new_id(Timestamp::from_ms(1_000)), new_id(Timestamp::from_ms(1_001)));
        assert!(a < b);
        assert_eq!(new_id(Timestamp::from_ms(-5)).len(), 32);
    }
}
