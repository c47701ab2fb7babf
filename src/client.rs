//! A client of a running REP, for the commands that ask one.

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::options::{Options, Settings};
use crate::secret::Secret;

/// Longest wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest silence of a stream; the API pings every 25 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Which API to ask, and as whom.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApiArgs {
    /// Address of the API [default: where the configuration puts it, http://127.0.0.1:8080]
    #[arg(long, alias = "api", value_name = "URL", env = "REP_API")]
    pub(crate) api_url: Option<String>,
    /// Operator's token, where the API asks for one [default: `operator-token` of the configuration]
    #[arg(long, env = "REP_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<Secret>,
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A running REP, asked over HTTP.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: Option<Secret>,
}

/// The API does not answer, or not in a way that another attempt could not mend.
#[derive(Debug, thiserror::Error)]
#[error(
    "no REP API answers at {url}: {reason}; is `rep up` running? `--api-url` or REP_API names another address"
)]
pub(crate) struct Unreachable {
    url: String,
    reason: String,
}

impl ApiArgs {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// As of [`Self::place`].
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let (url, token) = self.place()?;
        Ok(Client::new(&url, token))
    }

    /// Address and token of the API: what was given, else what the configuration says.
    ///
    /// # Errors
    /// When the configuration is wrong, or its API takes a free port that nobody can know here.
    pub(crate) fn place(&self) -> anyhow::Result<(String, Option<Secret>)> {
        let from_configuration = || Options::from_environment()?.resolve(self.config.as_deref());
        let (url, token) = match (&self.api_url, &self.token) {
            (Some(url), Some(token)) => (url.clone(), Some(token.clone())),
            (url, token) => {
                let settings = from_configuration()?;
                let url = url.clone().or_else(|| settings.api_url.clone());
                let url = url.map_or_else(|| url_of(&settings), Ok)?;
                (url, token.clone().or(settings.operator_token))
            }
        };
        Ok((url, token))
    }
}

/// Where the API of `settings` listens.
fn url_of(settings: &Settings) -> anyhow::Result<String> {
    if settings.ports.api_port == 0 {
        bail!("the configuration lets the API take a free port; `--api-url` says which one `rep up` printed");
    }
    Ok(settings.url_of(settings.ports.api_port))
}

impl Client {
    /// A client of the API at `url`.
    pub(crate) fn new(url: &str, token: Option<Secret>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_recv_response(Some(ANSWER_WAIT))
            .timeout_per_read(Some(SILENCE_MAX))
            .proxy(None)
            .user_agent(concat!("rep/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().new_agent(), url: url.trim().trim_end_matches('/').to_owned(), token }
    }

    /// The JSON that `GET path` answers.
    pub(crate) fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        read(self.open(path, query, None)?)
    }

    /// The status and JSON that `GET path` answers, whatever the status.
    pub(crate) fn ask(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        let request = self.authorised(self.agent.get(format!("{}{path}", self.url)));
        let response = request.call().map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        Ok((status, read(response)?))
    }

    /// The body that `GET path` answers, read as it comes; `last_event` is where a stream goes on.
    pub(crate) fn open(
        &self,
        path: &str,
        query: &[(&str, String)],
        last_event: Option<&str>,
    ) -> anyhow::Result<Response<Body>> {
        let mut request = self.authorised(self.agent.get(format!("{}{path}", self.url)));
        for (name, value) in query {
            request = request.query(name, value);
        }
        if let Some(id) = last_event {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().map_err(|error| self.unreachable(&error))?;
        self.accepted(response)
    }

    /// The JSON that `POST path` answers.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.authorised(self.agent.post(format!("{}{path}", self.url)));
        let response = request.send_json(body).map_err(|error| self.unreachable(&error))?;
        read(self.accepted(response)?)
    }

    fn authorised<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {}", token.reveal())),
            None => request,
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Unreachable {
        Unreachable { url: self.url.clone(), reason: error.to_string() }
    }

    /// The response if it is a good one, else what it says is wrong.
    fn accepted(&self, mut response: Response<Body>) -> anyhow::Result<Response<Body>> {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let problem: Value = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json()?;
        let detail = problem["detail"].as_str().unwrap_or("it gives no reason").to_owned();
        match status {
            401 | 403 => {
                bail!(
                    "{} wants an operator's token ({detail}); give it with `--token` or REP_TOKEN",
                    self.url
                )
            }
            _ => bail!("{detail} ({} answered {status})", self.url),
        }
    }
}

fn read(mut response: Response<Body>) -> anyhow::Result<Value> {
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    body.read_json().context("the answer is no JSON; is this a REP API?")
}

/// Prints a line to standard output; says `false` once nobody reads it any more, as behind `| head`.
pub(crate) fn print_line(line: impl Display) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// What an event says must not be able to steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
