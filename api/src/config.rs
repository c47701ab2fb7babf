//! What can be set about the API, with its bounds.

use std::time::Duration;

use ipnet::IpNet;
use rep_core::ranking::{JustSeen, Weights};
use rep_core::{Currency, EventTimeLimits, Topic};

use crate::auth::Auth;

/// Settings of the API. [`ApiConfig::default`] is what `rep up` uses on a loopback address.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Who may call what.
    pub auth: Auth,
    /// Host names, without port, that are served in [`Auth::Open`] besides loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Origins as browsers send them, such as `https://shop.example`, whose pages may call besides the API's own.
    pub allowed_origins: Vec<String>,
    /// Currency of price filters and of products that name none.
    pub currency: Currency,
    /// How far events may be from the present.
    pub event_time: EventTimeLimits,
    /// Products left out of recommendations as just seen.
    pub just_seen: JustSeen,
    /// Weights of recommendations.
    pub weights: Weights,
    /// How long a list of popular products is used again; zero: never.
    pub popular_reuse: Duration,
    /// Longest wait for the vector of a search, then it goes by words alone.
    pub embed_wait: Duration,
    /// What a request may cost.
    pub limits: Limits,
    /// What streams may cost.
    pub streams: StreamLimits,
    /// How many requests a client may make: a caller known by a token, and before that an address. `None`: as many as it
    /// likes.
    pub rate: Option<Rate>,
    /// How many events a shopper may send; `None`: as many as they like.
    pub events_rate: Option<Rate>,
    /// Proxies whose `X-Forwarded-For` says who calls.
    pub trusted_proxies: Vec<IpNet>,
    /// How long answers are kept for repeats with the same `Idempotency-Key`.
    pub idempotency_ttl: Duration,
    /// Topics and the groups whose work on a shopper must be committed before the shopper is erased: what a
    /// restart reads again would bring them back.
    pub erasure_queues: Vec<(Topic, &'static str)>,
    /// Longest wait for that; then an erasure is refused for the moment.
    pub erasure_wait: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            auth: Auth::Open,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            currency: Currency::EUR,
            event_time: EventTimeLimits::default(),
            just_seen: JustSeen::default(),
            weights: Weights::RECOMMEND,
            popular_reuse: Duration::from_millis(500),
            embed_wait: Duration::from_millis(500),
            limits: Limits::default(),
            streams: StreamLimits::default(),
            rate: Some(Rate::default()),
            events_rate: Some(Rate { per_second: 200, burst: 2_000 }),
            trusted_proxies: Vec::new(),
            idempotency_ttl: Duration::from_secs(3600),
            erasure_queues: Vec::new(),
            erasure_wait: Duration::from_secs(8),
        }
    }
}

/// What a request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body_bytes_max: usize,
    /// Longest NDJSON body, in bytes.
    pub import_bytes_max: usize,
    /// Most lines of an NDJSON body.
    pub import_lines_max: usize,
    /// Most items of an array.
    pub array_items_max: usize,
    /// Most bytes of bodies that are read at a time, of all requests; more are refused with 503.
    pub bodies_bytes_max: usize,
    /// Longest time a request may take; streams are not concerned.
    pub request_time_max: Duration,
    /// Most requests at a time; more are refused with 503. Streams are not concerned.
    pub requests_at_once_max: usize,
}

impl Default for Limits {
    /// 1 MiB, 8 MiB, 10,000 lines, 1,000 items, 128 MiB, 10 s, 1,024 requests.
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            import_bytes_max: 8 << 20,
            import_lines_max: 10_000,
            array_items_max: 1_000,
            bodies_bytes_max: 128 << 20,
            request_time_max: Duration::from_secs(10),
            requests_at_once_max: 1_024,
        }
    }
}

/// What streams may cost.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Most streams at a time.
    pub total_max: usize,
    /// Most streams of one shopper at a time.
    pub per_user_max: usize,
    /// Most messages that wait for one reader; a message is at most a few KiB.
    pub queue_max: usize,
    /// How long a full queue may stay full before the reader is dropped.
    pub write_wait: Duration,
    /// Time between pings.
    pub ping_every: Duration,
}

impl Default for StreamLimits {
    /// 4,096 streams, 16 a shopper, 64 messages, 1 s, 25 s.
    fn default() -> Self {
        Self {
            total_max: 4_096,
            per_user_max: 16,
            queue_max: 64,
            write_wait: Duration::from_secs(1),
            ping_every: Duration::from_secs(25),
        }
    }
}

/// How many requests one client may make, or events one shopper may send.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// A second, sustained; at least 1.
    pub per_second: u32,
    /// At once; at least 1.
    pub burst: u32,
}

impl Default for Rate {
    /// Generous: 20,000 a second, 40,000 at once. It stops a runaway loop, not a load test.
    fn default() -> Self {
        Self { per_second: 20_000, burst: 40_000 }
    }
}
