//! What operators do with a running REP: tail, dead letters, tokens, doctor, import.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rep_backends::{ConnectConfig, SystemClock, open_data_dir};
use rep_core::avro::Event;
use rep_core::ports::log::NewRecord;
use rep_core::{ActionType, Clock, ModelId, Timestamp, Topic, TraceId, UserAction, UserId};
use serde_json::{Value, json};

use support::cli::{Ran, command, ran, run};
use support::{Rep, client, get, up_args, wait_drained, wait_until};

const SMALL: [&str; 3] = ["--products", "50", "--no-simulator"];
const ACTIONS: &str = "user.action.v1";
/// A record may be 1 MiB long, its key `ann` included.
const HUGE_BYTES: usize = (1 << 20) - 3;

/// Runs `rep ARGS --api-url …` against `rep`.
fn ask(folder: &Path, rep: &Rep, args: &[&str]) -> Ran {
    run(folder, &[args, &["--api-url", &rep.url("api")]].concat())
}

fn lines(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn click(api: &str, user: &str, trace: &str) {
    let event = json!({"traceId": trace, "userId": user, "actionType": "CLICK", "productId": "p-000001"});
    assert_eq!(client().post(&format!("{api}/events")).send_json(event).unwrap().status(), 202);
}

#[test]
fn tail_shows_what_was_and_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(&folder.path().join("data"), &SMALL);
    let api = rep.url("api");
    for n in 0..6 {
        click(&api, ["ann", "ben"][n % 2], &format!("t-{n}"));
    }
    let tail = |more: &[&str]| ask(folder.path(), &rep, &[&["tail", ACTIONS, "--no-follow"], more].concat());
    assert_eq!(lines(&tail(&["--json", "--from-beginning"])).len(), 6);
    let last = lines(&tail(&["--json", "--last", "2", "--user", "ann"]));
    assert_eq!(
        last.iter().map(|l| l["event"]["traceId"].as_str().unwrap()).collect::<Vec<_>>(),
        ["t-2", "t-4"]
    );
    let people = tail(&["--last", "1"]);
    assert!(people.out.contains(" ben ") && people.out.contains("CLICK p-000001"), "{}", people.out);
    wait_drained(&client(), &api);
    ask(folder.path(), &rep, &["tail"]).expect(0, &["user.action.v1.dlq", "behaviour 0"]);
    tail(&["--last", "0"]).expect(2, &["--last"]);
    ask(folder.path(), &rep, &["tail", "user.action"])
        .expect(1, &["no topic `user.action`", "`user.action.v1`"]);

    let mut live = command(folder.path())
        .args(["tail", ACTIONS, "--json", "--user", "cem", "--api-url", &api])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(live.stdout.take().unwrap());
    // It hears what comes once it listens, so events are sent until it does.
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    });
    let mut sent = 0;
    wait_until("the event is heard", Duration::from_secs(20), || {
        click(&api, "ben", &format!("ben-{sent}"));
        click(&api, "cem", &format!("cem-{sent}"));
        sent += 1;
        std::thread::sleep(Duration::from_millis(50));
        reader.is_finished()
    });
    let heard: Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
    assert_eq!(heard["event"]["userId"], "cem");
    live.kill().unwrap();
    live.wait().unwrap();
    assert!(rep.stop().success());
}

#[test]
fn without_a_running_rep_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["tail", ACTIONS][..], &["tail"], &["dlq", "list"], &["dlq", "replay", "0-0"]] {
        let came = run(folder.path(), &[args, &["--api-url", "http://127.0.0.1:9"]].concat());
        came.expect(1, &["no REP API answers at http://127.0.0.1:9", "is `rep up` running?", "--api-url"]);
    }
    std::fs::write(folder.path().join("rep.toml"), "api-port = 9").unwrap();
    run(folder.path(), &["dlq", "list"]).expect(1, &["http://127.0.0.1:9"]);
    std::fs::write(folder.path().join("rep.toml"), "api-port = 0").unwrap();
    run(folder.path(), &["dlq", "list"]).expect(1, &["free port", "--api-url"]);
}

#[test]
fn a_data_directory_of_another_model_opens_and_is_embedded_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, agent) = (folder.path().join("data"), client());
    for (arguments, model) in
        [(&["--model", "all-MiniLM-L6-v2"][..], "all-MiniLM-L6-v2"), (&[], "multilingual-e5-small-q4")]
    {
        let rep = Rep::start(&data, &[&SMALL, arguments].concat());
        let api = rep.url("api");
        wait_until("every product has a vector", Duration::from_secs(900), || {
            get(&agent, &format!("{api}/status"))["products"]["embedded"] == 50
        });
        assert_eq!(get(&agent, &format!("{api}/status"))["model"]["id"], model);
        assert_eq!(get(&agent, &format!("{api}/products/p-000001/similar"))["strategy"], "similar");
        assert!(rep.stop().success());
    }
}

fn action(trace: &str, at: Timestamp) -> UserAction {
    UserAction {
        trace_id: TraceId::new(trace).unwrap(),
        user_id: UserId::new("ann").unwrap(),
        action_type: ActionType::Search,
        product_id: None,
        search_query: Some("a tent".to_owned()),
        session_id: None,
        timestamp: at,
        metadata: Default::default(),
    }
}

/// Appends to the log of a data directory that no process uses.
fn append(data: &Path, records: impl FnOnce(&rep_core::avro::Codec) -> Vec<Vec<u8>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config =
            ConnectConfig::new(data.to_owned(), ModelId::new("multilingual-e5-small-q4").unwrap(), 384);
        let backends = open_data_dir(&config, Arc::new(SystemClock) as Arc<dyn Clock>).unwrap();
        let key = Bytes::from_static(b"ann");
        let records = records(&backends.codec).into_iter();
        let records = records.map(|value| NewRecord::new(key.clone(), value)).collect();
        backends.log.append(Topic::UserAction, records).await.unwrap();
    });
}

#[test]
fn a_truncated_record_is_parked_and_its_partition_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(Rep::start(&data, &SMALL).stop().success());
    let now = SystemClock.now();
    append(&data, |codec| {
        let good = |trace: &str| codec.encode(&action(trace, now)).unwrap();
        assert_eq!(action("t", now).key(), b"ann");
        let mut cut = good("cut");
        cut.truncate(cut.len() / 2);
        // As long as a record can be: wrapped into a dead letter it would be too long.
        let huge = vec![0xff; HUGE_BYTES];
        vec![good("before"), cut, huge, good("after")]
    });
    let rep = Rep::start(&data, &SMALL);
    let (agent, api) = (client(), rep.url("api"));
    wait_drained(&agent, &api);
    wait_until("the good ones are documents", Duration::from_secs(20), || {
        let history = get(&agent, &format!("{api}/users/ann/history"));
        history["items"].as_array().is_some_and(|items| items.len() == 2)
    });
    let list = ask(folder.path(), &rep, &["dlq", "list", "--json"]);
    let list = &lines(&list)[0];
    assert_eq!(list["total"], 2);
    let letters = list["items"].as_array().unwrap();
    let of =
        |reason: &str| letters.iter().find(|l| l["reason"] == reason).unwrap_or_else(|| panic!("{list}"));
    let (cut, huge) = (of("MALFORMED"), of("BAD_MAGIC"));
    assert_eq!((&cut["topic"], &cut["offset"], &cut["key"]), (&json!(ACTIONS), &json!(1), &json!("ann")));
    assert_eq!((&huge["offset"], &huge["payloadBytes"]), (&json!(2), &json!(HUGE_BYTES)));
    assert_eq!(huge["cutFromSha256"].as_str().unwrap().len(), 64);
    ask(folder.path(), &rep, &["dlq", "list", "--reason", "MALFORMED"]).expect(0, &["user.action.v1/", "@1"]);
    ask(folder.path(), &rep, &["dlq", "list", "--reason", "PANIC"]).expect(0, &["no dead letter matches"]);

    let id = cut["id"].as_str().unwrap();
    ask(folder.path(), &rep, &["dlq", "show", id]).expect(0, &["MALFORMED", "offset 1", "cannot be decoded"]);
    let tail =
        ask(folder.path(), &rep, &["tail", ACTIONS, "--user", "ann", "--from-beginning", "--no-follow"]);
    tail.expect(0, &["SEARCH \"a tent\"", "cannot be decoded: MALFORMED"]);
    ask(folder.path(), &rep, &["tail", "user.action.v1.dlq", "--last", "5", "--no-follow"])
        .expect(0, &["MALFORMED"]);

    // A replay would be dead-lettered again: refused, unless it is wanted.
    ask(folder.path(), &rep, &["dlq", "replay", "--all"])
        .expect(1, &["dead-lettered again", "0 replayed, 2 not"]);
    ask(folder.path(), &rep, &["dlq", "replay", id, "--force"]).expect(0, &["1 replayed, 0 not"]);
    wait_until("it is dead-lettered again", Duration::from_secs(20), || {
        get(&agent, &format!("{api}/dead-letters"))["total"] == 3
    });
    assert!(rep.stop().success());
}

#[test]
fn a_replay_of_what_had_its_effect_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(Rep::start(&data, &SMALL).stop().success());
    // Seconds taken for milliseconds: no possible time; the same event came with the right one by another way.
    let old = Timestamp::from_ms(SystemClock.now().as_ms() / 1000);
    append(&data, |codec| vec![codec.encode(&action("late", old)).unwrap()]);
    let rep = Rep::start(&data, &SMALL);
    let (agent, api) = (client(), rep.url("api"));
    wait_until("it is parked", Duration::from_secs(20), || {
        get(&agent, &format!("{api}/dead-letters"))["total"] == 1
    });
    let event = json!({"traceId": "late", "userId": "ann", "actionType": "SEARCH", "searchQuery": "a tent"});
    assert_eq!(agent.post(&format!("{api}/events")).send_json(event).unwrap().status(), 202);
    let count = || get(&agent, &format!("{api}/users/ann/preference"))["actionCount"].as_u64();
    wait_drained(&agent, &api);
    assert_eq!(count(), Some(1));
    let letters = get(&agent, &format!("{api}/dead-letters"));
    let id = letters["items"][0]["id"].as_str().unwrap();
    ask(folder.path(), &rep, &["dlq", "show", id]).expect(0, &["INVALID", "timestamp", "\"late\""]);
    ask(folder.path(), &rep, &["dlq", "replay", id]).expect(1, &["timestamp"]);
    ask(folder.path(), &rep, &["dlq", "replay", id, id, "--force"]).expect(0, &["2 replayed"]);
    wait_drained(&agent, &api);
    assert_eq!(count(), Some(1));
    assert!(rep.stop().success());
}

#[test]
fn tokens_are_made_and_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["token", "--user", "ann"])
        .expect(1, &["no `token-secret` is configured", "REP_TOKEN_SECRET"]);
    run(folder.path(), &["token"]).expect(2, &["--user", "--operator"]);
    run(folder.path(), &["token", "--user", "ann", "--ttl", "9000d"]).expect(2, &["--ttl"]);
    let operator = run(folder.path(), &["token", "--operator"]);
    operator.expect(0, &["operator-token"]);
    let operator = operator.out.trim().to_owned();
    assert!(operator.len() >= 60 && operator != run(folder.path(), &["token", "--operator"]).out.trim());

    let config =
        format!("operator-token = \"{operator}\"\ntoken-secret = \"a secret that is long enough ......\"\n");
    std::fs::write(folder.path().join("rep.toml"), config).unwrap();
    let shown = run(folder.path(), &["config", "show"]);
    assert!(shown.out.contains("(not shown)") && !shown.out.contains(&operator), "{}", shown.out);
    let mut up: Command = command(folder.path());
    up.args(up_args(&folder.path().join("data"))).args(SMALL);
    let rep = Rep::spawn(up);
    let (agent, api) = (client(), rep.url("api"));
    let status = |path: &str, token: &str| {
        let request = agent.get(&format!("{api}{path}")).header("Authorization", format!("Bearer {token}"));
        request.call().unwrap().status().as_u16()
    };
    let ann = run(folder.path(), &["token", "--user", "ann", "--ttl", "5m"]);
    ann.expect(0, &["."]);
    let ann = ann.out.trim();
    assert_eq!(status("/recommendations?userId=ann", ann), 200);
    assert_eq!(status("/recommendations?userId=ben", ann), 403);
    assert_eq!(status("/topics", ann), 403);
    assert_eq!(status("/topics", &operator), 200);
    assert_eq!(status("/topics", "nonsense"), 401);
    // What stands beside the API is the operators'.
    let simulator = rep.url("simulator");
    assert_eq!(agent.get(&format!("{simulator}/simulator")).call().unwrap().status(), 401);
    assert_eq!(agent.get(&format!("{simulator}/livez")).call().unwrap().status(), 200);

    // The configuration's own token is used where none is given.
    ask(folder.path(), &rep, &["tail"]).expect(0, &[ACTIONS]);
    let elsewhere = tempfile::tempdir().unwrap();
    ask(elsewhere.path(), &rep, &["tail"]).expect(1, &["wants an operator's token", "REP_TOKEN"]);
    ask(elsewhere.path(), &rep, &["tail", "--token", ann]).expect(1, &["wants an operator's token"]);
    ask(elsewhere.path(), &rep, &["tail", "--token", &operator]).expect(0, &[ACTIONS]);
    assert!(rep.stop().success());
}

#[test]
fn doctor_finds_nothing_in_the_way_of_what_starts() {
    let folder = tempfile::tempdir().unwrap();
    let ports = ["--port-offset", "21000"];
    let fresh = run(folder.path(), &[&["doctor", "--json"][..], &ports].concat());
    assert_eq!(fresh.code, Some(0), "{}{}", fresh.out, fresh.err);
    let report: Value = serde_json::from_str(&fresh.out).unwrap();
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    for name in
        ["configuration", "api", "ports", "onnx runtime", "model", "data directory", "disk", "open files"]
    {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!folder.path().join(".rep").exists(), "it leaves nothing behind");
    let data = folder.path().join("data");
    assert!(Rep::start(&data, &SMALL).stop().success());
    let used = [&["doctor", "--data-dir", data.to_str().unwrap()][..], &ports].concat();
    run(folder.path(), &used)
        .expect(0, &["can be read and written", "embeds a text into 384 dimensions", "1."]);
    assert!(Rep::start(&data, &SMALL).stop().success());
    let nowhere = run(folder.path(), &[&["doctor", "--data-dir", "/proc/nowhere"][..], &ports].concat());
    nowhere.expect(1, &["problem  data directory", "cannot be written", "--data-dir"]);
}

#[test]
fn a_shop_of_ones_own_has_no_invented_traffic_and_import_passes_warnings_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/samples");
    let rep = Rep::start(&data, &["--products", "0", "--no-simulator"]);
    let sample = |name: &str| samples.join(name).to_str().unwrap().to_owned();
    ask(folder.path(), &rep, &["import", &sample("products.csv")]).expect(0, &["accepted"]);
    let events = folder.path().join("events.jsonl");
    std::fs::write(&events, "{\"userId\":\"ann\",\"actionType\":\"CLICK\",\"productId\":\"ghost\"}\n")
        .unwrap();
    let imported = ask(folder.path(), &rep, &["import", events.to_str().unwrap()]);
    imported.expect(0, &["line 1: warning: product `ghost` is not in the catalogue", "with warnings"]);
    // The controls refuse it too.
    let start = format!("{}/simulator/start", rep.url("simulator"));
    let mut refused = client().post(&start).send_json(json!({})).unwrap();
    let problem: Value = refused.body_mut().read_json().unwrap();
    assert_eq!(problem["status"], 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("invented products"), "{problem}");
    assert!(rep.stop().success());

    let mut up = command(folder.path());
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    up.args(up_args(&data)).args(["--rate", "500"]).stderr(log);
    let rep = Rep::spawn(up);
    let status = get(&client(), &format!("{}/status", rep.url("api")));
    assert_eq!(status["simulator"]["state"], "stopped");
    assert!(rep.stop().success());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("no simulated traffic"), "{log}");
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let rep = Rep::start(&data, &["--products", "5", "--no-simulator"]);
    assert!(rep.stop().success());
    let (mut folders, mut files) = (vec![data], 0);
    while let Some(path) = folders.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
        if metadata.is_dir() {
            folders.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files += 1;
        }
    }
    assert!(files > 5, "only {files} files");
}

/// A shopper, what they did how many seconds ago, and why they are told in the end.
type Timeline = (&'static str, &'static [(&'static str, u64)], Option<&'static str>);

/// A file of the past leads to the same interest whether its newest or its oldest events come first.
#[test]
fn a_file_sorted_newest_first_gives_the_same_interest() {
    const HOUR: u64 = 3_600;
    let folder = tempfile::tempdir().unwrap();
    let rep = Rep::start(&folder.path().join("data"), &["--products", "0", "--no-simulator"]);
    let (agent, api) = (client(), rep.url("api"));
    let product = json!({
        "productId": "rope", "name": "Rope", "category": "Climbing", "price": "100.00", "currency": "EUR", "stock": 9,
    });
    assert_eq!(agent.put(&format!("{api}/products/rope")).send_json(product).unwrap().status(), 201);
    let timelines: [Timeline; 6] = [
        ("bought", &[("VIEW", 9 * HOUR), ("ADD_TO_CART", 8 * HOUR), ("PURCHASE", 7 * HOUR)], None),
        ("again", &[("PURCHASE", 9 * HOUR), ("ADD_TO_CART", 8 * HOUR)], Some("CARTED")),
        ("gave-up", &[("CLICK", 9 * HOUR), ("ADD_TO_CART", 8 * HOUR), ("REMOVE_FROM_CART", 7 * HOUR)], None),
        (
            "wished",
            &[("WISHLIST", 9 * HOUR), ("ADD_TO_CART", 8 * HOUR), ("REMOVE_FROM_CART", 7 * HOUR)],
            Some("WISHLISTED"),
        ),
        ("unwished", &[("WISHLIST", 9 * HOUR), ("REMOVE_FROM_WISHLIST", 8 * HOUR)], None),
        ("years", &[("ADD_TO_CART", 9 * 366 * 24 * HOUR), ("CLICK", 48 * HOUR)], Some("VIEWED")),
    ];
    let now = SystemClock.now();
    for order in ["oldest", "newest"] {
        let mut events = Vec::new();
        for (user, acts, _) in timelines {
            for (kind, seconds) in acts {
                let at = now.minus(Duration::from_secs(*seconds));
                let user = format!("{order}-{user}");
                events.push((
                    at,
                    json!({"userId": user, "actionType": kind, "productId": "rope", "timestamp": at}),
                ));
            }
        }
        events.sort_by_key(|(at, _)| *at);
        if order == "newest" {
            events.reverse();
        }
        let text: String = events.iter().map(|(_, event)| format!("{event}\n")).collect();
        let file = folder.path().join(format!("{order}.jsonl"));
        std::fs::write(&file, text).unwrap();
        // One event a request: the order of the file is the order of the log.
        let imported = ask(folder.path(), &rep, &["import", file.to_str().unwrap(), "--batch", "1"]);
        imported.expect(0, &["accepted"]);
    }
    wait_drained(&agent, &api);
    let cheaper = agent.patch(&format!("{api}/products/rope")).send_json(json!({"price": "50.00"})).unwrap();
    assert_eq!(cheaper.status(), 200);
    let told = |user: String| -> Vec<String> {
        let inbox = get(&agent, &format!("{api}/notifications?userId={user}"));
        let reasons = inbox["items"].as_array().unwrap().iter();
        reasons.map(|item| item["reason"].as_str().unwrap().to_owned()).collect()
    };
    wait_until("those who care are told", Duration::from_secs(60), || {
        let expected = timelines.iter().filter(|(_, _, reason)| reason.is_some());
        expected.into_iter().all(|(user, _, _)| {
            ["oldest", "newest"].iter().all(|order| !told(format!("{order}-{user}")).is_empty())
        })
    });
    wait_drained(&agent, &api);
    for (user, _, reason) in timelines {
        for order in ["oldest", "newest"] {
            let expected: Vec<&str> = reason.into_iter().collect();
            assert_eq!(told(format!("{order}-{user}")), expected, "{order} first: {user}");
        }
    }
    assert!(rep.stop().success());
}

#[test]
fn a_shop_with_fewer_invented_products_has_traffic_about_those() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(Rep::start(&data, &SMALL).stop().success());
    // The default is 2,000 products; the shop has 50, less one that is removed.
    let rep = Rep::start(&data, &["--rate", "500", "--no-simulator"]);
    let (agent, api) = (client(), rep.url("api"));
    assert_eq!(agent.delete(&format!("{api}/products/p-000001")).call().unwrap().status(), 204);
    let start = format!("{}/simulator/start", rep.url("simulator"));
    assert_eq!(agent.post(&start).send_json(json!({"users": 100})).unwrap().status(), 200);
    let records = || get(&agent, &format!("{api}/topics"))["items"][0]["records"].as_u64().unwrap();
    wait_until("traffic flows", Duration::from_secs(30), || records() > 500);
    let tail = ask(folder.path(), &rep, &["tail", ACTIONS, "--json", "--from-beginning", "--no-follow"]);
    for record in lines(&tail) {
        if let Some(product) = record["event"]["productId"].as_str() {
            assert!(("p-000002"..="p-000050").contains(&product), "{product}");
        }
    }
    assert!(rep.stop().success());
}

#[test]
fn completions_and_help_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).arg("--help").output().unwrap();
    ran(output).expect(0, &["tail", "dlq", "doctor", "token", "import", "completions"]);
    run(folder.path(), &["completions", "bash"]).expect(0, &["doctor"]);
}
