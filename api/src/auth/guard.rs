//! Keeps other sites' pages away from ports that ask for no token.
//!
//! Any page in the operator's browser can reach `127.0.0.1`. A name that an attacker points there (DNS
//! rebinding) arrives with its own name in `Host`: refused. What a page of another origin sends has its `Origin`,
//! or says by `Sec-Fetch-Site` where it comes from: refused, reading too, for a stream costs a place. What a page
//! can send without asking first (a form, a beacon) is a POST of few content types: refused unless its origin is
//! one of ours.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use super::Auth;
use crate::ApiConfig;
use crate::problem::Problem;

/// Tells nothing that a page could use, and is asked for by an address that nobody can name beforehand.
const PROBES: [&str; 2] = ["/livez", "/readyz"];
/// What a page can send to any site unasked. Source: Fetch standard, "CORS-safelisted request-header".
const SENT_UNASKED: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whose pages may call.
#[derive(Debug)]
struct Sites {
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// `router`, kept from pages of other sites than its own and those of `origins`. Where tokens are asked for it is as it
/// was: there is nothing that a page could abuse.
pub fn same_site<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    config: &ApiConfig,
    origins: &[String],
) -> Router<S> {
    match config.auth {
        Auth::Bearer(_) => router,
        Auth::Open => {
            let sites = Sites { hosts: config.allowed_hosts.clone(), origins: origins.to_vec() };
            router.layer(from_fn_with_state(Arc::new(sites), check_site))
        }
    }
}

async fn check_site(State(sites): State<Arc<Sites>>, request: Request, next: Next) -> Response {
    match sites.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Sites {
    fn check(&self, request: &Request) -> Result<(), Problem> {
        if PROBES.contains(&request.uri().path()) {
            return Ok(());
        }
        let headers = request.headers();
        let host = host_of(headers, request.uri())?;
        if let Some(host) = host
            && !self.serves(name_of(host))
        {
            return Err(Problem::forbidden("this host name is not served; name it in `allowed-hosts`"));
        }
        let is_ours = match headers.get(ORIGIN) {
            Some(origin) => {
                if !self.is_ours(origin.to_str().unwrap_or("null"), host) {
                    return Err(Problem::forbidden(
                        "pages of other origins may not call this; `allowed-origins` names those that may",
                    ));
                }
                true
            }
            None => false,
        };
        // The browser's own word; a link to the dashboard on another site's page is no harm.
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let follows_link = *request.method() == Method::GET && text(&SEC_FETCH_MODE) == Some("navigate");
        if !is_ours && !follows_link && matches!(text(&SEC_FETCH_SITE), Some("cross-site" | "same-site")) {
            return Err(Problem::forbidden("pages of other sites may not call this"));
        }
        if *request.method() == Method::POST && !is_ours && is_sent_unasked(headers) {
            return Err(Problem::unsupported_media_type(
                "a POST needs a content type that no form has, such as `application/json`",
            ));
        }
        Ok(())
    }

    fn serves(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }

    fn is_ours(&self, origin: &str, host: Option<&str>) -> bool {
        let at = origin.split_once("://").map(|(_, at)| at);
        let own = host.zip(at).is_some_and(|(host, at)| at.eq_ignore_ascii_case(host));
        own || self.origins.iter().any(|allowed| allowed == origin)
    }
}

fn is_sent_unasked(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.is_empty() || SENT_UNASKED.iter().any(|simple| simple.eq_ignore_ascii_case(essence))
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const HOST: (&str, &str) = ("host", "localhost:8080");
    const JSON: (&str, &str) = ("content-type", "application/json");

    fn allowed(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sites = Sites {
            hosts: vec!["rep.internal".to_owned()],
            origins: vec!["http://localhost:3001".to_owned()],
        };
        sites.check(&request.body(Body::empty()).unwrap()).is_ok()
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
    fn other_origins_call_nothing() {
        assert!(allowed("POST", &[HOST, JSON]));
        assert!(allowed("POST", &[HOST, JSON, ("origin", "http://localhost:8080")]));
        assert!(allowed("POST", &[HOST, JSON, ("origin", "http://localhost:3001")]));
        for origin in ["http://evil.example", "null", "http://localhost:9999"] {
            assert!(!allowed("POST", &[HOST, JSON, ("origin", origin)]), "{origin}");
            assert!(!allowed("GET", &[HOST, ("origin", origin), ("upgrade", "websocket")]), "{origin}");
            assert!(!allowed("GET", &[HOST, ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_known_without_its_origin() {
        let (cross, sibling) = (("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"));
        for site in [cross, sibling] {
            assert!(!allowed("GET", &[HOST, site, ("sec-fetch-mode", "no-cors")]), "an image, a script");
            assert!(allowed("GET", &[HOST, site, ("sec-fetch-mode", "navigate")]), "a link");
            assert!(!allowed("POST", &[HOST, JSON, site, ("sec-fetch-mode", "navigate")]), "a form");
        }
        for site in ["same-origin", "none"] {
            assert!(allowed("GET", &[HOST, ("sec-fetch-site", site)]), "{site}");
        }
        // A page that is allowed by name stays so.
        assert!(allowed("POST", &[HOST, JSON, sibling, ("origin", "http://localhost:3001")]));
    }

    #[test]
    fn what_a_form_sends_is_refused_unless_it_is_of_an_own_page() {
        let own = ("origin", "http://localhost:3001");
        assert!(!allowed("POST", &[HOST]));
        assert!(allowed("POST", &[HOST, own]));
        for kind in [
            "text/plain;charset=UTF-8",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ] {
            assert!(!allowed("POST", &[HOST, ("content-type", kind)]), "{kind}");
            assert!(allowed("POST", &[HOST, own, ("content-type", kind)]), "{kind}");
        }
        assert!(allowed("DELETE", &[HOST]), "asked for beforehand");
    }
}
