//! How many bytes of bodies are read at a time, of all requests together.

use std::sync::Arc;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use crate::config::Limits;
use crate::problem::Problem;

/// Room for bodies, in KiB; cheap to clone, clones share it.
#[derive(Clone)]
pub(crate) struct Bodies {
    room: Arc<Semaphore>,
    one_kib_max: u32,
}

impl Bodies {
    /// Room for what `limits` allow, of which one body takes `one_bytes_max` at most.
    pub(crate) fn new(one_bytes_max: usize, limits: &Limits) -> Self {
        let kib = |bytes: usize| u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let all = kib(limits.bodies_bytes_max);
        Self { room: Arc::new(Semaphore::new(all as usize)), one_kib_max: kib(one_bytes_max).min(all) }
    }

    /// What the body of `request` may take: what it says it is, or the most that is read of one that does not say.
    fn kib(&self, request: &Request) -> u32 {
        let said = request.body().size_hint().upper().map(|bytes| bytes.div_ceil(1024));
        said.and_then(|kib| u32::try_from(kib).ok()).map_or(self.one_kib_max, |kib| kib.min(self.one_kib_max))
    }
}

/// `router`, whose bodies, each of at most `one_bytes_max` bytes, take no more memory together than
/// [`Limits::bodies_bytes_max`]; what is over is refused with 503. Put what refuses callers around it.
pub fn within_budget(router: Router, one_bytes_max: usize, limits: &Limits) -> Router {
    router.layer(from_fn_with_state(Bodies::new(one_bytes_max, limits), within))
}

/// Refuses bodies that there is no memory for.
pub(crate) async fn within(State(bodies): State<Bodies>, request: Request, next: Next) -> Response {
    let Ok(_room) = bodies.room.try_acquire_many(bodies.kib(&request)) else {
        metrics::counter!("rep_http_shed_total").increment(1);
        return Problem::unavailable("too many bodies are being read").retry_after(1).into_response();
    };
    next.run(request).await
}
