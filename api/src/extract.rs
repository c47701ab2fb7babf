//! What handlers take out of requests, refused as problems.

use std::str::FromStr;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::encoding::NotEncoded;
use crate::problem::Problem;
use crate::state::ApiState;

/// Query parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(of_query(&rejection)),
        }
    }
}

/// The framework's words are `…: field: what`, or name the field in backticks.
fn of_query(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let text = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, what)| what);
    if let Some((_, rest)) = text.split_once('`')
        && let Some((field, _)) = rest.split_once('`')
        && text.starts_with("missing field")
    {
        return Problem::field(field, "is required");
    }
    match text.split_once(": ") {
        Some((field, what)) if !field.contains(' ') => Problem::field(field, what),
        _ => Problem::invalid(format!("the query is not valid: {text}")),
    }
}

/// The identifier in the path.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T> FromRequestParts<ApiState> for PathId<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_: PathRejection| Problem::field("id", "is not valid UTF-8"))?;
        text.parse().map(Self).map_err(|error: T::Err| Problem::field("id", error))
    }
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Json,
    Ndjson,
}

/// Whether it is what `navigator.sendBeacon` sends as a text, from a page of one of `origins`. From any other page it
/// would be what a form can send without asking.
pub(crate) fn is_beacon(headers: &HeaderMap, origins: &[String]) -> bool {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origins.iter().any(|allowed| allowed == origin))
        && essence(headers).is_some_and(|essence| essence == "text/plain")
}

fn essence(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The kind that the headers say; `None` said is JSON.
pub(crate) fn body_kind(headers: &HeaderMap) -> Result<BodyKind, Problem> {
    let Some(essence) = essence(headers) else { return Ok(BodyKind::Json) };
    match essence.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Ok(BodyKind::Ndjson)
        }
        json if json == "application/json"
            || (json.starts_with("application/") && json.ends_with("+json")) =>
        {
            Ok(BodyKind::Json)
        }
        _ => Err(Problem::unsupported_media_type(
            "send `application/json`, or `application/x-ndjson` where several items are taken",
        )),
    }
}

/// The whole body, up to `bytes_max`.
pub(crate) async fn bytes(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(request.into_body(), bytes_max).await.map_err(|error| body_problem(error, bytes_max))
}

/// Why a body could not be read.
pub(crate) fn body_problem(error: axum::Error, bytes_max: usize) -> Problem {
    use std::error::Error;
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        // The limit's error type is private to http-body-util; its words are stable.
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<NotEncoded>()) {
            return Problem::invalid(error.to_string());
        }
        if cause.to_string().contains("length limit exceeded") {
            return Problem::too_large(format!("the body must be at most {bytes_max} bytes"));
        }
        source = cause.source();
    }
    Problem::invalid("the body could not be read to its end")
}

/// `text` without a byte order mark, which some programs write before it.
///
/// # Errors
/// When it is UTF-16 or UTF-32: JSON between systems is UTF-8 (RFC 8259).
pub(crate) fn utf8(text: &[u8]) -> Result<&[u8], Problem> {
    // The first character of JSON is ASCII: in wider encodings a zero stands beside it.
    if text.starts_with(&[0xFF, 0xFE])
        || text.starts_with(&[0xFE, 0xFF])
        || text.iter().take(4).any(|b| *b == 0)
    {
        return Err(Problem::invalid("the body is UTF-16 or UTF-32, or no text: send it as UTF-8"));
    }
    Ok(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text))
}

/// One JSON document.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Problem> {
    let bytes = utf8(bytes)?;
    if bytes.is_empty() {
        return Err(Problem::invalid("a JSON body is required"));
    }
    serde_json::from_slice(bytes).map_err(|error| Problem::invalid(format!("the body is no JSON: {error}")))
}

/// `limit` from 1 to `max`.
pub(crate) fn limit(given: Option<u32>, default: usize, max: usize) -> Result<usize, Problem> {
    match given.map(|limit| limit as usize) {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::field("limit", format!("must be from 1 to {max}"))),
    }
}

/// An empty parameter says the same as none.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_mark_before_json_is_passed_over_and_other_encodings_are_named() {
        let utf16 = |text: &str, mark: &[u8]| {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            mark.iter().copied().chain(units).collect::<Vec<u8>>()
        };
        assert_eq!(json("\u{FEFF}{\"a\": 1}".as_bytes()).unwrap()["a"], 1);
        assert!(json("\u{FEFF}".as_bytes()).is_err());
        let big: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let utf32: Vec<u8> = "{}".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        for bytes in [utf16("{}", &[0xFF, 0xFE]), utf16("{}", &[]), big, utf32] {
            let problem = serde_json::to_value(json(&bytes).unwrap_err()).unwrap();
            assert!(problem["detail"].as_str().unwrap().contains("UTF-16"), "{bytes:?}: {problem}");
        }
    }

    #[test]
    fn kinds_of_bodies() {
        let kind = |text: &str| {
            body_kind(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(text).unwrap())])).ok()
        };
        assert_eq!(kind("application/json; charset=utf-8"), Some(BodyKind::Json));
        assert_eq!(kind("application/merge-patch+json"), Some(BodyKind::Json));
        assert_eq!(kind("Application/X-NDJSON"), Some(BodyKind::Ndjson));
        assert_eq!(kind("text/plain"), None);
        assert_eq!(body_kind(&HeaderMap::new()).ok(), Some(BodyKind::Json));
    }
}
