//! How the system is, once or live.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use tokio_stream::wrappers::WatchStream;

use crate::auth::Principal;
use crate::live::LiveHistory;
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;
use crate::status::LiveStatus;
use crate::stream::{Slot, sse};

/// The system at this moment.
#[utoipa::path(
    get,
    path = "/status",
    operation_id = "getStatus",
    tag = "Operation",
    responses(
        (status = 200, description = "The state", body = LiveStatus),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn status(State(state): State<ApiState>, principal: Principal) -> Result<Response, Problem> {
    principal.must_operate()?;
    let sample = state.live.now().await?;
    Ok(([(CONTENT_TYPE, "application/json")], sample.json.clone()).into_response())
}

/// The same every second: events `live`.
#[utoipa::path(
    get,
    path = "/live",
    operation_id = "streamLive",
    tag = "Operation",
    params(("ticket" = Option<String>, Query, description = "Of `POST /notifications/ticket`")),
    responses(
        (status = 200, description = "Server-sent events; data of `live` is a `LiveStatus`",
            body = LiveStatus, content_type = "text/event-stream"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn live(State(state): State<ApiState>, principal: Principal) -> Result<Response, Problem> {
    principal.must_operate()?;
    let slot = state.slots.take("live", None)?;
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events(&state, slot))).into_response())
}

/// The last 15 minutes, a point every five seconds: what `streamLive` sent, or would have sent, shortened to what
/// charts draw. It begins with the process.
#[utoipa::path(
    get,
    path = "/live/history",
    operation_id = "getLiveHistory",
    tag = "Operation",
    responses(
        (status = 200, description = "At most 180 points", body = LiveHistory),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn history(
    State(state): State<ApiState>,
    principal: Principal,
) -> Result<Json<LiveHistory>, Problem> {
    principal.must_operate()?;
    Ok(Json(state.live.history()))
}

/// Nothing is queued for a reader: one that is slow sees the newest sample next.
fn events(state: &ApiState, slot: Slot) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let shutdown = state.shutdown.clone();
    let samples =
        WatchStream::from_changes(state.live.watch()).filter_map(std::future::ready).map(move |sample| {
            let _held = &slot;
            Ok(Event::default().event("live").data(&sample.json))
        });
    let hello = futures::stream::once(std::future::ready(Ok(sse::hello())));
    hello.chain(samples).take_until(shutdown.cancelled_owned())
}
