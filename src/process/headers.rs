//! What every answer tells browsers to be careful with.

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::{Next, from_fn};
use axum::response::Response;

/// Whatever the type of an answer: it is what it says it is, nobody frames it, and its address stays here.
const ALWAYS: [(HeaderName, &str); 3] =
    [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (X_FRAME_OPTIONS, "DENY"), (REFERRER_POLICY, "same-origin")];
/// Pages run what came with them and talk to where they came from. Pictures of products may lie anywhere; charts and
/// the API's documentation set styles of elements.
const OF_PAGES: &str = "default-src 'self'; img-src 'self' data: http: https:; style-src 'self' 'unsafe-inline'; \
                        object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `router`, whose answers carry them.
pub(super) fn with_headers(router: Router) -> Router {
    router.layer(from_fn(add))
}

async fn add(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("text/html")) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(OF_PAGES));
    }
    response
}
