//! Moving on from release 0.1: a data directory that it left opens with all that is in it, and what is done next counts
//! on top. `tests/fixtures/release-0.1/README.md` says what is in it.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ndarray::Array2;
use rep_backends::{Backends, ConnectConfig, open_data_dir};
use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_core::avro::Event as _;
use rep_core::ports::catalog::VectorWrite;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::ports::log::NewRecord;
use rep_core::{
    ActionType, Clock, Currency, Embedding, ModelId, Money, Preference, Product, TasteRules, Topic, TraceId,
    UserAction, UserId, stable_hash128,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use support::first_release::{
    DIMENSIONS, MODEL, PRODUCTS, Standing, Stores, assert_whole, preference, product, seen, unpack, user,
};
use support::fold::{apart, sums_apart};
use support::{Rep, client, get, wait_drained, wait_until};

/// A model that is not asked: all products have their vectors.
struct Silent(ModelId);

#[async_trait]
impl Embedder for Silent {
    fn model(&self) -> &ModelId {
        &self.0
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, _: &[String], _: TextKind, _: Urgency) -> Result<Array2<f32>, EmbedError> {
        Err(EmbedError::Failed("it is not to be asked".to_owned()))
    }
}

fn model() -> ModelId {
    ModelId::new(MODEL).unwrap()
}

fn open(folder: &Path, clock: &Arc<Standing>) -> (Backends, Stores) {
    let config = ConnectConfig::new(folder.to_owned(), model(), DIMENSIONS);
    let backends = open_data_dir(&config, Arc::clone(clock) as Arc<dyn Clock>).unwrap();
    let stores = Stores {
        catalog: backends.catalog.clone(),
        behaviour: backends.behaviour.clone(),
        preferences: backends.preferences.clone(),
        popularity: backends.popularity.clone(),
        notifications: backends.notifications.clone(),
    };
    (backends, stores)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_of_release_0_1_opens_with_all_that_is_in_it() {
    let (folder, seen) = (tempfile::tempdir().unwrap(), seen("stopped.json.gz"));
    unpack("stopped.tar.gz", folder.path());
    let clock = Standing::after(&seen);
    for _ in 0..2 {
        let (_backends, stores) = open(folder.path(), &clock);
        assert_whole(&stores, &seen).await;
    }
}

fn action(trace: &str, who: &str, kind: ActionType, about: &str, clock: &Standing) -> UserAction {
    UserAction {
        trace_id: TraceId::new(trace).unwrap(),
        user_id: user(who),
        action_type: kind,
        product_id: Some(product(about)),
        search_query: None,
        session_id: None,
        timestamp: clock.now(),
        metadata: Default::default(),
    }
}

async fn append(backends: &Backends, actions: &[UserAction]) {
    let record = |action: &UserAction| {
        let value = backends.codec.encode(action).unwrap();
        NewRecord::new(Bytes::copy_from_slice(action.key()), value)
    };
    backends.log.append(Topic::UserAction, actions.iter().map(record).collect()).await.unwrap();
}

/// Runs the behaviour role until it has worked off what is in the log, and `done`.
async fn work_off(backends: &Backends, clock: &Arc<Standing>, done: impl AsyncFn() -> bool) {
    let deps = BehaviourDeps {
        log: backends.log.clone(),
        codec: backends.codec.clone(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        behaviour: backends.behaviour.clone(),
        preferences: backends.preferences.clone(),
        catalog: backends.catalog.clone(),
        popularity: backends.popularity.clone(),
        embedder: Arc::new(Silent(model())),
    };
    let stop = CancellationToken::new();
    let role = tokio::spawn(BehaviourRole::new(deps, BehaviourConfig::default()).run(stop.clone()));
    let drained = async || {
        let offsets = backends.log.offsets(Topic::UserAction, "behaviour").await.unwrap();
        offsets.iter().all(|partition| partition.lag() == 0)
    };
    let worked_off = async {
        while !(drained().await && done().await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(180), worked_off).await.expect("it is worked off");
    stop.cancel();
    role.await.unwrap().unwrap();
}

/// What comes of `actions` on top of `states`, each once and in order.
async fn on_top(stores: &Stores, states: &mut HashMap<UserId, Preference>, actions: &[UserAction]) {
    for action in actions {
        let vector = stores.catalog.vectors(&[action.product_id.clone().unwrap()]).await.unwrap().remove(0);
        let state = states
            .entry(action.user_id.clone())
            .or_insert_with(|| Preference::new(action.user_id.clone(), model()));
        state.position = None;
        let place = rep_core::Position { epoch: 1, partition: 0, offset: 0 };
        state.fold(action, place, Embedding::from(vector.as_ref()), TasteRules::default());
    }
}

fn assert_same_taste(is: &Preference, due: &Preference) {
    let id = &is.user_id;
    assert_eq!(is.action_count, due.action_count, "actions of {id}");
    assert!(
        apart(is.vector.as_ref(), due.vector.as_ref()) < 1e-5 && sums_apart(is, due) < 1e-3,
        "taste of {id}"
    );
    assert_eq!((&is.recent, &is.purchased), (&due.recent, &due.purchased), "what {id} did last");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_after_the_upgrade_counts_on_top() {
    let (folder, seen) = (tempfile::tempdir().unwrap(), seen("stopped.json.gz"));
    unpack("stopped.tar.gz", folder.path());
    let clock = Standing::after(&seen);
    let mut states = HashMap::new();
    {
        let (backends, stores) = open(folder.path(), &clock);
        for id in ["ann", "bob", "fay", "kim"] {
            states.insert(user(id), preference(&stores, id).await);
        }
        let news = [
            action("new-1", "ann", ActionType::Purchase, "cello", &clock),
            action("new-2", "bob", ActionType::Dislike, "espresso", &clock),
            action("new-3", "bob", ActionType::Click, "leash", &clock),
            action("new-4", "lee", ActionType::Wishlist, "tripoli", &clock),
            // Once more, as a client does that had no answer.
            action("ann-view-tent-1-00", "ann", ActionType::View, "tent-1", &clock),
        ];
        append(&backends, &news).await;
        // What kim clicked on before the upgrade is there now.
        let there = Product {
            name: "A late thing".to_owned(),
            product_id: product("not-there-yet"),
            price: Money::from_minor(100, Currency::EUR).unwrap(),
            ..(*stores.catalog.get(&[product("cello")]).await.unwrap().remove(0).unwrap()).clone()
        };
        let vector = stores.catalog.vectors(&[product("tent-2")]).await.unwrap().remove(0).unwrap();
        let passage_hash = stable_hash128(there.passage().as_bytes());
        let write =
            VectorWrite { product_id: there.product_id.clone(), passage_hash, vector: vector.clone() };
        stores.catalog.put(vec![there]).await.unwrap();
        assert_eq!(stores.catalog.set_vectors(vec![write]).await.unwrap(), [true]);
        let settled = async |id| preference(&stores, id).await.pending.is_empty();
        work_off(&backends, &clock, async || settled("kim").await && settled("fay").await).await;

        on_top(&stores, &mut states, &news[..4]).await;
        for id in ["ann", "bob", "lee"] {
            assert_same_taste(&preference(&stores, id).await, &states[&user(id)]);
        }
        let kim = preference(&stores, "kim").await;
        assert_eq!((kim.action_count, kim.vector.as_ref()), (1, Some(&vector)), "the click of before counts");
        assert_eq!((kim.sums.mass, kim.pending.len()), (0.35, 0), "and once");
        let interested =
            stores.behaviour.interested(&product("espresso"), Default::default(), 10).await.unwrap();
        assert!(interested.is_empty(), "bob does not want it any more: {interested:?}");
        assert_eq!(stores.behaviour.history(&user("ann"), None, 100).await.unwrap().items.len(), 6);
    }
    let (_backends, stores) = open(folder.path(), &clock);
    for id in ["ann", "bob", "lee"] {
        assert_same_taste(&preference(&stores, id).await, &states[&user(id)]);
    }
    // Refused before anything was liked: release 0.1 had no place for that.
    let fay = preference(&stores, "fay").await;
    assert_eq!((fay.pending.len(), fay.sums.split.is_some(), fay.vector), (0, true, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_was_killed_loses_and_doubles_nothing() {
    let (folder, seen) = (tempfile::tempdir().unwrap(), seen("killed.json.gz"));
    unpack("killed.tar.gz", folder.path());
    let clock = Standing::after(&seen);
    for _ in 0..2 {
        let (backends, stores) = open(folder.path(), &clock);
        work_off(&backends, &clock, async || true).await;
        // Three each were acknowledged a moment before the kill.
        for (id, count) in [("ann", 8), ("bob", 5), ("lee", 3), ("ida", 3), ("kim", 1)] {
            assert_eq!(preference(&stores, id).await.action_count, count, "actions of {id}");
            let history = stores.behaviour.history(&user(id), None, 100).await.unwrap().items;
            assert_eq!(history.len() as u64, count, "history of {id}");
        }
        let lee = preference(&stores, "lee").await;
        let ids = ["tent-2", "espresso", "cello"].map(product);
        let vectors = stores.catalog.vectors(&ids).await.unwrap();
        let mean = vectors.iter().flatten().map(|vector| vector.cosine(lee.vector.as_ref().unwrap()));
        assert!(mean.clone().count() == 3 && mean.into_iter().all(|cosine| cosine > 0.3));
        assert_eq!(stores.catalog.summary().await.unwrap().total, PRODUCTS);
    }
}

/// The program itself; only what does not depend on the day on which this runs.
#[test]
fn the_program_moves_on_with_the_same_model_and_with_another() {
    let (folder, seen) = (tempfile::tempdir().unwrap(), seen("stopped.json.gz"));
    unpack("stopped.tar.gz", folder.path());
    let agent = client();
    let click = |api: &str, trace: &str, about: &str| {
        let event = json!({"traceId": trace, "userId": "bob", "productId": about, "actionType": "CLICK"});
        let answer = agent.post(&format!("{api}/events")).send_json(&event).unwrap();
        assert_eq!(answer.status(), 202);
    };
    let bob = |api: &str| get(&agent, &format!("{api}/users/bob/preference"));
    let embedded = |api: &str, model: &str| {
        wait_until("every product has a vector", Duration::from_secs(120), || {
            let status = get(&agent, &format!("{api}/status"));
            status["model"]["id"] == model && status["products"]["embedded"] == PRODUCTS
        });
    };
    // Counts what is there: nothing is invented beside it.
    let args = ["--no-simulator", "--products", "8"];
    for (start, count) in [(0, 2), (1, 3)] {
        let rep = Rep::start(folder.path(), &[&args[..], &["--model", MODEL]].concat());
        let api = rep.url("api");
        embedded(&api, MODEL);
        let kampala = get(&agent, &format!("{api}/products/kampala"));
        assert_eq!((&kampala["price"], &kampala["currency"]), (&json!("30000"), &json!("UGX")));
        assert_eq!(bob(&api)["actionCount"], count);
        if start == 0 {
            assert_eq!(bob(&api)["vectorPreview"], seen["preferences"]["bob"]["vectorPreview"]);
        }
        click(&api, &format!("again-{start}"), "leash");
        wait_drained(&agent, &api);
        assert_eq!(bob(&api)["actionCount"], count + 1);
        assert_ne!(bob(&api)["vectorPreview"], seen["preferences"]["bob"]["vectorPreview"]);
        assert!(rep.stop().success());
    }
    // The default of now: what is known of bob's latest actions becomes their taste in it.
    let rep = Rep::start(folder.path(), &args);
    let api = rep.url("api");
    embedded(&api, "multilingual-e5-small-q4");
    click(&api, "anew", "leash");
    wait_drained(&agent, &api);
    wait_until("bob's actions have their vectors", Duration::from_secs(60), || {
        bob(&api)["waitingActions"] == 0
    });
    let bob: Value = bob(&api);
    assert_eq!((&bob["actionCount"], &bob["model"]), (&json!(5), &json!("multilingual-e5-small-q4")));
    let list = get(&agent, &format!("{api}/recommendations?userId=bob&limit=3"));
    assert_ne!(list["strategy"], "popular", "{list}");
    assert!(rep.stop().success());
}
