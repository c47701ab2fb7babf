//! Calls to other processes of the same installation: bounded in time and bytes.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::secret::Secret;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long an idle connection is kept: less than the other side keeps it.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// Longest answer that is read whole, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A client for other processes; cheap to clone, clones share their connections.
#[derive(Clone)]
pub(super) struct Outbound {
    client: Client<HttpConnector, Body>,
    token: Option<Secret>,
}

impl Outbound {
    /// A client that shows `token` where it asks on its own account.
    pub(super) fn new(token: Option<Secret>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(connector);
        Self { client, token }
    }

    /// Sends `request` as it is; the answer's body comes as it is read.
    ///
    /// # Errors
    /// When nobody answers within `wait`.
    pub(super) async fn send(
        &self,
        request: Request<Body>,
        wait: Duration,
    ) -> anyhow::Result<Response<Incoming>> {
        let answered = tokio::time::timeout(wait, self.client.request(request)).await;
        Ok(answered.with_context(|| format!("no answer within {} s", wait.as_secs()))??)
    }

    /// What `GET url` answers, whole.
    ///
    /// # Errors
    /// When nobody answers within `wait`, or not with 200.
    pub(super) async fn text(&self, url: &Uri, wait: Duration) -> anyhow::Result<String> {
        let mut request = Request::get(url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        let request = request.body(Body::empty())?;
        let read = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
            if !status.is_success() {
                bail!("it answers with status {}", status.as_u16());
            }
            Ok(String::from_utf8(body.to_vec())?)
        };
        tokio::time::timeout(wait, read)
            .await
            .with_context(|| format!("no answer within {} ms", wait.as_millis()))?
    }
}

/// A base URL of another process, such as `http://api:8080`.
///
/// # Errors
/// When it is none, or asks for TLS: the processes of an installation talk within its network.
pub(crate) fn base(url: &str) -> anyhow::Result<Uri> {
    let refused = || format!("`{url}` must be the address of another process, such as `http://host:8080`");
    let uri: Uri = url.trim().trim_end_matches('/').parse().with_context(refused)?;
    if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.query().is_some() {
        bail!(refused());
    }
    Ok(uri)
}

/// `path_and_query` at `base`.
pub(super) fn at(base: &Uri, path_and_query: &str) -> anyhow::Result<Uri> {
    let before = base.path().trim_end_matches('/');
    let authority = base.authority().map_or("", |authority| authority.as_str());
    Ok(format!("http://{authority}{before}{path_and_query}").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_and_checked() {
        let whole = |url: &str| at(&base(url).unwrap(), "/metrics?x=1").unwrap().to_string();
        assert_eq!(whole("http://api:8080"), "http://api:8080/metrics?x=1");
        assert_eq!(whole(" http://h/behind/ "), "http://h/behind/metrics?x=1");
        for wrong in ["", "api:8080", "https://h", "http://h?x=1", "/x"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }
}
