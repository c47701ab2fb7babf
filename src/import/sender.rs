//! Batches over HTTP, tried again while the API is away or busy.
//!
//! An attempt whose answer did not arrive whole may have had its effect; it is made again with the same
//! trace ids and the same `Idempotency-Key`, so it has none twice.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use ureq::Agent;
use ureq::http::{HeaderMap, Response, Uri};

use super::answer;
use super::args::{ImportArgs, Kind};
use super::retry::Retry;
use crate::secret::Secret;

/// Longest wait for one answer; the API itself gives up earlier.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long an API that never answered yet is waited for: it may be starting, but more likely is not there.
const FIRST_CONTACT: Duration = Duration::from_secs(5);
/// A wait so long is told each time, a shorter one only when its reason is new.
const TELL_AGAIN: Duration = Duration::from_secs(2);

/// What the API said of a batch.
#[derive(Debug)]
pub(super) enum Reply {
    /// The body of a 2xx, with a verdict on each item.
    Results(Vec<u8>),
    /// The batch is too large for it.
    TooLarge(String),
    /// The body of a 400: no item of the batch had an effect.
    Invalid(Vec<u8>),
}

/// Why one attempt failed, and may go better next time.
struct Passing {
    reason: String,
    asked: Option<Duration>,
    answered: bool,
}

/// The one connection to the API.
pub(super) struct Sender {
    agent: Agent,
    api: String,
    token: Option<Secret>,
    retry_for: Duration,
    /// Names this run: a second run is not a repeat of this one's requests.
    run: String,
    requests: u64,
    answered: bool,
}

impl Sender {
    /// Prepares to send; opens no connection yet.
    ///
    /// # Errors
    /// When the address is none, or the configuration that should say it is wrong.
    pub(super) fn new(args: &ImportArgs) -> anyhow::Result<Self> {
        let (api, token) = args.api.place()?;
        let api = api.trim().trim_end_matches('/').to_owned();
        let uri: Uri = api.parse().with_context(|| format!("`{api}` is no address of an API"))?;
        let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            bail!("`{api}` is no address of an API: write it like `http://127.0.0.1:8080`");
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(ANSWER_WAIT))
            .user_agent(concat!("rep/", env!("CARGO_PKG_VERSION")));
        if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
            config = config.proxy(None);
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            agent: config.build().new_agent(),
            api,
            token: token.filter(|token| !token.reveal().is_empty()),
            retry_for: args.retry_for,
            run: format!("import-{:x}-{:x}", since_1970.as_nanos(), std::process::id()),
            requests: 0,
            answered: false,
        })
    }

    /// Whether the API answered at all, whatever it said.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// Sends one batch until it is answered; `tell` hears of each attempt that failed.
    ///
    /// # Errors
    /// When it is not answered within the time for retries, or with what no retry can mend. Then it is not
    /// known whether the batch took effect.
    pub(super) fn send(
        &mut self,
        kind: Kind,
        body: &[u8],
        tell: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Reply> {
        self.requests += 1;
        let key = format!("{}-{}", self.run, self.requests);
        let began = Instant::now();
        let budget = if self.answered { self.retry_for } else { self.retry_for.min(FIRST_CONTACT) };
        let mut retry = Retry::new(budget);
        let mut told = String::new();
        loop {
            let passing = match self.attempt(kind, &key, body)? {
                Ok(reply) => {
                    self.answered = true;
                    return Ok(reply);
                }
                Err(passing) => passing,
            };
            if passing.answered && !self.answered {
                self.answered = true;
                retry = Retry::new(self.retry_for);
            }
            let Some(wait) = retry.next_wait(began.elapsed(), passing.asked) else {
                return Err(self.give_up(&passing, began.elapsed()));
            };
            if told != passing.reason || wait >= TELL_AGAIN {
                tell(&format!("{}; trying again in {:.1} s", passing.reason, wait.as_secs_f64()));
                told = passing.reason;
            }
            std::thread::sleep(wait);
        }
    }

    fn give_up(&self, passing: &Passing, tried: Duration) -> anyhow::Error {
        let tried = tried.as_secs_f64();
        if self.answered {
            let asked =
                passing.asked.map(|asked| format!(" (asks for {} s)", asked.as_secs())).unwrap_or_default();
            anyhow::anyhow!(
                "{}{asked}; gave up after {tried:.1} s (`--retry-for` sets how long)",
                passing.reason
            )
        } else {
            anyhow::anyhow!(
                "no REP API at {}: {} (tried {tried:.1} s); is `rep up` running? `--api-url` or REP_API names \
                 another address, `--dry-run` needs none",
                self.api,
                passing.reason
            )
        }
    }

    /// One attempt: a reply, a failure that may pass, or an error that will not.
    fn attempt(&self, kind: Kind, key: &str, body: &[u8]) -> anyhow::Result<Result<Reply, Passing>> {
        let mut request = self
            .agent
            .post(format!("{}/{}", self.api, kind.name()))
            .header("Content-Type", "application/x-ndjson")
            .header("Accept", "application/json, application/problem+json")
            .header("Idempotency-Key", key);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        let (status, asked, answer) = match request.send(body).and_then(whole) {
            Ok(response) => response,
            Err(error) if is_passing(&error) => {
                let reason = format!("connection to {} failed: {error}", self.api);
                return Ok(Err(Passing { reason, asked: None, answered: false }));
            }
            Err(error) => bail!("cannot send to {}: {error}", self.api),
        };
        let detail = || answer::detail(&answer);
        match status {
            200..=299 => Ok(Ok(Reply::Results(answer))),
            400 => Ok(Ok(Reply::Invalid(answer))),
            413 => Ok(Ok(Reply::TooLarge(detail()))),
            // 409: the API still works on an attempt whose connection was cut.
            408 | 409 | 425 | 429 | 502 | 503 | 504 => {
                let reason = format!("the API answered {status}: {}", detail());
                Ok(Err(Passing { reason, asked, answered: true }))
            }
            401 | 403 => bail!("the API answered {status}: {} (give `--token` or REP_TOKEN)", detail()),
            404 | 405 => bail!(
                "the API answered {status}: {} takes no {} at this address; is it a REP API?",
                self.api,
                kind.name()
            ),
            300..=399 => bail!("the API answered {status}: give the address it redirects to"),
            _ => bail!("the API answered {status}: {}", detail()),
        }
    }
}

/// Reads an answer to its end: one that is cut is no answer.
fn whole(mut response: Response<ureq::Body>) -> Result<(u16, Option<Duration>, Vec<u8>), ureq::Error> {
    let status = response.status().as_u16();
    let asked = retry_after(response.headers());
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok((status, asked, body))
}

/// Seconds only: our API and the proxies before it send no dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_passing(error: &ureq::Error) -> bool {
    use ureq::Error;
    matches!(
        error,
        Error::Io(_) | Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed | Error::Protocol(_)
    )
}
