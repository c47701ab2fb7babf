//! Keeps other sites' pages away from an open API on loopback.
//!
//! Any page in the operator's browser can reach `127.0.0.1`. A name that an attacker points there (DNS
//! rebinding) arrives with its own name in `Host`: refused. A page of another origin may not change
//! anything, nor open a WebSocket, which browsers do not guard: its `Origin` gives it away.

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Auth;
use crate::problem::Problem;
use crate::state::ApiState;

/// Refuses what a page of another site may have sent; with tokens there is nothing it could abuse.
pub(crate) async fn same_site(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if matches!(state.config.auth, Auth::Open)
        && let Err(problem) = check(&request, &state.config.allowed_hosts, &state.config.allowed_origins)
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn check(request: &Request, hosts: &[String], origins: &[String]) -> Result<(), Problem> {
    let host = host_of(request.headers(), request.uri())?;
    if let Some(host) = host
        && !is_served(name_of(host), hosts)
    {
        return Err(Problem::forbidden("this host name is not served; name it in `allowed_hosts`"));
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !(changes || request.headers().contains_key(UPGRADE)) {
        return Ok(());
    }
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("null");
    let own = host
        .is_some_and(|host| origin.split_once("://").is_some_and(|(_, at)| at.eq_ignore_ascii_case(host)));
    if own || origins.iter().any(|allowed| allowed == origin) {
        return Ok(());
    }
    Err(Problem::forbidden("pages of other origins may not do this; name them in `allowed_origins`"))
}

fn host_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<Option<&'a str>, Problem> {
    match headers.get(HOST) {
        Some(host) => host.to_str().map(Some).map_err(|_| Problem::invalid("the host name is no text")),
        None => Ok(uri.authority().map(|authority| authority.as_str())),
    }
}

/// The name without its port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_served(name: &str, hosts: &[String]) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        || hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn allowed(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        check(&request, &["rep.internal".to_owned()], &["http://localhost:3001".to_owned()]).is_ok()
    }

    #[test]
    fn names_that_are_not_ours_are_refused() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "rep.internal:80"] {
            assert!(allowed("GET", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", "10.0.0.1", "127.0.0.1.nip.io"] {
            assert!(!allowed("GET", &[("host", host)]), "{host}");
        }
    }

    #[test]
    fn other_origins_change_nothing() {
        let host = ("host", "localhost:8080");
        assert!(allowed("POST", &[host]));
        assert!(allowed("POST", &[host, ("origin", "http://localhost:8080")]));
        assert!(allowed("POST", &[host, ("origin", "http://localhost:3001")]));
        for origin in ["http://evil.example", "null", "http://localhost:9999"] {
            assert!(!allowed("POST", &[host, ("origin", origin)]), "{origin}");
            assert!(!allowed("GET", &[host, ("origin", origin), ("upgrade", "websocket")]), "{origin}");
            assert!(allowed("GET", &[host, ("origin", origin)]), "{origin}");
        }
    }
}
