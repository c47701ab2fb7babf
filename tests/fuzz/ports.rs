//! Every operation of the documents that the ports serve, with requests that are right and requests that are not: no
//! answer is a failure of the server, every refusal is a problem document, and the server lives.

use std::time::Instant;

use serde_json::Value;
use ureq::Agent;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};

use super::schema::{Schemas, anything};
use super::{Sent, agent, count, encoded, header, nth, one_in, pick, text_of};
use crate::doors::documents::{Door, doors};
use crate::support::{Random, Rep, seed};

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"];
const KINDS: [&str; 6] = [
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "",
    "*/*",
];

/// A request for `operation`.
fn request(door: &Door, random: &mut Random) -> Sent {
    let (schemas, described) = (Schemas { document: &door.document }, &door.operation);
    let (mut url, mut query, mut headers) = (door.url.clone(), Vec::new(), Vec::new());
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let required = parameter["required"] == true;
        if !required && one_in(random, 2) || required && parameter["in"] != "path" && one_in(random, 10) {
            continue;
        }
        let value = plain(&schemas.value(&parameter["schema"], random, 0));
        match parameter["in"].as_str().unwrap() {
            "path" => url = url.replace(&format!("{{{name}}}"), &encoded(&value)),
            "query" => {
                let times = if one_in(random, 12) { 2 } else { 1 };
                (0..times).for_each(|_| query.push(format!("{}={}", encoded(name), encoded(&value))));
            }
            _ => headers.push((name.to_owned(), value.chars().filter(char::is_ascii_graphic).collect())),
        }
    }
    if one_in(random, 10) {
        query.push(format!("fuzz{}={}", random.below(9), encoded(&plain(&anything(random, 0)))));
    }
    let body = described.get("requestBody").map(|body| of_body(body, &schemas, random, &mut headers));
    let method = if one_in(random, 15) { (*pick(random, &METHODS)).to_owned() } else { door.method.clone() };
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    Sent { method, url: format!("{url}{query}"), headers, body }
}

fn of_body(
    body: &Value,
    schemas: &Schemas<'_>,
    random: &mut Random,
    headers: &mut Vec<(String, String)>,
) -> String {
    let contents = body["content"].as_object().unwrap();
    let kinds: Vec<&String> = contents.keys().collect();
    let kind = *pick(random, &kinds);
    let said = if one_in(random, 12) { *pick(random, &KINDS) } else { kind.as_str() };
    headers.push((CONTENT_TYPE.to_string(), said.to_owned()));
    let mut text = schemas.value(&contents[kind]["schema"], random, 0).to_string();
    if kind.contains("ndjson") {
        let line = &contents.get("application/json").unwrap_or(&contents[kind])["schema"];
        let lines = (0..random.below(4)).map(|_| schemas.value(line, random, 1).to_string());
        text = lines.collect::<Vec<_>>().join("\n");
    }
    match random.below(20) {
        0 => text.truncate((0..text.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)),
        1 => text.push_str("}]"),
        2 => text.clear(),
        3 => text = "[".repeat(5_000),
        _ => {}
    }
    text
}

/// A value as it stands in an address.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What is wrong with an answer, if something is.
fn fault(door: &Door, sent: &Sent, agent: &Agent) -> Option<String> {
    let mut answer = sent.send(agent)?;
    let status = answer.status().as_u16();
    let kind = header(&answer, CONTENT_TYPE);
    let retries = !header(&answer, RETRY_AFTER).is_empty();
    let text = text_of(&mut answer);
    if status >= 500 && !(status == 503 && (retries || sent.url.ends_with("/readyz"))) {
        return Some(format!("status {status}: {text}"));
    }
    // An answer to HEAD has no body.
    if status >= 400 && sent.method != "HEAD" {
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        if !kind.starts_with("application/problem+json") || problem["status"] != status {
            return Some(format!("status {status} is no problem document: {kind}: {text:.300}"));
        }
    }
    if status >= 400 || sent.method != door.method {
        return None;
    }
    let Some(described) = door.operation["responses"].get(status.to_string()) else {
        return Some(format!("status {status} is not documented"));
    };
    let schema = &described["content"]["application/json"]["schema"];
    if schema.is_null() || !kind.starts_with("application/json") {
        return None;
    }
    let answer = serde_json::from_str(&text).unwrap_or_default();
    let differs = Schemas { document: &door.document }.differs(schema, &answer, "$")?;
    Some(format!("status {status} is not as documented: {differs}: {text:.300}"))
}

#[test]
fn whatever_is_asked_of_a_port_is_answered_and_refusals_are_problems() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(folder.path(), &["--products", "40", "--no-simulator"]);
    let agent = agent(3);
    let doors = doors(&rep, &agent);
    assert!(doors.len() > 80, "only {} operations were found", doors.len());
    let (seed, requests, began) = (seed(), count("REP_FUZZ_REQUESTS", 2_000), Instant::now());
    let mut faults = Vec::new();
    for number in 0..requests {
        let mut random = nth(seed, number);
        let door = pick(&mut random, &doors);
        let sent = request(door, &mut random);
        if let Some(fault) = fault(door, &sent, &agent) {
            faults.push(format!("request {number}: {fault}\n  {sent:.600?}"));
        }
        if number % 50 == 0 {
            // What starts traffic is no part of this.
            let stop = format!("{}/simulator/stop", rep.url("simulator"));
            agent.post(&stop).content_type("application/json").send("{}").unwrap();
        }
    }
    let took = began.elapsed();
    println!("{requests} requests to {} operations in {took:.1?}, {} faults", doors.len(), faults.len());
    assert!(faults.is_empty(), "REP_TEST_SEED={seed}\n{}", faults[..faults.len().min(10)].join("\n"));
    assert_eq!(agent.get(format!("{}/livez", rep.url("api"))).call().unwrap().status(), 200);
    assert!(rep.stop().success());
}
