//! Errors as clients see them: RFC 9457 `application/problem+json`.
//!
//! A [`Problem`] travels in the response's extensions and is written again by [`render`], the outermost
//! layer, which knows the trace id; so the refusals of axum itself get the same shape.

use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rep_http::AsIs;
pub(crate) use rep_http::{FIELDS_MAX, FieldProblem, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::trace::RequestTrace;

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
    (problem.status(), [(CONTENT_TYPE, "application/problem+json")], body).into_response()
}
