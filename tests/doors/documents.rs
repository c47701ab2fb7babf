//! What each port serves, as its OpenAPI document says.

use std::sync::Arc;

use serde_json::Value;
use ureq::Agent;

use crate::support::{Rep, get};

/// One operation at one port.
pub(crate) struct Door {
    /// The service that the port is of.
    pub(crate) port: &'static str,
    pub(crate) method: String,
    /// Where it is, with `{…}` for parameters.
    pub(crate) url: String,
    /// Its path in the document.
    pub(crate) path: String,
    /// What the document says of it.
    pub(crate) operation: Value,
    pub(crate) document: Arc<Value>,
}

impl Door {
    /// Its address for what concerns `shopper`: a word in the place of each other parameter that it needs.
    pub(crate) fn of(&self, shopper: &str) -> String {
        let id = match self.path.split('/').nth(1) {
            Some("users") => shopper,
            Some("dead-letters") => "0-0",
            _ => "x",
        };
        let mut url = self.url.replace("{topic}", "user.action.v1").replace("{id}", id);
        assert!(!url.contains('{'), "{url} has a parameter that nobody fills in");
        let parameters = self.operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let value = match name {
                "userId" => shopper,
                _ if parameter["required"] == true => "x",
                _ => continue,
            };
            let mark = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{mark}{name}={value}");
        }
        url
    }

    /// Whether it says how the process is, to everybody.
    pub(crate) fn is_probe(&self) -> bool {
        ["/livez", "/readyz"].contains(&self.path.as_str())
    }
}

/// All operations of all ports.
pub(crate) fn doors(rep: &Rep, agent: &Agent) -> Vec<Door> {
    let document = |port: &str| Arc::new(get(agent, &format!("{}/openapi.json", rep.url(port))));
    let mut doors = Vec::new();
    for port in ["api", "notify", "simulator", "behaviour", "inventory", "embedder"] {
        doors.extend(documented(&document(port), port, &rep.url(port)));
    }
    // The dashboard has the API's and the simulator's routes below `/api`, and pages beside them.
    let dashboard = rep.url("dashboard");
    let below = format!("{dashboard}/api");
    doors.extend(documented(&document("api"), "dashboard", &below));
    let simulator = documented(&document("simulator"), "dashboard", &below).into_iter();
    doors.extend(simulator.filter(|door| door.path.starts_with("/simulator")));
    doors.extend(["/", "/shop"].map(|page| Door {
        port: "dashboard",
        method: "GET".to_owned(),
        url: format!("{dashboard}{page}"),
        path: page.to_owned(),
        operation: serde_json::json!({ "x-rep-callers": "everybody", "responses": { "200": {} } }),
        document: Arc::default(),
    }));
    doors
}

fn documented(document: &Arc<Value>, port: &'static str, base: &str) -> Vec<Door> {
    let mut doors = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            doors.push(Door {
                port,
                method: method.to_uppercase(),
                url: format!("{base}{path}"),
                path: path.clone(),
                operation: operation.clone(),
                document: document.clone(),
            });
        }
    }
    doors
}
