//! Bodies that must have come after a while, however slowly, and that a refusal leaves unread.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::EXPECT;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// Longest rest of a body, in bytes, that is read where nobody wants it, so that its connection serves on. Without that,
/// a client that keeps its connection loses its next request to a refusal of this one.
const UNREAD_BYTES_MAX: u64 = 64 << 10;

/// A body that fails when it has not come to its end in time.
struct Timed {
    /// `None` once dropped, or where what is unread is not worth reading.
    body: Option<Incoming>,
    ends: Option<Pin<Box<Sleep>>>,
    /// The client waits for a word before it sends the body, or sends none.
    is_held: bool,
}

/// `request`, whose body has `wait` to come.
pub(super) fn timed(request: Request<Incoming>, wait: Duration) -> Request<Body> {
    let is_held = request.headers().contains_key(EXPECT);
    request.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Timed { body: Some(body), ends: Some(Box::pin(sleep(wait))), is_held })
    })
}

impl hyper::body::Body for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body: Some(body), ends: Some(ends), is_held } = &mut *self else {
            return Poll::Ready(None);
        };
        *is_held = false;
        if ends.as_mut().poll(context).is_ready() {
            self.body = None;
            return Poll::Ready(Some(Err("the body took too long to come".into())));
        }
        let frame = ready!(Pin::new(body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), hyper::body::Body::size_hint)
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let (Some(mut body), Some(ends)) = (self.body.take(), self.ends.take()) else { return };
        let is_short = body.size_hint().upper().is_some_and(|bytes| bytes <= UNREAD_BYTES_MAX);
        if self.is_held || body.is_end_stream() || !is_short {
            return;
        }
        // One for each connection at most, and no longer than the body had to come.
        tokio::spawn(async move {
            let rest = async {
                while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
            };
            tokio::select! { () = rest => {} () = ends => {} }
        });
    }
}
