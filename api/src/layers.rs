//! What every request goes through, the outermost first: trace id → problems → metrics → panics → host and
//! origin → rate by address → who calls → rate by caller → room → inflating → bytes → time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::auth::{authenticate, guard};
use crate::bodies::{self, Bodies};
use crate::problem::{self, Problem};
use crate::state::ApiState;
use crate::{encoding, rate, route, trace};

/// Routes that are served however busy it is.
const WATCHED: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// How long a browser need not ask again whether a page may call.
const PREFLIGHT_AGE_MAX: Duration = Duration::from_secs(600);

/// Wraps `router` with all of them, for pages of `origins` besides our own.
pub(crate) fn wrapped(router: Router<ApiState>, state: &ApiState, origins: &[String]) -> Router {
    let with = state.clone();
    let room = Room(Arc::new(Semaphore::new(state.config.limits.requests_at_once_max)));
    let limits = &state.config.limits;
    let body_bytes_max = limits.import_bytes_max.max(limits.body_bytes_max);
    let bodies = Bodies::new(body_bytes_max, limits);
    let router = router
        .layer(from_fn_with_state(with.clone(), in_time))
        .layer(from_fn_with_state(bodies, bodies::within))
        // Outside of the room for bodies: what is inflated says no length, so room is kept for the longest there may be.
        .layer(from_fn_with_state(body_bytes_max, encoding::inflate))
        .layer(from_fn_with_state(room, in_room))
        .layer(from_fn_with_state(with.clone(), rate::limit_caller))
        .layer(from_fn_with_state(with.clone(), authenticate))
        .layer(from_fn_with_state(with.clone(), rate::limit_address))
        .layer(cors(origins));
    guard::same_site(router, &state.config, origins)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(with.clone(), measured))
        .layer(from_fn_with_state(with.clone(), problem::render))
        .layer(from_fn_with_state(with.clone(), trace::assign))
        .with_state(with)
}

/// Pages of the origins that are named may read answers; by default none may but our own.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    let headers = [
        "authorization",
        "content-type",
        "content-encoding",
        "idempotency-key",
        "last-event-id",
        "x-trace-id",
        "traceparent",
    ];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(headers.map(HeaderName::from_static))
        .expose_headers([trace::X_TRACE_ID, RETRY_AFTER])
        .max_age(PREFLIGHT_AGE_MAX)
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let what = what.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    metrics::counter!("rep_http_panics_total").increment(1);
    Problem::defect("request panicked", &what).into_response()
}

/// Counts and times requests by route; a stream counts as served when it begins.
async fn measured(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let route = route::of(&request).unwrap_or("unmatched").to_owned();
    let mut response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!(
        "rep_http_requests_total", "route" => route.clone(), "method" => method, "status" => status
    )
    .increment(1);
    metrics::histogram!("rep_http_request_seconds", "route" => route).record(began.elapsed());
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[derive(Clone)]
struct Room(Arc<Semaphore>);

/// Refuses what there is no room for, at once: waiting would only make it late.
async fn in_room(State(Room(room)): State<Room>, request: Request, next: Next) -> Response {
    // Who is busy is not ill: whoever watches must see the difference.
    if route::of(&request).is_some_and(|route| WATCHED.contains(&route)) {
        return next.run(request).await;
    }
    let Ok(_place) = room.try_acquire() else {
        metrics::counter!("rep_http_shed_total").increment(1);
        return Problem::unavailable("too many requests are being served").into_response();
    };
    next.run(request).await
}

async fn in_time(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    match timeout(state.config.limits.request_time_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            metrics::counter!("rep_http_timeouts_total").increment(1);
            Problem::unavailable("the request took too long; what was not answered may still happen")
                .into_response()
        }
    }
}
