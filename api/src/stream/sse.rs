//! Server-sent events. Identifiers are digits and data is JSON, so that no field holds a line break.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderName;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// A response that writes the events of `messages`.
pub(crate) fn response<M: Send + 'static>(
    messages: mpsc::Receiver<M>,
    event: impl Fn(M) -> Event + Send + 'static,
) -> Response {
    let events = ReceiverStream::new(messages).map(move |message| Ok::<_, Infallible>(event(message)));
    // Proxies must not hold events back.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    (unbuffered, Sse::new(events)).into_response()
}

/// The first event: says how soon to come back, and lets headers out at once.
pub(crate) fn hello() -> Event {
    Event::default().retry(RETRY).comment("open")
}

/// A sign of life.
pub(crate) fn ping() -> Event {
    Event::default().comment("ping")
}

/// An event named `name` with `data` as JSON.
pub(crate) fn event(name: &'static str, data: &impl Serialize) -> Event {
    // Our own types always serialise; an empty object is better than a panic in a stream.
    let data = serde_json::to_string(data).unwrap_or_else(|_| "{}".to_owned());
    Event::default().event(name).data(data)
}
