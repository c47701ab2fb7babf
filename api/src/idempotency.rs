//! Repeats of a write with the same `Idempotency-Key` get the first answer, and have no second effect.
//!
//! Answers are kept in memory of this process ([`kept`]), bounded in number, bytes and age; what must hold beyond that is
//! held by trace ids. Safe methods have no effect to repeat: their key is ignored. Source of the manners:
//! draft-ietf-httpapi-idempotency-key-header.

mod kept;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rep_core::{Timestamp, stable_hash128};

use self::kept::{Answer, Begun, First, Kept, Scope};
use crate::auth::Caller;
use crate::extract::{BodyKind, body_kind, bytes};
use crate::problem::Problem;
use crate::state::ApiState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// Longest answer that is kept, in bytes: what 10,000 events are answered with.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Answers by caller, route and key.
pub(crate) struct Answers {
    ttl: Duration,
    kept: Kept,
}

impl Answers {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, kept: Kept::default() }
    }

    /// The kept answer, or the right to give it.
    fn begin(&self, scope: Scope, fingerprint: u128, now: Timestamp) -> Result<First, Box<Response>> {
        let answer = match self.kept.begin(scope, fingerprint, now, self.ttl) {
            Begun::First(first) => return Ok(first),
            Begun::OtherPayload => {
                Problem::key_reused("this `Idempotency-Key` came with another payload before").into_response()
            }
            Begun::Running => Problem::conflict("a request with this `Idempotency-Key` is still running")
                .retry_after(1)
                .into_response(),
            Begun::Again(answer) => replayed(answer),
        };
        Err(Box::new(answer))
    }
}

fn replayed(answer: Answer) -> Response {
    let mut response = (answer.status, answer.headers, answer.body).into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(problem) = answer.problem {
        response.extensions_mut().insert(problem);
    }
    response
}

/// Answers repeats; for routes that write.
pub(crate) async fn once(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    request: Request,
    next: Next,
) -> Response {
    let key = request.headers().get(IDEMPOTENCY_KEY).filter(|_| !request.method().is_safe()).cloned();
    // Without a caller the route refuses, and nothing is read before it does.
    let (Some(key), Some(caller)) = (key, caller) else { return next.run(request).await };
    match first_or_kept(&state, &caller.key(), &key, request).await {
        Ok((first, request)) => answered(first, next.run(request).await).await,
        Err(response) => *response,
    }
}

async fn first_or_kept(
    state: &ApiState,
    caller: &str,
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
    let scope = Scope::of(caller, &parts.method, &parts.uri, key);
    let body = bytes(Request::new(body), bytes_max).await.map_err(refused)?;
    let fingerprint = stable_hash128(&body);
    let first = state.answers.begin(scope, fingerprint, state.clock.now())?;
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
    use axum::http::{HeaderMap, Method, Uri};

    use super::*;

    #[test]
    fn repeats_are_answered_until_they_are_too_old() {
        let answers = Answers::new(Duration::from_secs(60));
        let scope = || Scope::of("ann", &Method::POST, &Uri::from_static("/events"), "k");
        let now = Timestamp::from_ms(0);
        let first = answers.begin(scope(), 1, now).ok().unwrap();
        let status = |fingerprint, now| answers.begin(scope(), fingerprint, now).err().map(|r| r.status());
        assert_eq!(status(1, now), Some(StatusCode::CONFLICT));
        first.answer(Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: vec![0; 3].into(),
            problem: None,
        });
        assert_eq!(status(1, now), Some(StatusCode::OK));
        assert_eq!(status(2, now), Some(StatusCode::UNPROCESSABLE_ENTITY));
        assert_eq!(status(2, Timestamp::from_ms(60_000)), None);
    }
}
