//! `rep doctor` on a cluster: what it says of one that is well, and of broken ones.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::{servers, support};

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};
use servers::Servers;
use support::cli::{Ran, run};

/// A model of eight words, which is loaded at once.
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/embedder/tests/fixtures/tiny-e5");

/// Where the servers of a set-up are, and its model.
#[derive(Clone)]
struct SetUp {
    log: String,
    registry: String,
    search: String,
    preferences: String,
    model: String,
    more: Vec<String>,
}

impl SetUp {
    fn examine(&self, folder: &Path, more: &[&str]) -> Ran {
        let mut args = vec!["doctor", "--log", &self.log, "--registry", &self.registry];
        args.extend(["--search", &self.search, "--preferences", &self.preferences]);
        args.extend(["--model", &self.model, "--port-offset", "23000"]);
        args.extend(self.more.iter().map(String::as_str));
        args.extend(more);
        run(folder, &args)
    }
}

/// An address where nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A listener that answers every request with `answer`, or with nothing if that is empty; ends with the process.
fn stranger(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if !answer.is_empty() {
                // As much of the request as comes first is enough to answer.
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
            held.push(stream);
        }
    });
    address
}

/// Tells Redis something in one line.
fn redis(address: &str, said: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{said}\r\n").as_bytes()).unwrap();
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"+OK\r\n", "{said}");
}

fn set_index(server: &str, index: &str, settings: Value) {
    let path = format!("{server}/{index}/_settings");
    let answer = support::client().put(path).send_json(settings).unwrap();
    assert_eq!(answer.status(), 200);
}

/// Makes `user.action.v1` with too few partitions, as somebody else's tool would.
fn make_thin_topic(brokers: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let topic = NewTopic::new("thin.user.action.v1", 4, TopicReplication::Fixed(1));
    let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    assert!(made[0].is_ok(), "{made:?}");
}

#[test]
fn what_is_wrong_in_a_cluster_is_told_with_what_mends_it() {
    let servers = Servers::start(&["kafka", "registry", "elasticsearch", "redis"]);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let broker = servers.address("REP_TEST_KAFKA");
    let server = servers.address("REP_TEST_ELASTICSEARCH");
    let redis_url = servers.address("REP_TEST_REDIS");
    let redis_address = redis_url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let well = SetUp {
        log: format!("kafka://{broker}"),
        registry: servers.address("REP_TEST_REGISTRY"),
        search: server.clone(),
        preferences: format!("redis://{redis_address}"),
        model: TINY.to_owned(),
        more: Vec::new(),
    };
    let SetUp { log, registry, search, .. } = well.clone();
    for args in [
        vec!["topics", "apply", "--log", &log, "--replication", "1", "--min-in-sync", "1"],
        vec!["schemas", "apply", "--log", &log, "--registry", &registry],
        vec!["indices", "apply", "--search", &search, "--model", TINY],
    ] {
        run(here, &args).expect(0, &["+ "]);
    }
    let fine = well.examine(here, &[]);
    fine.expect(0, &["ok       kafka", "ok       registry", "ok       elasticsearch", "ok       redis"]);
    fine.expect(0, &["one copy of", "nothing is in the way"]);

    let is = |broken: SetUp, words: &[&str]| {
        let told = broken.examine(here, &[]);
        told.expect(1, words);
        told
    };
    let with = |edit: &dyn Fn(&mut SetUp)| {
        let mut broken = well.clone();
        edit(&mut broken);
        broken
    };
    // Kafka and its registry.
    let away = nobody();
    is(with(&|s| s.log = format!("kafka://{away}")), &["problem  kafka", &away, "correct `log`"]);
    let deaf = stranger("");
    is(with(&|s| s.log = format!("kafka://{deaf}")), &["does not answer as Kafka", "TLS and login"]);
    let empty = is(
        with(&|s| s.log = format!("kafka://{broker}?prefix=none.")),
        &["topics are missing: none.user.action.v1", "`rep topics apply`"],
    );
    empty.expect(1, &["not registered: none.user.action.v1-value version 1", "`rep schemas apply`"]);
    make_thin_topic(&broker);
    is(
        with(&|s| s.log = format!("kafka://{broker}?prefix=thin.")),
        &["`thin.user.action.v1` has 4 partitions, expected 12", "`rep topics apply` adds them"],
    );
    is(with(&|s| s.registry = format!("http://{away}")), &["problem  registry", "is away", "start registry"]);
    let closed = stranger("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    is(with(&|s| s.registry = format!("http://{closed}")), &["correct user and password in `registry`"]);

    // Elasticsearch.
    is(with(&|s| s.search = format!("http://{away}")), &["problem  elasticsearch", "start elasticsearch"]);
    is(
        with(&|s| s.search = format!("http://u:hush@{closed}")),
        &["answered 401", "correct user and password in `search`"],
    );
    is(
        with(&|s| s.search = format!("{server}?prefix=none-")),
        &["index `none-product_index-v1-tiny-e5-", "is missing", "`rep indices apply`"],
    );
    is(
        with(&|s| s.model = "all-MiniLM-L6-v2".to_owned()),
        &["vectors of `tiny-e5`", "`rep indices switch --model all-MiniLM-L6-v2`"],
    );
    let disk = "index.blocks.read_only_allow_delete";
    set_index(&server, "user_behavior_index", json!({ disk: true }));
    is(well.clone(), &["user_behavior_index-v1` takes no writes: a disk is nearly full", "make room"]);
    set_index(&server, "user_behavior_index", json!({ disk: null, "index.blocks.write": true }));
    is(well.clone(), &["takes no writes: it is blocked", "--undo"]);
    set_index(&server, "user_behavior_index", json!({ "index.blocks.write": null }));

    // Redis.
    is(with(&|s| s.preferences = format!("redis://{away}")), &["problem  redis", "start redis"]);
    redis(&redis_address, "CONFIG SET maxmemory-policy allkeys-lru");
    redis(&redis_address, "CONFIG SET appendonly no");
    let evicting =
        is(well.clone(), &["maxmemory-policy allkeys-lru", "`CONFIG SET maxmemory-policy noeviction`"]);
    evicting.expect(1, &["no append-only file", "`CONFIG SET appendonly yes`", "2 to be mended"]);
    redis(&redis_address, "CONFIG SET maxmemory-policy noeviction");
    redis(&redis_address, "CONFIG SET appendonly yes");
    redis(&redis_address, "CONFIG SET requirepass hush-hush");
    let login = "correct user and password in `preferences`";
    is(well.clone(), &["problem  redis", login]);
    let wrong = is(with(&|s| s.preferences = format!("redis://:wrong-one@{redis_address}")), &[login]);
    assert!(!wrong.out.contains("wrong-one"), "{}", wrong.out);
    let well = with(&|s| s.preferences = format!("redis://:hush-hush@{redis_address}"));

    // The machine.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let busy = SetUp { more: vec!["--notify-port".to_owned(), port.clone()], ..well.clone() };
    is(busy, &["problem  ports", &format!("notify cannot listen on 127.0.0.1:{port}"), "--notify-port"]);
    is(
        SetUp { model: "none".to_owned(), ..well.clone() },
        &["problem  model", "rep model list", "indices were not compared"],
    );
    is(SetUp { search: "embedded:".to_owned(), ..well.clone() }, &["problem  configuration", "`search`"]);

    // As JSON it is the same, and nothing secret is in either.
    let (text, json) = (well.examine(here, &[]), well.examine(here, &["--json"]));
    assert_eq!((text.code, json.code), (Some(0), Some(0)), "{}", text.out);
    let report: Value = serde_json::from_str(&json.out).unwrap();
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(checks.len() + 1, text.out.lines().count(), "{}", text.out);
    for name in ["kafka", "registry", "elasticsearch", "redis"] {
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        // How much memory Redis uses differs from one look to the next.
        let said = check["detail"].as_str().unwrap().split("; loses nothing, ").next().unwrap();
        assert!(check["status"] == "ok" && text.out.contains(said), "{check}");
    }
    assert!(!text.out.contains("hush") && !json.out.contains("hush"));
}
