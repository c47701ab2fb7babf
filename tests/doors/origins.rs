//! Pages of origins that are named reach the API and the notification service, and no other port.

use serde_json::{Value, json};

use super::{PORTS, status};
use crate::support::{Rep, client};

const SHOP: &str = "https://shop.example";

#[test]
fn pages_of_named_origins_reach_the_api_and_notify_alone() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(folder.path(), &["--products", "5", "--no-simulator", "--allowed-origins", SHOP]);
    let agent = client();
    for port in PORTS {
        let path = match port {
            "simulator" => "/simulator",
            "dashboard" => "/api/products",
            _ => "/metrics",
        };
        let url = format!("{}{path}", rep.url(port));
        let expected = if ["api", "notify"].contains(&port) { 200 } else { 403 };
        let answer = agent.get(&url).header("origin", SHOP).call().unwrap();
        assert_eq!(answer.status(), expected, "{url}");
        let told = answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(told, (expected == 200).then_some(SHOP), "{url}");
        assert_eq!(status(&agent, "GET", &url, &[("origin", "https://evil.example")]), 403, "{url}");
    }
    let events = format!("{}/events", rep.url("api"));
    let text = ("content-type", "text/plain;charset=UTF-8");
    assert_eq!(status(&agent, "POST", &events, &[text, ("origin", "https://evil.example")]), 403);
    assert_eq!(status(&agent, "POST", &events, &[text]), 415);
    let event = json!({ "userId": "u", "actionType": "SEARCH", "searchQuery": "tent" }).to_string();
    let mut beacon = agent.post(&events).header("origin", SHOP).header(text.0, text.1).send(event).unwrap();
    let taken: Value = beacon.body_mut().read_json().unwrap();
    assert_eq!((beacon.status().as_u16(), &taken["results"][0]["status"]), (202, &"accepted".into()));
    assert!(rep.stop().success());
}
