//! Where tokens are asked for, each operation of each port serves whom its OpenAPI document names, and nobody else.

use std::process::Command;

use serde_json::json;
use ureq::Agent;
use ureq::http::Request;

use super::documents::{Door, doors};
use crate::support::cli::{command, run};
use crate::support::{Rep, client, up_args};

/// Who calls, for what concerns the shopper `ann`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    NoToken,
    BadToken,
    Ann,
    Ben,
    Operator,
}

use Caller::{Ann, BadToken, Ben, NoToken, Operator};

/// The status that `door` must refuse `caller` with; `None`: it must serve.
fn refusal(door: &Door, caller: Caller) -> Option<u16> {
    let callers = door.operation["x-rep-callers"].as_str();
    let callers = callers.unwrap_or_else(|| panic!("{} {} does not say who may call", door.method, door.url));
    match (callers, caller) {
        ("everybody", _) | (_, Operator) => None,
        (_, NoToken | BadToken) => Some(401),
        ("any-token" | "shopper" | "shopper-of-event", Ann) | ("any-token", Ben) => None,
        ("shopper", Ben) => Some(403),
        ("shopper-of-event", Ben) => Some(400),
        // Ports beside the API's know operators' tokens alone.
        ("operators", Ann | Ben) if is_of_api(door) => Some(403),
        ("operators", Ann | Ben) => Some(401),
        (other, _) => panic!("{} {}: nobody knows who `{other}` is", door.method, door.url),
    }
}

fn is_of_api(door: &Door) -> bool {
    match door.port {
        "api" | "notify" => true,
        "dashboard" => !door.path.starts_with("/simulator"),
        _ => false,
    }
}

fn ask(agent: &Agent, door: &Door, token: Option<&str>) -> u16 {
    let mut request = Request::builder().method(door.method.as_str()).uri(door.of("ann"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = if matches!(door.method.as_str(), "POST" | "PUT" | "PATCH") {
        // What has no meaning has no effect, but is judged after who sent it.
        let event = json!([{ "userId": "ann", "actionType": "SEARCH", "searchQuery": "tent" }]);
        let body = if door.path == "/events" { event } else { json!([]) };
        agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap())
    } else {
        agent.run(request.body(()).unwrap())
    };
    answer.unwrap_or_else(|error| panic!("{} {}: {error}", door.method, door.url)).status().as_u16()
}

#[test]
fn each_operation_serves_whom_its_document_names() {
    let folder = tempfile::tempdir().unwrap();
    let operator = run(folder.path(), &["token", "--operator"]).out.trim().to_owned();
    let config =
        format!("operator-token = \"{operator}\"\ntoken-secret = \"a secret that is long enough ......\"\n");
    std::fs::write(folder.path().join("rep.toml"), config).unwrap();
    let token_of = |user: &str| run(folder.path(), &["token", "--user", user]).out.trim().to_owned();
    let (ann, ben) = (token_of("ann"), token_of("ben"));
    let mut up: Command = command(folder.path());
    up.args(up_args(&folder.path().join("data"))).args(["--products", "5", "--no-simulator"]);
    let rep = Rep::spawn(up);
    let agent = client();
    let doors = doors(&rep, &agent);
    for door in &doors {
        let tokens = [
            (NoToken, None),
            (BadToken, Some("nonsense")),
            (Ann, Some(&ann)),
            (Ben, Some(&ben)),
            (Operator, Some(&operator)),
        ];
        for (caller, token) in tokens.map(|(caller, token): (_, Option<&str>)| (caller, token)) {
            let status = ask(&agent, door, token);
            match refusal(door, caller) {
                Some(expected) => assert_eq!(status, expected, "{} {} {caller:?}", door.method, door.url),
                None => assert!(
                    !matches!(status, 401 | 403 | 405 | 429 | 500..),
                    "{} {} {caller:?}: {status}",
                    door.method,
                    door.url
                ),
            }
        }
    }
    assert!(doors.len() > 100, "only {} doors were found", doors.len());
    assert!(rep.stop().success());
}
