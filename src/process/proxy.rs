//! Passes requests on to a role in another process, and its answers back, both as they come.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{CONNECTION, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};
use rep_http::Problem;
use tower::service_fn;

use super::outbound::{Outbound, at};

/// Longest wait for the beginning of an answer; a role bounds its own work by less.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What holds between two neighbours only. Source: RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 6] =
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];

/// Every route, at the process that is at `upstream`, called `name` in errors.
///
/// `Host` and `Origin` stay what the browser said: the role there decides by them whom it serves.
pub(super) fn router(name: &'static str, upstream: Uri, outbound: Outbound) -> Router {
    Router::new().fallback_service(service_fn(move |request| {
        let (upstream, outbound) = (upstream.clone(), outbound.clone());
        async move { Ok::<_, Infallible>(pass(name, &upstream, &outbound, request).await) }
    }))
}

async fn pass(name: &str, upstream: &Uri, outbound: &Outbound, request: Request) -> Response {
    let answered = async {
        let (mut parts, body) = request.into_parts();
        let asked = parts.uri.path_and_query().map_or("/", |asked| asked.as_str());
        parts.uri = at(upstream, asked)?;
        parts.version = axum::http::Version::HTTP_11;
        without_hop_by_hop(&mut parts.headers);
        forwarded(&mut parts);
        let request = Request::from_parts(parts, body);
        outbound.send(request, ANSWER_WAIT).await
    };
    match answered.await {
        Ok(answer) => {
            let (mut parts, body) = answer.into_parts();
            without_hop_by_hop(&mut parts.headers);
            Response::from_parts(parts, Body::new(body))
        }
        Err(error) => {
            tracing::warn!("the {name} at {upstream} cannot be reached: {error:#}");
            let detail = format!("the {name} at {upstream} does not answer");
            Problem::unreachable(detail).into_response()
        }
    }
}

/// Adds who asked us to what was said before: who trusts us knows by it who calls.
fn forwarded(parts: &mut Parts) {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else { return };
    if let Ok(peer) = HeaderValue::from_str(&peer.ip().to_canonical().to_string()) {
        parts.headers.append(X_FORWARDED_FOR, peer);
    }
}

fn without_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap as Headers;
    use axum::http::StatusCode;
    use axum::routing::post;
    use http_body_util::BodyExt as _;
    use tokio::net::TcpListener;
    use tower::ServiceExt as _;

    use super::*;
    use crate::process::outbound::base;

    #[tokio::test]
    async fn a_request_passes_and_its_answer_comes_back() {
        let upstream = Router::new().route(
            "/deep/echo",
            post(|uri: Uri, headers: Headers, body: String| async move {
                let host = headers["host"].to_str().unwrap().to_owned();
                let kept = headers.contains_key("x-own") && !headers.contains_key("x-hop");
                (StatusCode::ACCEPTED, [("x-back", "1")], format!("{uri} {host} {kept} {body}"))
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, upstream).await });
        let router = router("api", base(&format!("http://{address}/deep")).unwrap(), Outbound::new(None));
        let request = Request::post("/echo?a=b")
            .header("host", "localhost:3001")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-own", "1")
            .body(Body::from("body"))
            .unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["x-back"]),
            (StatusCode::ACCEPTED, &"1".parse().unwrap())
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "/deep/echo?a=b localhost:3001 true body");
    }

    #[tokio::test]
    async fn a_method_that_a_route_does_not_take_is_refused_as_the_route_does() {
        let upstream = Router::new().route("/echo", post(|| async { "there" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, upstream).await });
        let router = router("api", base(&url).unwrap(), Outbound::new(None));
        let request = Request::builder().method("TRACE").uri("/echo").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST");
    }

    #[tokio::test]
    async fn who_asks_is_said_after_what_they_say_themselves() {
        let said = |headers: Headers| async move {
            let values =
                headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.to_str().unwrap().to_owned());
            values.collect::<Vec<_>>().join(", ")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let upstream = Router::new().route("/said", post(said));
        tokio::spawn(async move { axum::serve(listener, upstream).await });
        let router = router("api", base(&url).unwrap(), Outbound::new(None));
        let request = Request::post("/said").header(X_FORWARDED_FOR, "198.51.100.1");
        let mut request = request.body(Body::empty()).unwrap();
        let peer: SocketAddr = "[::ffff:203.0.113.7]:4000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let body = router.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "198.51.100.1, 203.0.113.7");
    }

    #[tokio::test]
    async fn who_is_not_there_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let router = router("api", base(&url).unwrap(), Outbound::new(None));
        let response = router.oneshot(Request::get("/x").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains(&url));
    }
}
