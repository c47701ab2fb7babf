//! Every door of a REP that asks for no token is closed to pages of other sites: all routes of all ports, as the OpenAPI
//! documents name them.

mod callers;
pub(crate) mod documents;
mod origins;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use self::documents::doors;
use super::support::{Rep, client, get, wait_until};

const PORTS: [&str; 7] = ["api", "notify", "simulator", "dashboard", "behaviour", "inventory", "embedder"];

fn status(agent: &Agent, method: &str, url: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = if matches!(method, "POST" | "PUT" | "PATCH") {
        agent.run(request.body("{}").unwrap())
    } else {
        agent.run(request.body(()).unwrap())
    };
    answer.unwrap_or_else(|error| panic!("{method} {url}: {error}")).status().as_u16()
}

#[test]
fn pages_of_other_sites_reach_no_route_of_any_port() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(folder.path(), &["--products", "5", "--no-simulator"]);
    let agent = client();
    let mut tried = 0;
    for door in doors(&rep, &agent).iter().filter(|door| !door.is_probe()) {
        let (method, url) = (door.method.as_str(), door.of("x"));
        let refused = |headers: &[(&str, &str)], expected: u16| {
            assert_eq!(status(&agent, method, &url, headers), expected, "{method} {url} {headers:?}");
        };
        let json = ("content-type", "application/json");
        refused(&[json, ("host", "evil.example")], 403);
        refused(&[json, ("origin", "http://evil.example")], 403);
        refused(&[json, ("origin", "null")], 403);
        refused(&[json, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], 403);
        refused(&[json, ("origin", "http://evil.example"), ("accept", "text/event-stream")], 403);
        if method == "POST" {
            refused(&[("content-type", "text/plain")], 415);
            refused(&[("content-type", "application/x-www-form-urlencoded")], 415);
        }
        tried += 1;
    }
    assert!(tried > 80, "only {tried} doors were found");
    // The API says under which trace id it refused, whichever port it is asked at.
    for at in [format!("{}/products", rep.url("api")), format!("{}/api/products", rep.url("dashboard"))] {
        let mut refused = agent.get(&at).header("origin", "http://evil.example").call().unwrap();
        let problem: Value = refused.body_mut().read_json().unwrap();
        let told = refused.headers()["x-trace-id"].to_str().unwrap();
        assert_eq!((&problem["status"], &problem["traceId"]), (&403.into(), &told.into()), "{at}");
    }
    // Nothing came of it, and our own page may do what it does.
    let control = rep.url("simulator");
    assert_eq!(get(&agent, &format!("{control}/simulator"))["state"], "stopped");
    let own = [("origin", control.as_str())];
    assert_eq!(status(&agent, "POST", &format!("{control}/simulator/stop"), &own), 200);
    let dashboard = rep.url("dashboard");
    let own = [("origin", dashboard.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(status(&agent, "POST", &format!("{dashboard}/api/simulator/stop"), &own), 200);
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    assert_eq!(status(&agent, "GET", &format!("{dashboard}/"), &link), 200, "a link to the dashboard");
    for (port, path) in
        [("dashboard", "/shop"), ("api", "/docs/"), ("simulator", "/simulator"), ("behaviour", "/metrics")]
    {
        let answer = agent.get(format!("{}{path}", rep.url(port))).call().unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{port}");
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{port}");
        if header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            assert!(header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{port}");
        }
    }
    assert!(rep.stop().success());
}

/// Sends `text` to the port at `url`, as it is.
fn connect(url: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

#[test]
fn methods_that_a_route_does_not_take_are_refused_with_those_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(folder.path(), &["--products", "5", "--no-simulator"]);
    let agent = client();
    for door in doors(&rep, &agent) {
        let url = door.of("x");
        let trace = Request::builder().method("TRACE").uri(&url).body(()).unwrap();
        let answer = agent.run(trace).unwrap();
        assert_eq!(answer.status(), 405, "TRACE {url}");
        let allowed = answer.headers()["allow"].to_str().unwrap();
        assert!(allowed.split(',').any(|allowed| allowed == door.method), "{url}: {allowed}");
    }
    for port in PORTS.map(|port| rep.url(port)) {
        let mut answer = String::new();
        let tunnel = "CONNECT example.com:443 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        connect(&port, tunnel).read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("\r\nallow: "), "{port}: {answer}");
    }
    let json = [("content-type", "application/json")];
    let dashboard = rep.url("dashboard");
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(status(&agent, method, &format!("{dashboard}/shop"), &json), 405, "{method} of a page");
    }
    assert!(rep.stop().success());
}

#[test]
fn bodies_share_a_budget() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(folder.path(), &["--products", "5", "--no-simulator"]);
    let agent = client();
    // Bodies that are said to be long and do not come, as many as there is room for.
    let embed = "POST /embed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let embedder = rep.url("embedder");
    let slow = format!("{embed}content-length: 1048576\r\n\r\n{{");
    let slow: Vec<TcpStream> = (0..128).map(|_| connect(&embedder, &slow)).collect();
    let embedded = || {
        let text = r#"{"texts": ["tent"], "kind": "query"}"#;
        let sent =
            agent.post(format!("{embedder}/embed")).header("content-type", "application/json").send(text);
        let answer = sent.unwrap();
        let again = answer.headers().get("retry-after").map(|seconds| seconds.to_str().unwrap().to_owned());
        (answer.status().as_u16(), again)
    };
    wait_until("bodies have no room", Duration::from_secs(10), || embedded() == (503, Some("1".to_owned())));
    drop(slow);
    wait_until("there is room again", Duration::from_secs(10), || embedded().0 == 200);
    assert!(rep.stop().success());
}

#[test]
fn every_port_has_a_rate() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(folder.path(), &["--products", "5", "--no-simulator", "--requests-rate", "20"]);
    let agent = client();
    for port in PORTS {
        let url = format!("{}/livez", rep.url(port));
        let refused = || status(&agent, "GET", &url, &[]) == 429;
        wait_until(&format!("{port} is asked too often"), Duration::from_secs(20), || {
            (0..400).any(|_| refused())
        });
    }
    assert!(rep.stop().success());
}
