//! The roles on the embedded stores: the same promises, on a disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ndarray::Array2;
use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_consumers::behaviour::{BehaviourConfig, BehaviourDeps, BehaviourRole};
use rep_consumers::inventory::{InventoryConfig, InventoryDeps, InventoryRole};
use rep_consumers::notify::{NotifyConfig, NotifyDeps, NotifyRole, SimulatedChannel};
use rep_core::avro::Event;
use rep_core::ports::catalog::VectorWrite;
use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
use rep_core::ports::log::NewRecord;
use rep_core::{
    ActionType, Clock, Currency, Embedding, InventoryChange, ModelId, Money, Position, Preference, Product,
    ProductId, TasteRules, Timestamp, Topic, TraceId, UnitVector, UserAction, UserId, stable_hash128,
};
use tokio_util::sync::CancellationToken;

const DIMENSIONS: usize = 384;
const PRODUCTS: usize = 200;

struct NoQueries(ModelId);

#[async_trait]
impl Embedder for NoQueries {
    fn model(&self) -> &ModelId {
        &self.0
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, texts: &[String], _: TextKind, _: Urgency) -> Result<Array2<f32>, EmbedError> {
        Err(EmbedError::Failed(format!("{} texts in a test without searches", texts.len())))
    }
}

fn model() -> ModelId {
    ModelId::new("test-384").unwrap()
}

fn open(folder: &std::path::Path) -> Backends {
    open_with(folder, model())
}

fn open_with(folder: &std::path::Path, model: ModelId) -> Backends {
    open_data_dir(&ConnectConfig::new(folder.to_owned(), model, DIMENSIONS), Arc::new(SystemClock)).unwrap()
}

fn behaviour(backends: &Backends) -> BehaviourRole {
    behaviour_with(backends, model())
}

fn behaviour_with(backends: &Backends, model: ModelId) -> BehaviourRole {
    let deps = BehaviourDeps {
        log: backends.log.clone(),
        codec: backends.codec.clone(),
        clock: Arc::new(SystemClock),
        behaviour: backends.behaviour.clone(),
        preferences: backends.preferences.clone(),
        catalog: backends.catalog.clone(),
        popularity: backends.popularity.clone(),
        embedder: Arc::new(NoQueries(model)),
    };
    BehaviourRole::new(deps, BehaviourConfig::default())
}

fn product_id(n: usize) -> ProductId {
    ProductId::new(format!("p{n}")).unwrap()
}

fn user_id(n: usize) -> UserId {
    UserId::new(format!("user-{n}")).unwrap()
}

async fn fill_catalog(backends: &Backends) {
    fill_catalog_by(backends, &model()).await;
}

/// The vector of product `n`, as [`model`] or another one has it.
fn vector_of(n: usize, by: &ModelId) -> UnitVector {
    let n = if *by == model() { n } else { n + 7 };
    UnitVector::normalised((0..DIMENSIONS).map(|d| ((n * 31 + d * 17) % 101) as f32 - 50.0).collect())
        .unwrap()
}

async fn fill_catalog_by(backends: &Backends, model: &ModelId) {
    let product = |n| Product {
        product_id: product_id(n),
        name: format!("Product {n}"),
        description: "A thing".to_owned(),
        category: "things".to_owned(),
        brand: None,
        price: Money::from_minor(1000, Currency::EUR).unwrap(),
        stock: 5,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    };
    let products: Vec<Product> = (0..PRODUCTS).map(product).collect();
    let vector = |(n, product): (usize, &Product)| VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector: vector_of(n, model),
    };
    let vectors = products.iter().enumerate().map(vector).collect();
    backends.catalog.put(products).await.unwrap();
    assert!(backends.catalog.set_vectors(vectors).await.unwrap().into_iter().all(|set| set));
}

fn record<E: Event>(backends: &Backends, event: &E) -> NewRecord {
    let value = backends.codec.encode(event).unwrap();
    NewRecord::new(Bytes::copy_from_slice(event.key()), value)
}

async fn feed(backends: &Backends, from: usize, count: usize, users: usize) {
    let now = SystemClock.now();
    let all: Vec<usize> = (from..from + count).collect();
    for chunk in all.chunks(2_000) {
        let records = chunk.iter().map(|n| record(backends, &action(*n, users, now))).collect();
        backends.log.append(Topic::UserAction, records).await.unwrap();
    }
}

fn action(n: usize, users: usize, timestamp: Timestamp) -> UserAction {
    let kinds = [ActionType::View, ActionType::Click, ActionType::AddToCart, ActionType::Wishlist];
    UserAction {
        trace_id: TraceId::new(format!("00000000-0000-7000-8000-{n:012}")).unwrap(),
        user_id: user_id((n * 7919) % users),
        action_type: kinds[n % 4],
        product_id: Some(product_id((n * 104_729) % PRODUCTS)),
        search_query: None,
        session_id: None,
        timestamp,
        metadata: Default::default(),
    }
}

async fn until_drained(backends: &Backends, group: &str, topic: Topic) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let offsets = backends.log.offsets(topic, group).await.unwrap();
        if offsets.iter().all(|partition| partition.lag() == 0) {
            return;
        }
        assert!(Instant::now() < deadline, "{group} does not drain: {offsets:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_before_a_kill_and_a_restart_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let backends = open(folder.path());
    fill_catalog(&backends).await;
    feed(&backends, 0, 4_000, 50).await;
    // Killed at points that depend on nothing but how many records were read by then.
    for at in [1_u64, 900, 2_500] {
        let role = behaviour(&backends);
        let stats = role.stats();
        let task = tokio::spawn(role.run(CancellationToken::new()));
        while stats.snapshot().received < at {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(behaviour(&backends).run(shutdown.clone()));
    until_drained(&backends, "behaviour", Topic::UserAction).await;
    shutdown.cancel();
    task.await.unwrap().unwrap();
    let actions = |backends: Backends| async move {
        let users: Vec<UserId> = (0..50).map(user_id).collect();
        let states = backends.preferences.load(&users).await.unwrap();
        states.into_iter().map(|state| state.expect("every shopper acted").action_count).sum::<u64>()
    };
    assert_eq!(backends.behaviour.count().await.unwrap(), 4_000);
    assert_eq!(actions(backends.clone()).await, 4_000);
    drop(backends);

    let backends = open(folder.path());
    assert_eq!(backends.behaviour.count().await.unwrap(), 4_000);
    assert_eq!(actions(backends).await, 4_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_change_of_model_tastes_come_back_without_anybody_acting() {
    const USERS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let backends = open(folder.path());
    fill_catalog(&backends).await;
    let now = SystemClock.now();
    // Over months, two hundred actions each.
    let actions: Vec<UserAction> = (0..200 * USERS)
        .map(|n| action(n, USERS, now.minus(Duration::from_secs((n * 7919 % 9_000_000) as u64))))
        .collect();
    let records = actions.iter().map(|action| record(&backends, action)).collect();
    backends.log.append(Topic::UserAction, records).await.unwrap();
    let (task, shutdown) = run(behaviour(&backends));
    until_drained(&backends, "behaviour", Topic::UserAction).await;
    shutdown.cancel();
    task.await.unwrap().unwrap();
    drop(backends);

    let other = ModelId::new("other-384").unwrap();
    let backends = open_with(folder.path(), other.clone());
    fill_catalog_by(&backends, &other).await;
    assert_eq!(backends.preferences.incomplete(None, 0).await.unwrap().total, USERS);
    let (task, _shutdown) = run(behaviour_with(&backends, other.clone()));
    let deadline = Instant::now() + Duration::from_secs(180);
    while backends.preferences.incomplete(None, 0).await.unwrap().total > 0 {
        assert!(Instant::now() < deadline, "they are not remembered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Added, and durable a moment later, though nothing is committed: killed then, it stands.
    backends.preferences.flush().await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    drop(backends);

    let backends = open_with(folder.path(), other.clone());
    assert_eq!(backends.preferences.incomplete(None, 0).await.unwrap().total, 0);
    for user in (0..USERS).map(user_id) {
        let mut expected = Preference::new(user.clone(), other.clone());
        let theirs = actions.iter().filter(|action| action.user_id == user);
        for (offset, action) in (0..).zip(theirs) {
            let product = action.product_id.as_ref().unwrap().as_str()[1..].parse().unwrap();
            let (vector, position) =
                (vector_of(product, &other), Position { epoch: 1, partition: 0, offset });
            expected.fold(action, position, Embedding::Known(&vector), TasteRules::default());
        }
        let state = backends.preferences.load(&[user]).await.unwrap().remove(0).unwrap();
        assert_eq!((state.action_count, &state.model), (200, &other));
        let (kept, expected) = (state.vector.unwrap(), expected.vector.unwrap());
        let pairs = kept.as_slice().iter().zip(expected.as_slice());
        let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 1e-4, "{apart}");
    }
}

type Task = tokio::task::JoinHandle<Result<rep_consumers::RoleStats, rep_consumers::RoleError>>;

fn run(role: BehaviourRole) -> (Task, CancellationToken) {
    let shutdown = CancellationToken::new();
    (tokio::spawn(role.run(shutdown.clone())), shutdown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_drop_reaches_the_inboxes_of_all_who_care() {
    let folder = tempfile::tempdir().unwrap();
    let backends = open(folder.path());
    fill_catalog(&backends).await;
    feed(&backends, 0, 2_000, 500).await;
    let shutdown = CancellationToken::new();
    let role = tokio::spawn(behaviour(&backends).run(shutdown.clone()));
    until_drained(&backends, "behaviour", Topic::UserAction).await;
    let since = SystemClock.now().minus(Duration::from_secs(600));
    let expected = backends.behaviour.interested(&product_id(7), since, 10_000).await.unwrap();
    assert!(!expected.is_empty());

    let (log, codec, clock) = (backends.log.clone(), backends.codec.clone(), Arc::new(SystemClock));
    let inventory = InventoryDeps {
        log: log.clone(),
        codec: codec.clone(),
        clock: clock.clone(),
        behaviour: backends.behaviour.clone(),
        preferences: backends.preferences.clone(),
        catalog: backends.catalog.clone(),
        scale: rep_core::likeness::CurrentScale::default(),
    };
    let config = InventoryConfig { similar_max: 0, ..InventoryConfig::default() };
    let inventory = tokio::spawn(InventoryRole::new(inventory, config).run(shutdown.clone()));
    let notify = NotifyDeps {
        log: log.clone(),
        codec,
        clock,
        notifications: backends.notifications.clone(),
        push: Arc::new(SimulatedChannel::push()),
        sms: Arc::new(SimulatedChannel::sms()),
    };
    let notify = tokio::spawn(NotifyRole::new(notify, NotifyConfig::default()).run(shutdown.clone()));
    let change = InventoryChange {
        trace_id: TraceId::new("drop-1").unwrap(),
        product_id: product_id(7),
        currency: Currency::EUR,
        price_before: Some(1000),
        price_after: 500,
        stock_before: Some(5),
        stock_after: 5,
        timestamp: SystemClock.now(),
        flapping: false,
    };
    // Told twice, delivered once.
    let twice = vec![record(&backends, &change), record(&backends, &change)];
    log.append(Topic::ProductInventory, twice).await.unwrap();
    until_drained(&backends, "inventory", Topic::ProductInventory).await;
    until_drained(&backends, "notify", Topic::NotificationPush).await;
    for interest in &expected {
        let page = backends.notifications.inbox(&interest.user_id, None, 10).await.unwrap();
        assert_eq!(page.items.len(), 1, "{}", interest.user_id);
        assert_eq!(page.items[0].notification.reason, interest.reason);
    }
    shutdown.cancel();
    role.await.unwrap().unwrap();
    inventory.await.unwrap().unwrap();
    let stats = notify.await.unwrap().unwrap();
    assert_eq!(stats.notifications, expected.len() as u64);
    assert_eq!(stats.muted, expected.len() as u64);
}
