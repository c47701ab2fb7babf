//! An erasure on servers: what a shopper left in Redis and Elasticsearch is gone, whatever it is called there.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::{servers, support};

use std::process::Command;
use std::time::Duration;

use redis::{Commands as _, Connection, Value as Reply};
use serde_json::{Value, json};
use servers::Servers;
use support::cli::run;
use support::{Rep, client, get, wait_drained, wait_until};

/// In the shopper's id, in what they searched for, and in every other text of theirs.
const CANARY: &str = "canary7f3a";
const ROLES: [&str; 5] = ["api", "notify", "behaviour", "inventory", "embedder"];

/// Everything that Redis keeps: each key, and its value as it is answered.
fn in_redis(redis: &mut Connection) -> Vec<String> {
    let keys: Vec<String> = redis.keys("*").unwrap();
    let mut found = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query(redis).unwrap();
        let mut read = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "zset" | "list" | "stream" => {
                let name = match kind.as_str() {
                    "zset" => "ZRANGE",
                    "list" => "LRANGE",
                    _ => "XRANGE",
                };
                let mut command = redis::cmd(name);
                command.arg(&key);
                if kind == "stream" {
                    command.arg("-").arg("+")
                } else {
                    command.arg(0).arg(-1)
                };
                found.push(texts(&key, &command.query(redis).unwrap()));
                continue;
            }
            // It went meanwhile.
            "none" => continue,
            other => panic!("a key of kind {other}: {key}"),
        };
        found.push(texts(&key, &read.arg(&key).query(redis).unwrap()));
    }
    found
}

/// `key`, and all that is text in `reply`.
fn texts(key: &str, reply: &Reply) -> String {
    let rest = match reply {
        Reply::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Array(parts) | Reply::Set(parts) => {
            parts.iter().map(|part| texts("", part)).collect::<Vec<_>>().join(" ")
        }
        Reply::Map(pairs) => pairs
            .iter()
            .map(|(one, other)| texts("", one) + " " + &texts("", other))
            .collect::<Vec<_>>()
            .join(" "),
        other => format!("{other:?}"),
    };
    format!("{key} {rest}")
}

/// Every document of every index.
fn in_elasticsearch(url: &str) -> Vec<String> {
    let agent = client();
    agent.post(format!("{url}/_refresh")).send_empty().unwrap();
    let found = get(&agent, &format!("{url}/_all/_search?size=1000&expand_wildcards=all"));
    let hits = found["hits"]["hits"].as_array().unwrap();
    assert!(hits.len() < 1_000, "there are more than one page shows");
    hits.iter().map(|hit| format!("{} {} {}", hit["_index"], hit["_id"], hit["_source"])).collect()
}

fn with_canary(entries: &[String]) -> Vec<&String> {
    entries.iter().filter(|entry| entry.contains(CANARY)).collect()
}

#[test]
fn nothing_of_an_erased_shopper_stays_in_redis_or_elasticsearch() {
    let servers = Servers::start(&["kafka", "registry", "elasticsearch", "redis"]);
    let folder = tempfile::tempdir().unwrap();
    let (search, redis_url) = (servers.address("REP_TEST_ELASTICSEARCH"), servers.address("REP_TEST_REDIS"));
    let stores = [
        format!("--log=kafka://{}", servers.address("REP_TEST_KAFKA")),
        format!("--registry={}", servers.address("REP_TEST_REGISTRY")),
        format!("--search={search}"),
        format!("--preferences={redis_url}"),
    ];
    let [log, registry, at_search, _] = &stores;
    run(folder.path(), &["topics", "apply", log, "--replication=1", "--min-in-sync=1"]).expect(0, &[]);
    run(folder.path(), &["schemas", "apply", log, registry]).expect(0, &[]);
    run(folder.path(), &["indices", "apply", at_search]).expect(0, &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rep"));
    command.arg("serve").args(ROLES).args(&stores).arg("--data-dir").arg(folder.path());
    ROLES.iter().for_each(|role| {
        command.args([format!("--{role}-port"), "0".to_owned()]);
    });
    let rep = Rep::spawn(command);
    let (agent, api) = (client(), rep.url("api"));
    let mut redis = redis::Client::open(redis_url).unwrap().get_connection().unwrap();

    let ask = |method: &str, path: &str, body: Value| {
        let request = ureq::http::Request::builder().method(method).uri(format!("{api}{path}"));
        let request = request.header("content-type", "application/json").body(body.to_string()).unwrap();
        let mut answer = agent.run(request).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {text}");
    };
    for (id, name) in [("tent", "Tent for two"), ("stove", "Stove"), ("lamp", "Head lamp")] {
        let product =
            json!({"name": name, "category": "Camping", "price": "100.00", "currency": "EUR", "stock": 9});
        ask("PUT", &format!("/products/{id}"), product);
    }
    let user = format!("{CANARY}-ann");
    let act = |kind: &str, product: Option<&str>, n: usize| {
        let mut event = json!({"userId": user, "actionType": kind, "traceId": format!("{CANARY}-{n}"),
                               "sessionId": format!("{CANARY}-visit"), "metadata": {"page": CANARY}});
        match product {
            Some(product) => event["productId"] = product.into(),
            None => event["searchQuery"] = format!("{CANARY} tent").into(),
        }
        ask("POST", "/events", event);
    };
    act("SEARCH", None, 0);
    act("ADD_TO_CART", Some("tent"), 1);
    act("DISLIKE", Some("lamp"), 2);
    act("PURCHASE", Some("stove"), 3);
    let settings = json!({"inApp": true, "push": true, "sms": true,
                          "kinds": {"priceDrop": true, "backInStock": true, "lowStock": true}});
    ask("PUT", &format!("/users/{user}/notification-settings"), settings);
    wait_drained(&agent, &api);
    // Interested shoppers are found once the index shows them: this refreshes it.
    wait_until("the index shows what the shopper did", Duration::from_secs(20), || {
        let found = in_elasticsearch(&search);
        with_canary(&found).iter().filter(|entry| entry.contains("user_behavior_index")).count() == 4
    });
    ask("PATCH", "/products/tent", json!({"price": "50.00"}));
    wait_until("the shopper is told", Duration::from_secs(20), || {
        let inbox = get(&agent, &format!("{api}/notifications?userId={user}"));
        !inbox["items"].as_array().unwrap().is_empty()
    });
    wait_drained(&agent, &api);
    wait_until("both stores know the shopper", Duration::from_secs(20), || {
        let indices: std::collections::HashSet<String> = with_canary(&in_elasticsearch(&search))
            .into_iter()
            .map(|entry| entry.split('-').next().unwrap().to_owned())
            .collect();
        // Behaviour, the backup of the preference, and what was delivered.
        indices.len() == 3 && !with_canary(&in_redis(&mut redis)).is_empty()
    });

    ask("DELETE", &format!("/users/{user}"), Value::Null);
    let (redis, search) = (in_redis(&mut redis), in_elasticsearch(&search));
    assert!(with_canary(&redis).is_empty(), "{:#?}", with_canary(&redis));
    assert!(with_canary(&search).is_empty(), "{:#?}", with_canary(&search));
    assert!(!redis.is_empty() && search.len() >= 3, "the others' things stay");
    assert!(rep.stop().success());
}
