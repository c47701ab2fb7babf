//! The hub's protocol: `/{repo}/resolve/{revision}/{file}`, where headers tell the commit, size and hash.

use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

/// How the hub is spoken to.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// Address of the hub or a mirror of it, without a slash at its end.
    pub url: String,
    /// Branch, tag or commit; a pull pins the commit it finds first for all of its files.
    pub revision: String,
    /// Attempts in a row without a byte of progress before giving up: 1 to 20.
    pub attempts_max: u32,
    /// Wait before the second attempt; doubles up to 16 times as long.
    pub backoff: Duration,
    /// Longest time to connect, and longest silence while a file arrives.
    pub silence_max: Duration,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            url: "https://huggingface.co".into(),
            revision: "main".into(),
            attempts_max: 5,
            backoff: Duration::from_millis(500),
            silence_max: Duration::from_secs(30),
        }
    }
}

/// A failure of one attempt.
pub(super) enum Failure {
    /// Worth another attempt.
    Passing(String),
    /// The status says no.
    Status(u16),
}

/// What the hub says of a file before it is fetched.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FileFacts {
    /// Names this content; a part of another content must not be continued.
    pub(super) etag: Option<String>,
    /// SHA-256, where the hub keeps the file by it.
    pub(super) sha256: Option<String>,
    /// Size in bytes.
    pub(super) size: Option<u64>,
    /// The commit that the revision stands for.
    pub(super) commit: Option<String>,
}

pub(super) struct Hub {
    /// Follows no redirect: the facts are in the first answer.
    asking: Agent,
    fetching: Agent,
    url: String,
}

impl Hub {
    pub(super) fn new(options: &HubOptions) -> Self {
        let agent = |redirects_max| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(redirects_max)
                .timeout_connect(Some(options.silence_max))
                .timeout_recv_response(Some(options.silence_max))
                .timeout_per_read(Some(options.silence_max))
                .user_agent(concat!("rep/", env!("CARGO_PKG_VERSION")));
            config.build().new_agent()
        };
        Self { asking: agent(0), fetching: agent(5), url: options.url.trim_end_matches('/').to_owned() }
    }

    pub(super) fn file_url(&self, repo: &str, revision: &str, file: &str) -> String {
        format!("{}/{repo}/resolve/{revision}/{file}", self.url)
    }

    /// Asks for a file's facts.
    pub(super) fn facts(&self, url: &str) -> Result<FileFacts, Failure> {
        let mut url = url.to_owned();
        // A renamed repository answers with a path on the hub itself; the storage's address is absolute.
        for _ in 0..3 {
            let request = self.asking.head(&url).header("Accept-Encoding", "identity");
            let response = request.call().map_err(passing)?;
            let moved = text(response.headers(), "location").filter(|to| to.starts_with('/'));
            match moved {
                Some(path) if response.headers().get("x-repo-commit").is_none() => {
                    url = format!("{}{path}", self.url);
                }
                _ => return facts(&response),
            }
        }
        Err(Failure::Passing("too many redirects".into()))
    }

    /// Fetches a file from byte `from` on; the answer may ignore that (200 instead of 206).
    pub(super) fn fetch(&self, url: &str, from: u64) -> Result<Response<Body>, Failure> {
        let mut request = self.fetching.get(url).header("Accept-Encoding", "identity");
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(passing)?;
        match response.status().as_u16() {
            200 | 206 => Ok(response),
            status => Err(refusal(status)),
        }
    }
}

fn facts(response: &Response<Body>) -> Result<FileFacts, Failure> {
    let status = response.status().as_u16();
    if !(200..400).contains(&status) {
        return Err(refusal(status));
    }
    let headers = response.headers();
    let etag = text(headers, "x-linked-etag").or_else(|| text(headers, "etag")).map(bare);
    let length = if status == 200 { text(headers, "content-length") } else { None };
    let size = text(headers, "x-linked-size").or(length).and_then(|size| size.parse().ok());
    let sha256 = etag.clone().filter(|etag| etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit()));
    let commit = text(headers, "x-repo-commit").map(str::to_owned).filter(|commit| is_plain(commit));
    Ok(FileFacts { etag, sha256: sha256.map(|hash| hash.to_lowercase()), size, commit })
}

/// The commit becomes part of the next address: only what a commit or tag may look like.
fn is_plain(commit: &str) -> bool {
    !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn bare(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

fn refusal(status: u16) -> Failure {
    match status {
        408 | 425 | 429 | 500..=599 => Failure::Passing(format!("status {status}")),
        _ => Failure::Status(status),
    }
}

pub(super) fn passing(error: ureq::Error) -> Failure {
    Failure::Passing(error.to_string())
}
