//! A double of the API's batch endpoints, told beforehand how to fail.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// How the double takes a request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Answers with this status and `Retry-After`, without an effect.
    Status(u16, Option<&'static str>),
    /// Cuts the connection before any effect.
    CutBefore,
    /// Has the effect, then cuts the connection before the answer.
    CutAfter,
    /// Has the effect, then cuts the connection within the answer.
    CutWithin,
    /// Answers one result too few.
    OneShort,
}

#[derive(Default)]
pub(super) struct Seen {
    steps: VecDeque<Step>,
    /// What was made durable, by product or trace id, and how often it had an effect.
    pub(super) effects: BTreeMap<String, (Value, usize)>,
    /// The headers and number of items of each request.
    pub(super) requests: Vec<(HeaderMap, usize)>,
    /// Ids that are refused.
    pub(super) refuse: Vec<String>,
    /// Whether every item is refused.
    pub(super) refuse_all: bool,
    /// Items over which a batch is too large.
    pub(super) items_max: Option<usize>,
}

pub(super) struct Double {
    pub(super) url: String,
    seen: Arc<Mutex<Seen>>,
    _runtime: tokio::runtime::Runtime,
}

impl Double {
    /// Listens, and takes its first requests by `steps`.
    pub(super) fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let seen = Arc::new(Mutex::new(Seen { steps: steps.into_iter().collect(), ..Seen::default() }));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/products", post(products))
            .route("/events", post(events))
            .layer(DefaultBodyLimit::max(8 << 20))
            .with_state(Arc::clone(&seen));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { url, seen, _runtime: runtime }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

type Shared = State<Arc<Mutex<Seen>>>;

/// A handler that cuts its connection poisons the lock; what is in it is whole.
fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn products(State(seen): Shared, headers: HeaderMap, body: Bytes) -> Response {
    take(&seen, headers, &body, "productId")
}

async fn events(State(seen): Shared, headers: HeaderMap, body: Bytes) -> Response {
    take(&seen, headers, &body, "traceId")
}

fn take(seen: &Mutex<Seen>, headers: HeaderMap, body: &Bytes, id_name: &str) -> Response {
    let items: Vec<Value> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let mut seen = lock(seen);
    seen.requests.push((headers, items.len()));
    if seen.items_max.is_some_and(|max| items.len() > max) {
        return (StatusCode::PAYLOAD_TOO_LARGE, r#"{"detail":"too many"}"#).into_response();
    }
    let step = seen.steps.pop_front();
    match step {
        Some(Step::Status(status, retry_after)) => {
            let mut response =
                (StatusCode::from_u16(status).unwrap(), r#"{"detail":"as told"}"#).into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.parse().unwrap());
            }
            return response;
        }
        Some(Step::CutBefore) => cut(),
        _ => {}
    }
    let mut results: Vec<Value> = items.into_iter().map(|item| effect(&mut seen, item, id_name)).collect();
    drop(seen);
    if id_name == "traceId" && results.iter().all(|result| result["status"] == "rejected") {
        return none_valid(&results);
    }
    match step {
        Some(Step::CutAfter) => cut(),
        Some(Step::CutWithin) => {
            let text = json!({"results": results}).to_string();
            let half = Bytes::from(text[..text.len() / 2].to_owned());
            let frames = [Ok(half), Err(std::io::Error::other("cut"))];
            return Body::from_stream(futures::stream::iter(frames)).into_response();
        }
        Some(Step::OneShort) => {
            results.pop();
        }
        _ => {}
    }
    axum::Json(json!({"results": results})).into_response()
}

/// As the API refuses events of which none is valid: with a hundred reasons at most.
fn none_valid(results: &[Value]) -> Response {
    let reason = |index| json!({"field": format!("{index}.userId"), "message": "is not wanted"});
    let errors: Vec<_> = (0..results.len().min(100)).map(reason).collect();
    let problem = json!({"title": "t", "detail": "no event is valid", "errors": errors});
    (StatusCode::BAD_REQUEST, axum::Json(problem)).into_response()
}

fn effect(seen: &mut Seen, item: Value, id_name: &str) -> Value {
    let id = item[id_name].as_str().unwrap().to_owned();
    if seen.refuse_all || seen.refuse.contains(&id) {
        return json!({"status": "rejected", "errors": [{"field": id_name, "message": "is not wanted"}]});
    }
    let known = seen.effects.contains_key(&id);
    let (content, effects) = seen.effects.entry(id).or_insert_with(|| (Value::Null, 0));
    if id_name == "traceId" && known {
        return json!({"status": "duplicate"});
    }
    *content = item;
    *effects += 1;
    json!({"status": if known { "replaced" } else if id_name == "traceId" { "accepted" } else { "created" }})
}

/// Ends the connection's task, without the noise of a panic.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new(None::<Infallible>))
}
