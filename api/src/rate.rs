//! How many requests one client may make.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::auth::Caller;
use crate::config::Rate;
use crate::problem::Problem;
use crate::state::ApiState;

/// Clients known before those that were quiet are forgotten.
const CLIENTS_MAX: usize = 50_000;
/// Requests between two looks at how many clients are known.
const SWEEP_EVERY: u32 = 4_096;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Client {
    Named(String),
    At(IpAddr),
    Unknown,
}

/// A limiter by client.
pub(crate) struct RateLimiter {
    limiter: DefaultKeyedRateLimiter<Client>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(rate.per_second)).allow_burst(at_least_one(rate.burst));
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(0),
        }
    }

    /// `Err` tells after how many seconds there is room.
    fn check(&self, client: &Client) -> Result<(), u64> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY)
            && self.limiter.len() > CLIENTS_MAX
        {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter
            .check_key(client)
            .map_err(|refused| refused.wait_time_from(self.clock.now()).as_secs_f64().ceil() as u64)
    }
}

/// Refuses clients that ask too often. Who is known by a token is counted by it, everybody else by address.
pub(crate) async fn limit(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    request: Request,
    next: Next,
) -> Response {
    let Some(limiter) = &state.rate else { return next.run(request).await };
    let open = matches!(state.config.auth, crate::auth::Auth::Open);
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let client = match (caller, address) {
        (Some(principal), _) if !open => Client::Named(principal.key()),
        (_, Some(address)) => Client::At(address),
        (_, None) => Client::Unknown,
    };
    match limiter.check(&client) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            metrics::counter!("rep_http_rate_limited_total").increment(1);
            Problem::too_many("you ask too often").retry_after(seconds).into_response()
        }
    }
}
