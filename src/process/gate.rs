//! What a port answers from the moment it is bound: that it waits, and for what, until the routes are there.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use rep_http::{ALIVE, Problem, Readiness};
use tower::{ServiceExt, service_fn};

/// What is asked of routes. `CONNECT` asks for a tunnel to somewhere else: no route could answer it.
const METHODS: &str = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS";
/// How often the same is worth saying again.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// What the ports of one process wait for; cheap to clone.
#[derive(Clone)]
pub(super) struct Waiting(Arc<Mutex<Said>>);

struct Said {
    what: String,
    /// When that was news, or was due again.
    at: Option<Instant>,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Said { what: "it is starting".to_owned(), at: None })))
    }

    /// Says what for; gives whether a person should hear it: it is news, or was not said for a while.
    pub(super) fn say(&self, what: &str) -> bool {
        let mut said = self.0.lock();
        if said.what == what && said.at.is_some_and(|at| at.elapsed() < SAY_AGAIN) {
            return false;
        }
        *said = Said { what: what.to_owned(), at: Some(Instant::now()) };
        true
    }
}

/// The routes of one port, once they are there.
#[derive(Clone)]
pub(super) struct Gate {
    routes: Arc<OnceLock<Router>>,
    waiting: Waiting,
}

impl Gate {
    pub(super) fn closed(waiting: Waiting) -> Self {
        Self { routes: Arc::default(), waiting }
    }

    /// Serves `routes` from now on.
    pub(super) fn open(&self, routes: Router) {
        // Opened once: whoever comes second changes nothing.
        let _ = self.routes.set(routes);
    }

    /// What answers at the port.
    pub(super) fn router(&self) -> Router {
        let gate = self.clone();
        Router::new().fallback_service(service_fn(move |request| {
            let gate = gate.clone();
            async move { Ok::<_, Infallible>(gate.answer(request).await) }
        }))
    }

    async fn answer(&self, request: Request) -> Response {
        if *request.method() == Method::CONNECT {
            return no_tunnels();
        }
        let Some(routes) = self.routes.get() else { return self.not_yet(request.uri().path()) };
        match routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn not_yet(&self, path: &str) -> Response {
        if path == "/livez" || path == "/api/livez" {
            return ALIVE.into_response();
        }
        let detail = self.waiting.0.lock().what.clone();
        if path == "/readyz" || path == "/api/readyz" {
            return Readiness::without("start", detail).into_response();
        }
        Problem::unavailable(detail).retry_after(2).into_response()
    }
}

fn no_tunnels() -> Response {
    ([(ALLOW, METHODS)], Problem::method_not_allowed("this is not a proxy: it opens no tunnels"))
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;

    use super::*;

    async fn ask(router: &Router, path: &str) -> (u16, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn it_says_what_it_waits_for_until_it_opens() {
        let waiting = Waiting::new();
        let gate = Gate::closed(waiting.clone());
        let router = gate.router();
        assert!(waiting.say("Kafka is away"));
        assert!(!waiting.say("Kafka is away"));
        assert_eq!(ask(&router, "/livez").await, (200, "ok\n".to_owned()));
        for path in ["/readyz", "/recommendations"] {
            let (status, body) = ask(&router, path).await;
            assert_eq!(status, 503, "{path}");
            assert!(body.contains("Kafka is away"), "{body}");
        }
        gate.open(Router::new().route("/recommendations", get(|| async { "there" })));
        assert_eq!(ask(&router, "/recommendations").await, (200, "there".to_owned()));
        assert_eq!(ask(&router, "/none").await.0, 404);
    }
}
