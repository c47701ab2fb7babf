//! Keeps the routes beside the API for operators, where tokens are asked for.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rep_api::{Auth, BearerAuth, bearer_token};
use rep_http::Problem;

/// Routes that anybody may read.
pub(super) const PUBLIC: [&str; 3] = ["/livez", "/readyz", "/openapi.json"];
const REFUSAL: &str = "send `Authorization: Bearer …` with an operator's token";

/// `router`, for operators alone if `auth` asks for tokens.
pub(super) fn operators_only(router: Router, auth: &Auth) -> Router {
    match auth {
        Auth::Open => router,
        Auth::Bearer(bearer) => router.layer(from_fn_with_state(bearer.clone(), check)),
    }
}

async fn check(State(bearer): State<BearerAuth>, request: Request, next: Next) -> Response {
    let public = PUBLIC.contains(&request.uri().path());
    if public || bearer_token(request.headers()).is_some_and(|token| bearer.is_operator(token)) {
        return next.run(request).await;
    }
    ([(WWW_AUTHENTICATE, "Bearer")], Problem::unauthorized(REFUSAL)).into_response()
}
