//! The connection: one URL, bounded in time and in requests at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::http::headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method, Url};
use rep_core::ports::StoreError;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::error::{Cause, Failure, invalid};
use crate::server_url::ServerUrl;

const JSON: &str = "application/json";
/// How long to wait for a change of an index.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(35);

/// Parameters of a call's URL: names and values of ours.
pub(super) type Parameters<'a> = &'a [(&'a str, &'a str)];

/// Where Elasticsearch is, and the bounds of its use.
#[derive(Clone, Debug)]
pub struct ElasticsearchConfig {
    /// Base URL, `http` or `https`; may carry a user and a password, and a path.
    pub url: ServerUrl,
    /// What the names of all indices begin with.
    pub namespace: Namespace,
    /// Longest wait for one answer, connecting included.
    pub timeout: Duration,
    /// Requests at once; more wait, within `timeout`.
    pub requests_max: usize,
    /// Longest body of a bulk, in bytes; the server's own limit is 100 MiB.
    pub bulk_bytes_max: usize,
}

impl ElasticsearchConfig {
    /// Defaults: no namespace, 10 s, 64 requests at once, bulks of 8 MiB.
    pub fn new(url: impl Into<ServerUrl>) -> Self {
        Self {
            url: url.into(),
            namespace: Namespace::default(),
            timeout: Duration::from_secs(10),
            requests_max: 64,
            bulk_bytes_max: 8 << 20,
        }
    }
}

/// What index names begin with, so that several installations, or tests, share a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace(String);

/// Why a text is no namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("namespace `{0}` must be at most 40 of a-z, 0-9, `_` and `-`, beginning with a letter or digit")]
pub struct NamespaceError(String);

impl Namespace {
    /// Checks `text`; empty is none.
    pub fn new(text: &str) -> Result<Self, NamespaceError> {
        let is_ours = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let begins_well = text.bytes().next().is_none_or(|byte| byte.is_ascii_alphanumeric());
        if text.len() > 40 || !begins_well || !text.bytes().all(is_ours) {
            return Err(NamespaceError(text.chars().take(64).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// `name` in this namespace.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }
}

/// A connection to Elasticsearch; cheap to clone.
///
/// Making one asks nothing of the server.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    permits: Arc<Semaphore>,
    namespace: Namespace,
    timeout: Duration,
    bulk_bytes_max: usize,
}

impl Client {
    /// A client of `config`; refuses what is no URL of a server.
    pub fn new(config: &ElasticsearchConfig) -> Result<Self, StoreError> {
        // What is wrong is said without the URL, which may hold a password.
        let mut url = Url::parse(config.url.reveal())
            .map_err(|error| invalid(format!("URL of Elasticsearch: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid("URL of Elasticsearch must be `http://HOST:PORT` or `https://HOST:PORT`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("URL of Elasticsearch must have no query and no fragment"));
        }
        let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty())
            .then(|| Credentials::Basic(plain(url.username()), plain(url.password().unwrap_or_default())));
        let is_cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
        if !is_cleared {
            return Err(invalid("URL of Elasticsearch cannot carry credentials"));
        }
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
            .disable_proxy()
            .enable_meta_header(false)
            // Vectors hardly shrink, and packing them costs the server more than sending them.
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(login) = login {
            builder = builder.auth(login);
        }
        let transport = builder.build().map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            transport,
            permits: Arc::new(Semaphore::new(config.requests_max.max(1))),
            namespace: config.namespace.clone(),
            timeout: config.timeout,
            bulk_bytes_max: config.bulk_bytes_max,
        })
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn bulk_bytes_max(&self) -> usize {
        self.bulk_bytes_max
    }

    /// How long the server may work on a search, as it wants it said: a little less than we wait.
    pub(super) fn search_timeout(&self) -> String {
        format!("{}ms", self.timeout.as_millis() * 9 / 10)
    }

    /// Calls `path` with a JSON body and reads the answer.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        parameters: Parameters<'_>,
        body: Option<&serde_json::Value>,
    ) -> Result<T, Failure> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| Failure::Unsendable(error.to_string()))?;
        self.call(method, path, parameters, body.map(Bytes::from), JSON, self.timeout).await
    }

    /// The same for a change of an index, which a server may take longer for: 30 s by its own measure.
    pub(super) async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<(), Failure> {
        self.change_for::<serde_json::Value>(method, path, body).await.map(drop)
    }

    /// The same, with its answer.
    pub(super) async fn change_for<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, Failure> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| Failure::Unsendable(error.to_string()))?;
        let timeout = self.timeout.max(CHANGE_TIMEOUT);
        self.call(method, path, &[], body.map(Bytes::from), JSON, timeout).await
    }

    /// Calls `path` with newline-delimited JSON and reads the answer.
    pub(super) async fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: Parameters<'_>,
        body: Bytes,
    ) -> Result<T, Failure> {
        self.call(Method::Post, path, parameters, Some(body), "application/x-ndjson", self.timeout).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        parameters: Parameters<'_>,
        body: Option<Bytes>,
        content_type: &'static str,
        timeout: Duration,
    ) -> Result<T, Failure> {
        let answered = tokio::time::timeout(timeout, async {
            let _permit = self.permits.acquire().await.map_err(|error| Failure::NoAnswer(error.into()))?;
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            let sent = self.transport.send(method, path, headers, Some(parameters), body, None);
            let response = sent.await.map_err(|error| Failure::NoAnswer(error.into()))?;
            let status = response.status_code().as_u16();
            let bytes = response.bytes().await.map_err(|error| Failure::NoAnswer(error.into()))?;
            Ok((status, bytes))
        });
        let late = |_| Failure::NoAnswer(format!("no answer within {} ms", timeout.as_millis()).into());
        let (status, bytes) = answered.await.map_err(late)??;
        if status >= 400 {
            return Err(Failure::Answer { status, cause: Cause::of_body(&bytes) });
        }
        serde_json::from_slice(&bytes).map_err(|error| Failure::Unreadable(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use rep_core::ports::StoreErrorKind;

    use super::*;

    #[test]
    fn a_url_is_that_of_a_server() {
        for url in ["", "elasticsearch", "ftp://h", "http://h?x=1", "http://h#f", "data:text/plain,h"] {
            let refused = Client::new(&ElasticsearchConfig::new(url)).err();
            assert_eq!(refused.map(|error| error.kind()), Some(StoreErrorKind::Invalid), "{url}");
        }
        for url in ["http://h", "https://h:9200/", "http://u:p%40@h:1/behind/a/proxy"] {
            assert!(Client::new(&ElasticsearchConfig::new(url)).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let config = ElasticsearchConfig::new("http://user:secret@h:1");
        assert!(!format!("{config:?}").contains("secret"));
        let wrong = Client::new(&ElasticsearchConfig::new("http://user:secret@h:99999999")).err().unwrap();
        assert!(!format!("{wrong:?} {wrong}").contains("secret"));
    }

    #[test]
    fn a_namespace_is_part_of_an_index_name() {
        assert_eq!(Namespace::new("shop1-").unwrap().name("x"), "shop1-x");
        assert_eq!(Namespace::new("").unwrap(), Namespace::default());
        for text in ["Shop", "a b", "a/b", "a*", "_a", "-a", "é", "a,b", &"a".repeat(41)] {
            assert!(Namespace::new(text).is_err(), "{text}");
        }
    }
}
