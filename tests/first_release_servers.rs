//! Moving on from release 0.1 on servers: what it kept in Elasticsearch and Redis is read, and what is done next counts
//! on top. `tests/fixtures/release-0.1/README.md` says what is in it.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::{servers, support};

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rep_backends::elasticsearch::{
    Client, ElasticsearchBehaviour, ElasticsearchCatalog, ElasticsearchHistory, ElasticsearchPreferences,
};
use rep_backends::places;
use rep_backends::redis::{
    PreferenceBackup, RedisConfig, RedisNotifications, RedisPopularity, RedisPreferences,
};
use rep_backends::saving::Saves as _;
use rep_core::ports::preferences::{Fold, FoldRules, FoldStep, PreferenceStore as _};
use rep_core::{
    ActionType, Clock, Embedding, HALF_LIFE_DEFAULT, ModelId, Position, Preference, Settlement, TasteRules,
    TraceId, UnitVector, UserAction, UserId,
};
use serde_json::{Value, json};
use servers::Servers;
use support::cli::run;
use support::first_release::{
    DIMENSIONS, MODEL, Standing, Stores, assert_whole, preference, product, seen, text, user,
};

fn lines(name: &str) -> Vec<Value> {
    text(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ask(method: &str, url: &str, kind: &str, body: String) -> Value {
    let request = ureq::http::Request::builder().method(method).uri(url).header("content-type", kind);
    let mut answer = support::client().run(request.body(body).unwrap()).unwrap();
    let (status, said) = (answer.status(), answer.body_mut().read_json::<Value>().unwrap());
    assert!(status.is_success() && said["errors"] != true, "{method} {url}: {status}: {said}");
    said
}

/// Indices and documents as they were, with their versions.
fn fill_elasticsearch(url: &str) {
    let mut bulk = String::new();
    for line in lines("elasticsearch.ndjson.gz") {
        if let Some(index) = line["index"].as_str() {
            let mut settings = line["settings"]["index"].clone();
            for given in ["creation_date", "provided_name", "uuid", "version"] {
                settings.as_object_mut().unwrap().remove(given);
            }
            let body = json!({"aliases": line["aliases"], "mappings": line["mappings"], "settings": {"index": settings}});
            ask("PUT", &format!("{url}/{index}"), "application/json", body.to_string());
            continue;
        }
        let mut operation = json!({"_index": line["document"], "_id": line["_id"]});
        if line["document"].as_str().unwrap().starts_with("user_preference_index") {
            operation["version"] = line["_version"].clone();
            operation["version_type"] = json!("external_gte");
        }
        bulk += &format!("{}\n{}\n", json!({"index": operation}), line["_source"]);
    }
    ask("POST", &format!("{url}/_bulk?refresh=true"), "application/x-ndjson", bulk);
}

/// A connection to Redis, by hand.
struct Redis(BufReader<TcpStream>);

impl Redis {
    fn at(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("redis://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends a command; gives the first line of the answer, and what follows it if that is a text.
    fn run(&mut self, parts: &[&str]) -> String {
        let mut command = format!("*{}\r\n", parts.len());
        parts.iter().for_each(|part| command += &format!("${}\r\n{part}\r\n", part.len()));
        self.0.get_mut().write_all(command.as_bytes()).unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        assert!(!answer.starts_with('-'), "{parts:?}: {answer}");
        match answer.trim_end().strip_prefix('$').map(|length| length.parse::<usize>()) {
            Some(Ok(length)) => {
                let mut text = vec![0; length + 2];
                self.0.read_exact(&mut text).unwrap();
                String::from_utf8(text[..length].to_vec()).unwrap()
            }
            _ => answer.trim_end().to_owned(),
        }
    }

    /// Keys as they were, with what was left of their time to live.
    fn fill(&mut self) {
        for line in lines("redis.ndjson.gz") {
            let key = line["key"].as_str().unwrap();
            let values: Vec<&str> =
                line["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
            match line["kind"].as_str().unwrap() {
                "string" => self.run(&["SET", key, values[0]]),
                "hash" => self.run(&[&["HSET", key][..], &values].concat()),
                "zset" => {
                    let scored: Vec<&str> = values.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
                    self.run(&[&["ZADD", key][..], &scored].concat())
                }
                other => panic!("a key of kind {other}"),
            };
            if let Some(left @ 1..) = line["ttlMs"].as_i64() {
                self.run(&["PEXPIRE", key, &left.to_string()]);
            }
        }
    }

    fn forget(&mut self, id: &str) {
        assert_eq!(self.run(&["DEL", &format!("user:preference:{id}")]), ":1", "{id}");
    }
}

fn model() -> ModelId {
    ModelId::new(MODEL).unwrap()
}

struct Opened {
    stores: Stores,
    preferences: Arc<RedisPreferences>,
    backup: Arc<ElasticsearchPreferences>,
}

async fn open(search: &str, redis: &str, clock: &Arc<Standing>) -> Opened {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let client = Client::new(&places::elasticsearch(search).unwrap()).unwrap();
    let redis: RedisConfig = places::redis(redis).unwrap();
    let backup = Arc::new(ElasticsearchPreferences::new(client.clone(), Arc::clone(&clock)));
    let history = Arc::new(ElasticsearchHistory::new(client.clone()));
    let preferences = RedisPreferences::connect(&redis, backup.clone(), Arc::clone(&clock), model());
    let preferences = Arc::new(preferences.await.unwrap());
    let stores = Stores {
        catalog: Arc::new(ElasticsearchCatalog::new(client.clone(), &model(), DIMENSIONS)),
        behaviour: Arc::new(ElasticsearchBehaviour::new(client, clock)),
        preferences: preferences.clone(),
        popularity: Arc::new(RedisPopularity::connect(&redis, HALF_LIFE_DEFAULT).await.unwrap()),
        notifications: Arc::new(RedisNotifications::connect(&redis, history).await.unwrap()),
    };
    Opened { stores, preferences, backup }
}

/// Folds a purchase of `about` into the state of `id` as the next record of their partition; gives what must come of it.
async fn buys(opened: &Opened, id: &str, about: &str, clock: &Standing) -> Preference {
    let before = preference(&opened.stores, id).await;
    let action = UserAction {
        trace_id: TraceId::new(format!("new-{id}-{about}")).unwrap(),
        user_id: user(id),
        action_type: ActionType::Purchase,
        product_id: Some(product(about)),
        search_query: None,
        session_id: None,
        timestamp: clock.now(),
        metadata: Default::default(),
    };
    let last = before.position.unwrap();
    let position = Position { offset: last.offset + 1, ..last };
    let vector = opened.stores.catalog.vectors(&[product(about)]).await.unwrap().remove(0).unwrap();
    let step = FoldStep { action: &action, position, logged_at: clock.now(), embedding: Some(&vector) };
    fold(opened, Fold::of(&user(id), vec![step]), clock).await;
    let mut due = before;
    due.fold(&action, position, Embedding::Known(&vector), TasteRules::default());
    due
}

async fn fold(opened: &Opened, fold: Fold<'_>, clock: &Standing) {
    let model = model();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: clock.now() };
    assert!(!opened.preferences.fold(&[fold], &rules).await.unwrap()[0].stale);
}

async fn saved(opened: &Opened, id: &UserId) -> Preference {
    PreferenceBackup::load(&*opened.backup, std::slice::from_ref(id)).await.unwrap().remove(0).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_release_0_1_kept_on_servers_is_read_and_counts_on() {
    let servers = tokio::task::spawn_blocking(|| Servers::start(&["elasticsearch", "redis"])).await.unwrap();
    let search = servers.address("REP_TEST_ELASTICSEARCH").trim_end_matches('/').to_owned();
    let redis_url = servers.address("REP_TEST_REDIS").trim_end_matches('/').to_owned();
    let mut redis = Redis::at(&redis_url);
    tokio::task::block_in_place(|| {
        fill_elasticsearch(&search);
        redis.fill();
    });
    let (folder, seen) = (tempfile::tempdir().unwrap(), seen("servers.json.gz"));
    let clock = Standing::after(&seen);

    let indices = |verb: &str| {
        tokio::task::block_in_place(|| {
            run(folder.path(), &["indices", verb, "--search", &search, "--model", MODEL])
        })
    };
    let plan = indices("plan");
    plan.expect(
        2,
        &["priceDigits", "history", "groupId", "purchasedAt", "taste", "pending", "awaits", "merged"],
    );
    assert!(plan.out.lines().all(|line| line.starts_with('+')), "it only adds: {}", plan.out);
    indices("apply").expect(0, &[]);
    indices("plan").expect(0, &["the indices are as they should be"]);

    let opened = open(&search, &redis_url, &clock).await;
    assert_whole(&opened.stores, &seen).await;
    // From the backup alone, too.
    let users: Vec<String> = seen["preferences"].as_object().unwrap().keys().cloned().collect();
    users.iter().for_each(|id| redis.forget(id));
    assert_whole(&opened.stores, &seen).await;

    // On top: in Redis, in the backup, and out of it again.
    let ann = buys(&opened, "ann", "cello", &clock).await;
    assert_eq!(preference(&opened.stores, "ann").await, ann);
    opened.preferences.save().await.unwrap();
    assert_eq!(saved(&opened, &user("ann")).await, ann);
    redis.forget("ann");
    assert_eq!(preference(&opened.stores, "ann").await, ann);
    // One that was only in the backup.
    redis.forget("bob");
    let before = saved(&opened, &user("bob")).await;
    let bob = buys(&opened, "bob", "espresso", &clock).await;
    assert_eq!((bob.action_count, &preference(&opened.stores, "bob").await), (before.action_count + 1, &bob));
    assert_eq!(bob.purchased[0].product_id, product("espresso"));

    // What moved nothing then waits, and counts once its product is there.
    let vector: UnitVector =
        opened.stores.catalog.vectors(&[product("tent-2")]).await.unwrap().remove(0).unwrap();
    let (kim, late) = (user("kim"), product("not-there-yet"));
    for _ in 0..2 {
        let settled = vec![(&late, Settlement::Vector(&vector))];
        fold(&opened, Fold { settled, ..Fold::of(&kim, Vec::new()) }, &clock).await;
        let kim = preference(&opened.stores, "kim").await;
        assert_eq!((kim.action_count, kim.pending.len(), kim.sums.mass), (1, 0, 0.35));
    }
}
