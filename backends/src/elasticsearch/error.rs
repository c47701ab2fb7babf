//! What Elasticsearch's errors mean to a caller of a port.

use std::fmt;

use rep_core::ports::{StoreError, StoreErrorKind};
use serde::Deserialize;

pub(super) use crate::error::{corrupt, invalid, unavailable};

/// Longest reason that is passed on, in bytes: some quote the whole document.
const REASON_BYTES_MAX: usize = 400;

/// Why a call had no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error.
    Answer {
        /// Of HTTP.
        status: u16,
        /// What went wrong, in its words.
        cause: Cause,
    },
    /// No answer came: refused, reset, or late.
    NoAnswer(Box<dyn std::error::Error + Send + Sync>),
    /// An answer came that is not what the API gives.
    Unreadable(String),
    /// The call could not even be written down.
    Unsendable(String),
}

impl Failure {
    pub(super) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Answer { status, cause } => kind_of(*status, cause),
            Self::NoAnswer(_) | Self::Unreadable(_) => StoreErrorKind::Unavailable,
            Self::Unsendable(_) => StoreErrorKind::Invalid,
        }
    }

    /// The answer of a server that has too much to do just now.
    pub(super) fn is_overload(&self) -> bool {
        matches!(self, Self::Answer { status: 429 | 503, .. }) && self.kind() == StoreErrorKind::Unavailable
    }

    pub(super) fn is_status(&self, expected: u16) -> bool {
        matches!(self, Self::Answer { status, .. } if *status == expected)
    }

    pub(super) fn is_type(&self, expected: &str) -> bool {
        matches!(self, Self::Answer { cause, .. } if cause.is(expected))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let kind = failure.kind();
        match failure {
            Failure::Answer { status, cause } => {
                Self::new(kind, format!("Elasticsearch answered {status} {cause}"))
            }
            Failure::NoAnswer(source) => Self::new(kind, source),
            Failure::Unreadable(reason) => {
                Self::new(kind, format!("Elasticsearch's answer cannot be read: {reason}"))
            }
            Failure::Unsendable(reason) => Self::new(kind, reason),
        }
    }
}

/// An error as Elasticsearch tells it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Cause {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Cause>>,
    #[serde(default)]
    root_cause: Vec<Cause>,
}

impl Cause {
    /// Of the body of an answer that is an error, which may come from a proxy and be anything.
    pub(super) fn of_body(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Told {
            Whole(Cause),
            Text(String),
        }
        #[derive(Deserialize)]
        struct Body {
            error: Told,
        }
        match serde_json::from_slice(body) {
            Ok(Body { error: Told::Whole(cause) }) => cause,
            Ok(Body { error: Told::Text(reason) }) => Self { reason: Some(reason), ..Self::default() },
            Err(_) => Self {
                reason: Some(String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned()),
                ..Self::default()
            },
        }
    }

    /// Itself and what it says led to it.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        let mut next = Some(self);
        let causes = std::iter::from_fn(move || {
            let this = next?;
            next = this.caused_by.as_deref();
            Some(this)
        });
        causes.take(16).chain(&self.root_cause)
    }

    /// Whether this is, or was caused by, an error of that type.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.chain().any(|cause| cause.kind == kind)
    }

    fn says(&self, part: &str) -> bool {
        self.chain().any(|cause| cause.reason.as_deref().is_some_and(|reason| reason.contains(part)))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind.is_empty() { "error" } else { &self.kind };
        // A search that failed says why in its root cause only.
        let reason = self.chain().filter_map(|cause| cause.reason.as_deref()).find(|r| !r.is_empty());
        let reason = reason.unwrap_or("no reason given");
        write!(f, "`{kind}`: {}", &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)])
    }
}

/// What an error of `status` means.
///
/// A block is told by the error's type: flood stage (a disk nearly full) has been 403 and 429. Wrong credentials and
/// an index that is not there are for an operator to mend, and no fault of the record at hand, so they pass: the
/// caller waits and is seen waiting, instead of giving up on every record.
pub(super) fn kind_of(status: u16, cause: &Cause) -> StoreErrorKind {
    if cause.is("cluster_block_exception") {
        let disk_is_full = cause.says("flood-stage") || cause.says("read-only-allow-delete");
        return if disk_is_full { StoreErrorKind::Full } else { StoreErrorKind::Unavailable };
    }
    match status {
        507 => StoreErrorKind::Full,
        401 | 403 | 408 | 409 | 429 | 500.. => StoreErrorKind::Unavailable,
        404 if cause.is("index_not_found_exception") => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> StoreError {
        Failure::Answer { status, cause: Cause::of_body(body.as_bytes()) }.into()
    }

    #[test]
    fn flood_stage_is_full_whatever_its_status() {
        let reason = "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, \
                      index has read-only-allow-delete block];";
        for status in [403, 429] {
            let body = format!(r#"{{"error":{{"type":"cluster_block_exception","reason":"{reason}"}}}}"#);
            let error = told(status, &body);
            assert_eq!(error.kind(), StoreErrorKind::Full);
            assert!(error.is_retryable());
        }
        let nested = r#"{"error":{"type":"search_phase_execution_exception","reason":"","root_cause":[
            {"type":"cluster_block_exception","reason":"blocked by: [SERVICE_UNAVAILABLE/1/state not recovered]"}]}}"#;
        assert_eq!(told(503, nested).kind(), StoreErrorKind::Unavailable);
        assert!(told(503, nested).to_string().contains("state not recovered"));
    }

    #[test]
    fn the_callers_faults_are_told_from_the_servers() {
        for (status, kind) in [
            (400, StoreErrorKind::Invalid),
            (413, StoreErrorKind::Invalid),
            (401, StoreErrorKind::Unavailable),
            (403, StoreErrorKind::Unavailable),
            (429, StoreErrorKind::Unavailable),
            (500, StoreErrorKind::Unavailable),
            (502, StoreErrorKind::Unavailable),
            (503, StoreErrorKind::Unavailable),
            (504, StoreErrorKind::Unavailable),
            (507, StoreErrorKind::Full),
        ] {
            assert_eq!(told(status, "{}").kind(), kind, "{status}");
            assert_eq!(told(status, "<html>gateway</html>").kind(), kind, "{status}");
            assert_eq!(told(status, r#"{"error":"text","status":1}"#).kind(), kind, "{status}");
        }
        let missing = r#"{"error":{"type":"index_not_found_exception","reason":"no such index [i]"}}"#;
        assert_eq!(told(404, missing).kind(), StoreErrorKind::Unavailable);
    }

    #[test]
    fn reasons_are_cut_between_letters() {
        let long = format!(r#"{{"error":{{"type":"t","reason":"{}"}}}}"#, "날".repeat(1000));
        assert!(told(400, &long).to_string().len() < 600);
    }
}
