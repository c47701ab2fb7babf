//! Repeats of a write with the same `Idempotency-Key` get the first answer, and have no second effect.
//!
//! Answers are kept in memory of this process, bounded in number, bytes and age; what must hold beyond
//! that is held by trace ids. Source of the manners: draft-ietf-httpapi-idempotency-key-header.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use rep_core::{Timestamp, stable_hash128};

use crate::auth::Caller;
use crate::extract::{BodyKind, body_kind, bytes};
use crate::problem::Problem;
use crate::state::ApiState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// Most answers that are kept.
const ANSWERS_MAX: usize = 10_000;
/// Most bytes that kept answers hold together.
const ANSWERS_BYTES_MAX: usize = 64 << 20;
/// Longest answer that is kept, in bytes: what 10,000 events are answered with.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Answers by caller, route and key.
pub(crate) struct Answers {
    ttl: Duration,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    entries: LruCache<String, Entry>,
    bytes: usize,
}

struct Entry {
    fingerprint: u128,
    at: Timestamp,
    /// `None` while the first request runs.
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    problem: Option<Problem>,
}

impl Answer {
    fn replayed(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        if let Some(problem) = self.problem {
            response.extensions_mut().insert(problem);
        }
        response
    }
}

impl Kept {
    fn remove(&mut self, scope: &str) {
        if let Some(entry) = self.entries.pop(scope) {
            self.bytes -= entry.answer.map_or(0, |answer| answer.body.len());
        }
    }

    fn make_room(&mut self) {
        while self.entries.len() > ANSWERS_MAX || self.bytes > ANSWERS_BYTES_MAX {
            let Some((_, entry)) = self.entries.pop_lru() else { return };
            self.bytes -= entry.answer.map_or(0, |answer| answer.body.len());
        }
    }
}

/// The first request with a key; dropped without an answer, it frees the key.
struct First {
    kept: Arc<Mutex<Kept>>,
    scope: String,
    answered: bool,
}

impl First {
    fn answer(mut self, answer: Answer) {
        let mut kept = self.kept.lock();
        if let Some(entry) = kept.entries.get_mut(&self.scope) {
            let size = answer.body.len();
            entry.answer = Some(answer);
            kept.bytes += size;
            kept.make_room();
            self.answered = true;
        }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.answered {
            self.kept.lock().remove(&self.scope);
        }
    }
}

impl Answers {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, kept: Arc::new(Mutex::new(Kept { entries: LruCache::unbounded(), bytes: 0 })) }
    }

    /// The kept answer, or the right to give it.
    fn begin(&self, scope: String, fingerprint: u128, now: Timestamp) -> Result<First, Box<Response>> {
        let mut kept = self.kept.lock();
        if let Some(entry) = kept.entries.get(&scope)
            && now.since(entry.at) < self.ttl
        {
            return Err(Box::new(match &entry.answer {
                _ if entry.fingerprint != fingerprint => {
                    Problem::key_reused("this `Idempotency-Key` came with another payload before")
                        .into_response()
                }
                Some(answer) => answer.clone().replayed(),
                None => Problem::conflict("a request with this `Idempotency-Key` is still running")
                    .retry_after(1)
                    .into_response(),
            }));
        }
        kept.remove(&scope);
        kept.entries.put(scope.clone(), Entry { fingerprint, at: now, answer: None });
        kept.make_room();
        Ok(First { kept: Arc::clone(&self.kept), scope, answered: false })
    }
}

/// Answers repeats; for routes that write.
pub(crate) async fn once(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    request: Request,
    next: Next,
) -> Response {
    let Some(key) = request.headers().get(IDEMPOTENCY_KEY).cloned() else { return next.run(request).await };
    match first_or_kept(&state, caller.map(|caller| caller.key()).unwrap_or_default(), &key, request).await {
        Ok((first, request)) => answered(first, next.run(request).await).await,
        Err(response) => *response,
    }
}

async fn first_or_kept(
    state: &ApiState,
    caller: String,
    key: &HeaderValue,
    request: Request,
) -> Result<(First, Request), Box<Response>> {
    let refused = |problem: Problem| Box::new(problem.into_response());
    let key = key.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let message = format!("must be 1 to {KEY_BYTES_MAX} printable ASCII characters");
        refused(Problem::field("Idempotency-Key", message))
    })?;
    let limits = &state.config.limits;
    let bytes_max = match body_kind(request.headers()) {
        Ok(BodyKind::Ndjson) => limits.import_bytes_max,
        _ => limits.body_bytes_max,
    };
    let (parts, body) = request.into_parts();
    let scope = format!("{caller}\u{1f}{}\u{1f}{}\u{1f}{key}", parts.method, parts.uri);
    let body = bytes(Request::new(body), bytes_max).await.map_err(refused)?;
    let first = state.answers.begin(scope, stable_hash128(&body), state.clock.now())?;
    Ok((first, Request::from_parts(parts, Body::from(body))))
}

/// Keeps what will stay true: not what may go better next time.
async fn answered(first: First, response: Response) -> Response {
    let status = response.status();
    if status.is_server_error() || matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return Problem::defect("answer could not be kept", &error).into_response(),
    };
    let headers = [CONTENT_TYPE, LOCATION]
        .into_iter()
        .filter_map(|name| parts.headers.get(&name).map(|value| (name, value.clone())))
        .collect();
    let problem = parts.extensions.get::<Problem>().cloned();
    first.answer(Answer { status, headers, body: body.clone(), problem });
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: vec![0; bytes].into(),
            problem: None,
        }
    }

    #[test]
    fn repeats_are_answered_until_they_are_too_old() {
        let answers = Answers::new(Duration::from_secs(60));
        let now = Timestamp::from_ms(0);
        let first = answers.begin("k".to_owned(), 1, now).ok().unwrap();
        let status =
            |fingerprint, now| answers.begin("k".to_owned(), fingerprint, now).err().map(|r| r.status());
        assert_eq!(status(1, now), Some(StatusCode::CONFLICT));
        first.answer(answer(3));
        assert_eq!(status(1, now), Some(StatusCode::OK));
        assert_eq!(status(2, now), Some(StatusCode::UNPROCESSABLE_ENTITY));
        assert_eq!(status(2, Timestamp::from_ms(60_000)), None);
    }

    #[test]
    fn a_request_that_went_away_frees_its_key() {
        let answers = Answers::new(Duration::from_secs(60));
        let now = Timestamp::from_ms(0);
        drop(answers.begin("k".to_owned(), 1, now).ok().unwrap());
        assert!(answers.begin("k".to_owned(), 1, now).is_ok());
    }

    #[test]
    fn kept_bytes_are_bounded() {
        let answers = Answers::new(Duration::from_secs(60));
        for i in 0..20 {
            let first = answers.begin(i.to_string(), 1, Timestamp::from_ms(0)).ok().unwrap();
            first.answer(answer(ANSWER_BYTES_MAX));
        }
        let kept = answers.kept.lock();
        assert!(kept.bytes <= ANSWERS_BYTES_MAX && kept.entries.len() <= 8);
    }
}
