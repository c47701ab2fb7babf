//! How many requests one client may make, and how many events one shopper may send.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderName;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, InsufficientCapacity, Quota};
use ipnet::IpNet;

use crate::auth::{Auth, Caller, Principal};
use crate::config::{ApiConfig, Rate};
use crate::problem::Problem;
use crate::state::ApiState;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
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

/// Why there is no room.
enum Refused {
    /// There is after so many seconds.
    Until(u64),
    /// There never is for more than so many at once.
    MoreThan(u32),
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

    fn check(&self, client: &Client, count: NonZeroU32) -> Result<(), Refused> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY)
            && self.limiter.len() > CLIENTS_MAX
        {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key_n(client, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                Err(Refused::Until(until.wait_time_from(self.clock.now()).as_secs_f64().ceil() as u64))
            }
            Err(InsufficientCapacity(burst)) => Err(Refused::MoreThan(burst)),
        }
    }
}

/// Refuses addresses that ask too often, whether or not they say who they are: a token that is guessed costs, too.
pub(crate) async fn limit_address(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let client = client_of(&request, &state.config.trusted_proxies);
    within(&state, client, request, next).await
}

/// `router`, which each address may ask as often as `config` says; for ports beside the API's, each with a count of its own.
pub fn rate_by_address(router: Router, config: &ApiConfig) -> Router {
    let Some(rate) = config.rate else { return router };
    let (limiter, trusted) = (Arc::new(RateLimiter::new(rate)), config.trusted_proxies.clone());
    router.layer(from_fn(move |request: Request, next: Next| {
        let refused = limiter.check(&client_of(&request, &trusted), NonZeroU32::MIN).err();
        async move {
            match refused {
                Some(refused) => refused.problem("you ask too often").into_response(),
                None => next.run(request).await,
            }
        }
    }))
}

/// Refuses callers who ask too often, wherever they ask from. Without tokens nobody is known but by their address.
pub(crate) async fn limit_caller(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    request: Request,
    next: Next,
) -> Response {
    match caller {
        Some(caller) if matches!(state.config.auth, Auth::Bearer(_)) => {
            within(&state, Client::Named(caller.key()), request, next).await
        }
        _ => next.run(request).await,
    }
}

async fn within(state: &ApiState, client: Client, request: Request, next: Next) -> Response {
    match state.rate.as_ref().map(|limiter| limiter.check(&client, NonZeroU32::MIN)) {
        Some(Err(refused)) => refused.problem("you ask too often").into_response(),
        _ => next.run(request).await,
    }
}

/// Refuses a shopper who sends too many events. An operator sends those of all.
pub(crate) fn check_events(state: &ApiState, caller: &Principal, events: usize) -> Result<(), Problem> {
    let (Some(limiter), Principal::User { .. }) = (&state.events_rate, caller) else { return Ok(()) };
    let Some(events) = u32::try_from(events).ok().and_then(NonZeroU32::new) else { return Ok(()) };
    let refused = limiter.check(&Client::Named(caller.key()), events);
    refused.map_err(|refused| refused.problem("you send too many events"))
}

impl Refused {
    fn problem(self, detail: &str) -> Problem {
        metrics::counter!("rep_http_rate_limited_total").increment(1);
        match self {
            Self::Until(seconds) => Problem::too_many(detail).retry_after(seconds),
            Self::MoreThan(burst) => Problem::too_large(format!("{detail}: send at most {burst} at once")),
        }
    }
}

fn client_of(request: &Request, trusted: &[IpNet]) -> Client {
    address_of(request, trusted).map_or(Client::Unknown, Client::At)
}

/// Who calls, by the last address that no trusted proxy added: what stands before that, anybody may have written.
fn address_of(request: &Request, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let values = request.headers().get_all(X_FORWARDED_FOR).iter();
    let said: Vec<&str> =
        values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).collect();
    let mut last = peer;
    for address in said.into_iter().rev().map(|text| text.trim().parse::<IpAddr>()) {
        let Ok(address) = address else { break };
        last = address.to_canonical();
        if !is_trusted(&last) {
            break;
        }
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::builder().uri("/");
        for value in forwarded {
            request = request.header(X_FORWARDED_FOR, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address_of(&request, &trusted).unwrap().to_string()
    }

    #[test]
    fn only_proxies_that_are_trusted_say_who_calls() {
        assert_eq!(address("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(address("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What the client wrote itself stands first.
        assert_eq!(address("10.0.0.1", &["192.0.2.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["192.0.2.1", "198.51.100.1, fd00::2"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["10.0.0.9"]), "10.0.0.9");
        assert_eq!(address("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
    }
}
