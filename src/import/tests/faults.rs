//! What fails on the way: nothing is lost, and nothing is taken for accepted that is not.

use std::time::{Duration, Instant};

use super::double::{Double, Step};
use super::{args, done, file, import};
use crate::import::args::{ImportArgs, Kind};

fn events(count: usize) -> String {
    let line = |n| format!("{{\"userId\":\"u{}\",\"actionType\":\"CLICK\",\"productId\":\"p{n}\"}}\n", n % 7);
    (0..count).map(line).collect()
}

fn products(count: usize) -> String {
    let header = "productId,name,category,price,currency,stock\n".to_owned();
    (0..count).fold(header, |text, n| text + &format!("p{n},Name {n},Cups,1.50,EUR,{n}\n"))
}

#[test]
fn every_fault_on_the_way_leaves_each_event_once() {
    use Step::{CutAfter, CutBefore, CutWithin, Status};
    let steps = [
        CutBefore,
        Status(503, Some("0")),
        CutAfter,
        CutWithin,
        Status(429, None),
        Status(504, None),
        Status(409, Some("0")),
    ];
    let double = Double::start(steps);
    let (_folder, path) = file("events.jsonl", events(95).as_bytes());
    let outcome = done(&ImportArgs { batch: 10, ..args(&path, &double.url) });
    let seen = double.seen();
    assert_eq!(seen.effects.len(), 95);
    assert!(seen.effects.values().all(|(_, effects)| *effects == 1));
    // The batch whose answers were cut was known when it came again.
    assert_eq!((outcome.kind, outcome.accepted, outcome.duplicates), (Some(Kind::Events), 85, 10));
    assert_eq!((outcome.refused, outcome.unconfirmed, outcome.exit_status()), (0, 0, 0));
    // An attempt made again has the same key; another batch has another one.
    let keys: Vec<_> = seen.requests.iter().map(|(headers, _)| headers["idempotency-key"].clone()).collect();
    assert!(keys[..8].iter().all(|key| *key == keys[0]));
    assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 10);
}

#[test]
fn the_same_import_twice_has_no_second_effect() {
    let double = Double::start([]);
    let (_folder, path) = file("events.jsonl", events(30).as_bytes());
    assert_eq!(done(&args(&path, &double.url)).accepted, 30);
    let second = done(&args(&path, &double.url));
    assert_eq!((second.accepted, second.duplicates, second.exit_status()), (0, 30, 0));
    // Grown at its end: only what is new.
    std::fs::write(&path, events(33)).unwrap();
    let third = done(&ImportArgs { batch: 7, ..args(&path, &double.url) });
    assert_eq!((third.accepted, third.duplicates), (3, 30));
    // By another source's name they are other events.
    let named = ImportArgs { source_name: Some("shop-b".into()), ..args(&path, &double.url) };
    assert_eq!((done(&named).accepted, done(&named).duplicates), (33, 33));
}

#[test]
fn an_api_that_stays_away_leaves_the_rest_unconfirmed() {
    let steps = std::iter::repeat_n(Step::Status(503, None), 50);
    let double = Double::start(steps);
    let (_folder, path) = file("events.jsonl", events(25).as_bytes());
    let args = ImportArgs { batch: 10, retry_for: Duration::from_millis(500), ..args(&path, &double.url) };
    let (outcome, result) = import(&args);
    let message = format!("{:#}", result.unwrap_err());
    assert!(message.contains("503: as told") && message.contains("line 1 to 10"), "{message}");
    assert_eq!((outcome.accepted, double.seen().effects.len()), (0, 0));
    assert_eq!(outcome.unconfirmed, 11);
}

#[test]
fn a_longer_wait_than_allowed_is_not_waited_for() {
    let double = Double::start([Step::Status(429, Some("3600"))]);
    let (_folder, path) = file("events.jsonl", events(1).as_bytes());
    let began = Instant::now();
    let (_, result) = import(&args(&path, &double.url));
    assert!(format!("{:#}", result.unwrap_err()).contains("asks for 3600 s"));
    assert!(began.elapsed() < Duration::from_secs(600), "an hour was not waited for");
}

#[test]
fn an_answer_for_fewer_items_is_believed_for_none() {
    let double = Double::start([Step::OneShort]);
    let (_folder, path) = file("products.csv", products(5).as_bytes());
    let (outcome, result) = import(&args(&path, &double.url));
    assert!(format!("{:#}", result.unwrap_err()).contains("4 results for 5 items"));
    assert_eq!((outcome.accepted, outcome.unconfirmed), (0, 5));
}

#[test]
fn what_no_retry_mends_fails_at_once() {
    for (status, part) in
        [(401, "REP_TOKEN"), (404, "is it a REP API?"), (400, "as told"), (307, "redirects")]
    {
        let double = Double::start([Step::Status(status, None)]);
        let (_folder, path) = file("products.csv", products(2).as_bytes());
        let (outcome, result) = import(&args(&path, &double.url));
        let message = format!("{:#}", result.unwrap_err());
        assert!(message.contains(part), "{message}");
        assert_eq!((outcome.unconfirmed, double.seen().requests.len()), (2, 1));
    }
}

#[test]
fn an_api_that_is_not_there_is_named() {
    let (_folder, path) = file("products.csv", products(2).as_bytes());
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = ImportArgs { retry_for: Duration::ZERO, ..args(&path, &format!("http://{unused}/")) };
    let message = format!("{:#}", import(&gone).1.unwrap_err());
    assert!(message.contains("is `rep up` running?") && message.contains(&unused.to_string()), "{message}");
    for bad in ["localhost:8080", "ftp://x", "http://", ""] {
        assert!(import(&args(&path, bad)).1.is_err(), "{bad}");
    }
}

#[test]
fn refusals_of_the_api_are_reported_with_their_lines() {
    let double = Double::start([]);
    double.seen().refuse = vec!["p1".into()];
    let text = products(3) + "p9,Broken,Cups,\"1,50\",EUR,1\n";
    let (folder, path) = file("products.csv", text.as_bytes());
    let rejects = folder.path().join("rejects.jsonl");
    let mut args = ImportArgs { rejects: Some(rejects.clone()), ..args(&path, &double.url) };
    args.api.token = "secret".parse().ok();
    let outcome = done(&args);
    assert_eq!((outcome.accepted, outcome.refused, outcome.exit_status()), (2, 2, 2));
    let kept: Vec<serde_json::Value> = std::fs::read_to_string(rejects)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // The importer's own refusals come first: the API answers for a batch at a time.
    assert_eq!((&kept[0]["line"], &kept[1]["line"]), (&5.into(), &3.into()));
    assert_eq!(kept[1]["raw"], "p1,Name 1,Cups,1.50,EUR,1");
    assert_eq!(kept[1]["errors"][0]["message"], "is not wanted");
    assert!(kept[0]["errors"][0]["message"].as_str().unwrap().contains("write `1.50`"));
    let seen = double.seen();
    let headers = &seen.requests[0].0;
    assert_eq!(
        (&headers["authorization"], &headers["content-type"]),
        (&"Bearer secret".parse().unwrap(), &"application/x-ndjson".parse().unwrap())
    );
}

#[test]
fn a_point_between_thousands_is_refused_in_every_line() {
    let double = Double::start([]);
    let text = "productId,name,category,price,currency,stock\n\
                a,Sofa,Sofas,1.290,EUR,3\nk,Sofa,Sofas,129.000,KRW,3\nx,Sofa,Sofas,19.90,ABC,3\nb,Sofa,Sofas,1290,EUR,3\n";
    let (folder, path) = file("products.csv", text.as_bytes());
    let rejects = folder.path().join("rejects.jsonl");
    let outcome = done(&ImportArgs { rejects: Some(rejects.clone()), ..args(&path, &double.url) });
    assert_eq!((outcome.accepted, outcome.refused, outcome.exit_status()), (1, 3, 2));
    assert_eq!(double.seen().effects["b"].0["price"], "1290.00");
    let kept = std::fs::read_to_string(rejects).unwrap();
    for part in ["write `1290` if", "write `129000` if", "got `ABC`"] {
        assert!(kept.contains(part), "{kept}");
    }
    let line = |price: &str| {
        format!(
            "{{\"productId\":\"j\",\"name\":\"n\",\"category\":\"c\",\"price\":{price},\"currency\":\"EUR\",\"stock\":1}}\n"
        )
    };
    let refused = [
        "1.290",
        "1.29",
        "19.9",
        "1e3",
        "1290",
        "\"1.290\"",
        "\"1,29\"",
        "\"1e3\"",
        "\"+5\"",
        "\"19.\"",
        "\".5\"",
    ];
    let (_folder, path) = file("products.jsonl", refused.map(line).concat().as_bytes());
    let outcome = done(&args(&path, &double.url));
    assert_eq!((outcome.accepted, outcome.refused), (0, refused.len() as u64));
}

#[test]
fn a_batch_without_a_valid_event_is_refused_item_by_item() {
    let double = Double::start([]);
    double.seen().refuse_all = true;
    let (folder, path) = file("events.jsonl", events(250).as_bytes());
    let rejects = folder.path().join("rejects.jsonl");
    let outcome = done(&ImportArgs { rejects: Some(rejects.clone()), ..args(&path, &double.url) });
    assert_eq!((outcome.accepted, outcome.refused, double.seen().requests.len()), (0, 250, 3));
    let kept = std::fs::read_to_string(rejects).unwrap();
    assert_eq!(kept.lines().filter(|line| line.contains("\"field\":\"userId\"")).count(), 250);
}

#[test]
fn a_batch_that_is_too_large_is_halved() {
    let double = Double::start([]);
    double.seen().items_max = Some(3);
    let (_folder, path) = file("products.csv", products(10).as_bytes());
    assert_eq!(done(&args(&path, &double.url)).accepted, 10);
    double.seen().items_max = Some(0);
    let outcome = done(&args(&path, &double.url));
    assert_eq!((outcome.accepted, outcome.refused), (0, 10));
}

#[test]
fn a_limit_is_kept() {
    let double = Double::start([]);
    let (_folder, path) = file("events.jsonl", events(30).as_bytes());
    assert_eq!(done(&ImportArgs { limit: Some(12), ..args(&path, &double.url) }).read, 12);
    assert_eq!(double.seen().effects.len(), 12);
}
