//! Seeded fuzzing of a running `rep`: a small form of it is a test, the whole is `make fuzz`.
//!
//! `REP_FUZZ_REQUESTS` and `REP_FUZZ_ATTEMPTS` say how many; `REP_TEST_SEED` repeats a run, request by request.

mod crossings;
mod ports;
mod schema;

use std::time::{SystemTime, UNIX_EPOCH};

use ureq::Agent;
use ureq::http::{Request, Response};
use ureq::{Body, http};

use crate::support::Random;

/// How many of something: what `variable` says, else `default`.
fn count(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn pick<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    &of[random.below(of.len() as u64) as usize]
}

fn one_in(random: &mut Random, of: u64) -> bool {
    random.below(of) == 0
}

/// The randomness of the `number`th of a run, by which it can be repeated alone.
fn nth(seed: u64, number: usize) -> Random {
    Random(Random(seed).below(u64::MAX).wrapping_add(number as u64))
}

/// `text` with every byte but letters and digits percent-encoded.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A request as it was made, to be printed when it did what it should not.
#[derive(Clone, Debug)]
struct Sent {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Sent {
    /// Sends it; `None` if the client itself refuses to write such a request.
    fn send(&self, agent: &Agent) -> Option<Response<Body>> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = match self.method.as_str() {
            "POST" | "PUT" | "PATCH" => agent.run(request.body(self.body.clone().unwrap_or_default()).ok()?),
            _ => agent.run(request.body(()).ok()?),
        };
        match answer {
            Ok(answer) => Some(answer),
            Err(ureq::Error::Http(_) | ureq::Error::BadUri(_)) => None,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }
}

/// What is not an endless stream, read.
fn text_of(answer: &mut Response<Body>) -> String {
    let kind = header(answer, http::header::CONTENT_TYPE);
    if kind.starts_with("text/event-stream") {
        return String::new();
    }
    answer.body_mut().read_to_string().unwrap_or_default()
}

fn header(answer: &Response<Body>, name: http::HeaderName) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// An agent for very many requests, some of them with methods that have no body by custom. It keeps up to `idle_max`
/// connections for the next request.
fn agent(idle_max: usize) -> Agent {
    let config = Agent::config_builder()
        .max_idle_connections(idle_max)
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .timeout_global(Some(std::time::Duration::from_secs(120)))
        .build();
    config.into()
}
