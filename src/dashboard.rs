//! The dashboard's files, carried in the binary, and the API beside them on the same origin.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rep_http::Problem;
use rust_embed::RustEmbed;
use tower::ServiceExt;

/// What the frontend's build made. In a debug build it is read from the folder at each request.
#[derive(RustEmbed)]
#[folder = "frontend/dist"]
#[allow_missing = true]
struct Files;

/// Whether this build carries the dashboard.
pub(crate) fn is_embedded() -> bool {
    Files::get("index.html").is_some()
}

/// The dashboard, with the simulator's routes below `/api`; the API's are nested there beside them.
pub(crate) fn router(simulator: Router) -> Router {
    // The simulator's own health routes stand on its own port; here they are the API's.
    let simulator = simulator.into_service::<Body>().map_request(below_api);
    Router::new()
        .route_service("/api/simulator", simulator.clone())
        .route_service("/api/simulator/{*rest}", simulator)
        .fallback(
            get(|uri: Uri| async move { file(&uri) })
                .fallback(|| async { Problem::method_not_allowed("pages can only be read") }),
        )
}

/// The request as it reads without `/api` before its path.
fn below_api(mut request: Request<Body>) -> Request<Body> {
    let path =
        request.uri().path_and_query().and_then(|path| path.as_str().strip_prefix("/api")?.parse().ok());
    if let Some(uri) = path {
        *request.uri_mut() = uri;
    }
    request
}

fn file(uri: &Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(found) = Files::get(path) {
        // Names below `assets/` carry a hash of what they hold.
        let forever = path.starts_with("assets/");
        let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mime = found.metadata.mimetype().to_owned();
        return ([(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, cache.to_owned())], found.data)
            .into_response();
    }
    if path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    // Every other path is a page, which the script routes.
    match Files::get("index.html") {
        Some(index) => ([(header::CACHE_CONTROL, "no-cache")], Html(index.data)).into_response(),
        None => {
            let message = "The dashboard is not part of this build. Run `make run`, or `npm ci && npm run build` in frontend/.";
            (StatusCode::NOT_FOUND, message).into_response()
        }
    }
}
