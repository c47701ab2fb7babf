//! Calls to the registry: bounded in time, in bytes and in attempts.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use super::{Credentials, RegistryConfig, RegistryError};
use crate::server_url::ServerUrl;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// Wait before the second attempt; doubles with each.
const RETRY_WAIT: Duration = Duration::from_millis(100);
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";

pub(super) struct Http {
    agent: Agent,
    url: String,
    authorization: Option<String>,
    attempts: u32,
}

/// What a call was answered with, whatever the status.
pub(super) struct Answer {
    call: String,
    status: u16,
    body: Value,
}

impl Http {
    pub(super) fn new(config: RegistryConfig) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(config.answer_max))
            .proxy(None)
            .user_agent(concat!("rep/", env!("CARGO_PKG_VERSION")));
        let (credentials, url) = match config.url.split() {
            Some((user, password, url)) => (Some(Credentials { user, password }), url),
            None => (None, config.url),
        };
        let basic =
            |who: Credentials| format!("Basic {}", STANDARD.encode(format!("{}:{}", who.user, who.password)));
        Self {
            agent: agent.build().new_agent(),
            url: url.reveal().trim().trim_end_matches('/').to_owned(),
            authorization: config.credentials.or(credentials).map(basic),
            attempts: config.attempts,
        }
    }

    /// Calls, again if that fails in passing: every call of this API can be repeated.
    pub(super) async fn call(
        self: &Arc<Self>,
        method: &'static str,
        path: String,
        body: Option<Value>,
    ) -> Result<Answer, RegistryError> {
        let mut wait = RETRY_WAIT;
        for _ in 1..self.attempts {
            match self.attempt(method, &path, body.clone()).await {
                Err(error) if error.is_retryable() => {
                    tracing::debug!(%error, "asking the schema registry again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                done => return done,
            }
        }
        self.attempt(method, &path, body).await
    }

    async fn attempt(
        self: &Arc<Self>,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, RegistryError> {
        let (http, path) = (Arc::clone(self), path.to_owned());
        let blocking = move || http.ask(method, &path, body);
        match tokio::task::spawn_blocking(blocking).await {
            Ok(answer) => answer,
            Err(error) => Err(self.away(&error)),
        }
    }

    fn away(&self, reason: &dyn std::fmt::Display) -> RegistryError {
        RegistryError::Unavailable { url: ServerUrl::from(self.url.as_str()), reason: reason.to_string() }
    }

    /// Blocks for up to the bound of one answer.
    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Answer, RegistryError> {
        let call = format!("{method} {path}");
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.url)).header("Accept", CONTENT);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let bad = |error: ureq::http::Error| RegistryError::Config(format!("`url` is no URL: {error}"));
        let sent = match body {
            Some(body) => {
                let request = request.header("Content-Type", CONTENT).body(body.to_string()).map_err(bad)?;
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).map_err(bad)?),
        };
        let mut response = sent.map_err(|error| self.away(&error))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| self.away(&error))?;
        if status == 429 || status >= 500 {
            return Err(self.away(&format!("status {status}: {}", shortened(&text))));
        }
        let body = match serde_json::from_str(&text) {
            Ok(body) => body,
            // What is refused need not be refused in JSON.
            Err(_) if status >= 300 => Value::String(shortened(&text)),
            Err(error) => return Err(RegistryError::Malformed { call, message: error.to_string() }),
        };
        Ok(Answer { call, status, body })
    }
}

impl Answer {
    /// Itself if the call was good.
    pub(super) fn good(self) -> Result<Self, RegistryError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let message = match &self.body {
            Value::Object(fields) => {
                fields.get("message").and_then(Value::as_str).unwrap_or("no reason is given")
            }
            Value::String(text) => text,
            _ => "no reason is given",
        };
        Err(RegistryError::Refused { message: message.to_owned(), status: self.status, call: self.call })
    }

    /// Itself if the call was good; `None` if what was asked for is not there.
    pub(super) fn if_there(self) -> Result<Option<Self>, RegistryError> {
        if self.status == 404 { Ok(None) } else { self.good().map(Some) }
    }

    pub(super) fn field(&self, name: &str) -> Result<&Value, RegistryError> {
        self.body.get(name).ok_or_else(|| self.malformed(format!("`{name}` is missing")))
    }

    pub(super) fn text(&self, name: &str) -> Result<String, RegistryError> {
        let value = self.field(name)?;
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| self.malformed(format!("`{name}` is no text: {value}")))
    }

    pub(super) fn id(&self) -> Result<u32, RegistryError> {
        let value = self.field("id")?;
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| self.malformed(format!("`id` is no number of 32 bits: {value}")))
    }

    /// The answer as a list of numbers.
    pub(super) fn numbers(&self) -> Result<Vec<u32>, RegistryError> {
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let list = self.body.as_array().and_then(|list| list.iter().map(number).collect());
        list.ok_or_else(|| {
            self.malformed(format!("no list of numbers: {}", shortened(&self.body.to_string())))
        })
    }

    /// The texts under `messages`, if there are any.
    pub(super) fn messages(&self) -> Vec<String> {
        let texts = self.body.get("messages").and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn malformed(&self, message: String) -> RegistryError {
        RegistryError::Malformed { call: self.call.clone(), message }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}
