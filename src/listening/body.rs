//! Bodies that must have come after a while, however they drip.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that fails when it has not come to its end in time.
struct Timed {
    body: Incoming,
    ends: Pin<Box<Sleep>>,
}

/// `body`, which has `wait` to come.
pub(super) fn timed(body: Incoming, wait: Duration) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Timed { body, ends: Box::pin(sleep(wait)) })
}

impl hyper::body::Body for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ends.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the body took too long to come".into())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
