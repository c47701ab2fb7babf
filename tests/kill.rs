//! The promise under `kill -9`: what was acknowledged is exactly once in effect.
//!
//! Clients send events and price changes, and send again what was not acknowledged. The process is killed at
//! random moments. At the end an oracle reads the stores themselves and compares them with what was
//! acknowledged and with an offline fold of the log.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_core::ports::log::Record;
use rep_core::{
    Clock, InventoryChange, ModelId, Notification, NotificationKind, PENDING_MAX, Position, ProductId, Topic,
    TraceId, UserAction, UserId,
};
use serde_json::{Value, json};

use support::fold::{SUMS_APART_MAX, apart, offline, real_drops, sums_apart};
use support::{Random, Rep, client, get, seed, wait_drained, wait_until};

const KILLS: usize = 20;
const CLIENTS: u64 = 3;
const PRODUCTS: u64 = 200;
/// Products that are acted on before they are in the catalogue.
const LATE: u64 = 60;
/// Most actions of one shopper on them: all of them may wait at once.
const WAITING_MAX: usize = PENDING_MAX - 2;
const ARGS: [&str; 3] = ["--products", "200", "--no-simulator"];

/// What the clients share: where the server is now, and what it acknowledged.
struct World {
    api: Mutex<String>,
    over: AtomicBool,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl World {
    /// Sends until acknowledged: an answer that was lost is not a failure, the same event is sent again.
    fn until_acknowledged(&self, send: impl Fn(&ureq::Agent, &str) -> Option<Value>) -> Option<Value> {
        let agent = client();
        loop {
            let api = self.api.lock().unwrap().clone();
            if let Some(answer) = send(&agent, &api) {
                return Some(answer);
            }
            if self.over.load(Ordering::Relaxed) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn post_events(agent: &ureq::Agent, api: &str, events: &Value) -> Option<Value> {
    let mut answer = agent.post(&format!("{api}/events")).send_json(events).ok()?;
    (answer.status() == 202).then(|| answer.body_mut().read_json().ok())?
}

/// A client of its own shoppers; now and then it repeats an event it sent before.
fn shopper_client(world: &World, number: u64, mut random: Random) {
    let mut sent: Vec<Value> = Vec::new();
    let mut count = 0;
    let mut waiting = [0; 4];
    while !world.over.load(Ordering::Relaxed) {
        let mut events = Vec::new();
        for _ in 0..=random.below(20) {
            if !sent.is_empty() && random.below(10) == 0 {
                events.push(sent[random.below(sent.len() as u64) as usize].clone());
                continue;
            }
            count += 1;
            let action = ["VIEW", "CLICK", "CLICK", "ADD_TO_CART", "WISHLIST", "PURCHASE", "DISLIKE"]
                [random.below(7) as usize];
            let waiter = random.below(4);
            let waits = random.below(8) == 0 && waiting[waiter as usize] < WAITING_MAX;
            let (user, product) = if waits {
                waiting[waiter as usize] += 1;
                (format!("waiter{waiter}"), format!("late-{}", random.below(LATE)))
            } else {
                (format!("user{}", random.below(8)), format!("p-{:06}", random.below(PRODUCTS) + 1))
            };
            events.push(json!({
                "traceId": format!("c{number}-{count}"),
                "userId": format!("client{number}-{user}"),
                "productId": product,
                "actionType": action,
            }));
        }
        let body = Value::Array(events.clone());
        if let Some(answer) = world.until_acknowledged(|agent, api| post_events(agent, api, &body)) {
            let mut acknowledged = world.acknowledged.lock().unwrap();
            for result in answer["results"].as_array().unwrap() {
                assert_ne!(result["status"], "rejected", "{result}");
                acknowledged.insert(result["traceId"].as_str().unwrap().to_owned());
            }
        }
        sent.extend(events);
    }
}

/// Puts one late product after the other, and what is left of them in the end.
fn supply_client(world: &World) {
    let names = ["Wool scarf", "Desk lamp", "Garden hose", "Chess set", "Running shoes", "Atlas"];
    let product = |n: u64| {
        let name = format!("{}, late, no. {n}", names[n as usize % names.len()]);
        json!({"productId": format!("late-{n}"), "name": name, "category": "Late", "price": "10.00", "stock": 5})
    };
    let put = |products: Vec<Value>| {
        let body = Value::Array(products);
        world.until_acknowledged(|agent, api| {
            let mut answer = agent.post(&format!("{api}/products")).send_json(&body).ok()?;
            (answer.status() == 200).then(|| answer.body_mut().read_json().ok())?
        })
    };
    let mut next = 0;
    while next < LATE && !world.over.load(Ordering::Relaxed) {
        put(vec![product(next)]);
        next += 1;
        std::thread::sleep(Duration::from_millis(500));
    }
    // Also the last one, which may not have been acknowledged.
    put((next.saturating_sub(1)..LATE).map(product).collect());
}

/// Lowers a price, each time below all before, and raises it again, one product after the other: as often as one shopper
/// is told of one product in an hour.
fn price_client(world: &World, products: &[(String, f64)]) {
    let lowered = [0.8, 0.7, 0.6, 0.5];
    for (low, (id, price)) in
        lowered.iter().flat_map(|low| products.iter().map(move |product| (*low, product)))
    {
        for factor in [low, 1.0] {
            if world.over.load(Ordering::Relaxed) {
                return;
            }
            let body = json!({"price": format!("{:.2}", price * factor)});
            world.until_acknowledged(|agent, api| {
                let mut answer = agent.patch(&format!("{api}/products/{id}")).send_json(&body).ok()?;
                (answer.status() == 200).then(|| answer.body_mut().read_json().ok())?
            });
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn what_was_acknowledged_is_exactly_once_in_effect_after_twenty_kills() {
    let seed = seed();
    let mut random = Random(seed);
    let data = tempfile::tempdir().unwrap();
    let rep = Rep::start(data.path(), &ARGS);
    let (agent, api) = (client(), rep.url("api"));
    wait_until("every product has a vector", Duration::from_secs(120), || {
        get(&agent, &format!("{api}/status"))["products"]["embedded"] == PRODUCTS
    });
    let watched = one_product_a_category(&agent, &api);
    for (id, _) in &watched {
        let event = json!({"userId": format!("watcher-{id}"), "actionType": "ADD_TO_CART", "productId": id});
        post_events(&agent, &api, &event).expect("a cart is acknowledged");
    }
    wait_drained(&agent, &api);

    let world = Arc::new(World {
        api: Mutex::new(api),
        over: AtomicBool::new(false),
        acknowledged: Mutex::default(),
    });
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (world, random) = (Arc::clone(&world), Random(random.below(u64::MAX)));
        clients.push(std::thread::spawn(move || shopper_client(&world, number, random)));
    }
    let (prices, products) = (Arc::clone(&world), watched.clone());
    clients.push(std::thread::spawn(move || price_client(&prices, &products)));
    let supplied = Arc::clone(&world);
    clients.push(std::thread::spawn(move || supply_client(&supplied)));

    let mut rep = rep;
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(50 + random.below(1200)));
        rep.kill();
        rep = Rep::start(data.path(), &ARGS);
        *world.api.lock().unwrap() = rep.url("api");
    }
    // Every client gets its last answer before it ends: the server stays up from here.
    world.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    let api = rep.url("api");
    wait_drained(&agent, &api);
    wait_until("what waits is settled", Duration::from_secs(60), || {
        get(&agent, &format!("{api}/status"))["waitingActions"] == 0
    });
    // What was settled is on disk with the next commit.
    let fresh =
        json!({"traceId": "fresh", "userId": "fresh", "actionType": "CLICK", "productId": watched[0].0});
    post_events(&agent, &api, &fresh).expect("a fresh event still flows");
    wait_drained(&agent, &api);
    assert!(rep.stop().success(), "a clean stop after the kills");

    let mut acknowledged = world.acknowledged.lock().unwrap().clone();
    acknowledged.insert("fresh".to_owned());
    println!("{} events acknowledged", acknowledged.len());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(check(data.path(), &acknowledged, &watched));
}

fn one_product_a_category(agent: &ureq::Agent, api: &str) -> Vec<(String, f64)> {
    let mut products = BTreeMap::new();
    for product in get(agent, &format!("{api}/products?limit=100"))["items"].as_array().unwrap() {
        if product["stock"].as_u64().unwrap() > 0 {
            let price = product["price"].as_str().unwrap().parse::<f64>().unwrap();
            let id = product["productId"].as_str().unwrap().to_owned();
            products.entry(product["category"].as_str().unwrap().to_owned()).or_insert((id, price));
        }
    }
    products.into_values().collect()
}

async fn all_records(backends: &Backends, topic: Topic) -> Vec<Record> {
    let mut records = Vec::new();
    for offsets in backends.log.offsets(topic, "oracle").await.unwrap() {
        let count = (offsets.end - offsets.begin) as usize;
        let read = backends.log.read(topic, offsets.partition, offsets.begin, count).await.unwrap();
        assert_eq!(read.len(), count, "{topic}/{} has no holes", offsets.partition);
        records.extend(read);
    }
    records
}

/// The oracle.
async fn check(data: &Path, acknowledged: &BTreeSet<String>, watched: &[(String, f64)]) {
    let model = ModelId::new("multilingual-e5-small-q4").unwrap();
    let config = ConnectConfig::new(data.to_owned(), model.clone(), 384);
    let backends = open_data_dir(&config, Arc::new(SystemClock) as Arc<dyn Clock>).unwrap();
    for (group, topic) in [
        ("behaviour", Topic::UserAction),
        ("inventory", Topic::ProductInventory),
        ("notify", Topic::NotificationPush),
    ] {
        for offsets in backends.log.offsets(topic, group).await.unwrap() {
            assert_eq!(offsets.lag(), 0, "{group} has committed all of {topic}/{}", offsets.partition);
        }
    }
    assert!(all_records(&backends, Topic::UserActionDlq).await.is_empty(), "nothing was dead-lettered");

    // The log holds what was acknowledged, and folds offline to what the stores hold.
    let mut log: Vec<(UserAction, Position)> = Vec::new();
    let mut traces: HashMap<UserId, BTreeSet<TraceId>> = HashMap::new();
    let mut seen = BTreeSet::new();
    for record in all_records(&backends, Topic::UserAction).await {
        let action: UserAction = backends.codec.decode(&record.value).unwrap();
        if !seen.insert(action.trace_id.clone()) {
            continue; // A repeat: no second effect.
        }
        traces.entry(action.user_id.clone()).or_default().insert(action.trace_id.clone());
        log.push((action, record.position));
    }
    let products: BTreeSet<ProductId> =
        log.iter().filter_map(|(action, _)| action.product_id.clone()).collect();
    let products: Vec<ProductId> = products.into_iter().collect();
    let vectors = backends.catalog.vectors(&products).await.unwrap();
    let vectors = products.into_iter().zip(vectors).collect();
    let folded = offline(log.iter().map(|(action, position)| (action, *position)), &vectors, &model);
    for trace in acknowledged {
        assert!(seen.contains(trace.as_str()), "acknowledged event `{trace}` is in the log");
    }
    let mut waited = 0;
    for (user, expected) in &folded {
        let traces = &traces[user];
        let stored =
            backends.preferences.load(std::slice::from_ref(user)).await.unwrap().pop().flatten().unwrap();
        assert_eq!(stored.action_count, expected.action_count, "actions of {user}");
        assert!(stored.pending.is_empty(), "nothing of {user} waits: {:?}", stored.pending);
        let is_waiter = user.as_str().contains("waiter");
        let apart = apart(stored.vector.as_ref(), expected.vector.as_ref());
        let apart_max = if is_waiter { 1e-4 } else { 1e-6 };
        assert!(apart <= apart_max, "the vector of {user} is {apart} from the fold");
        let sums_apart = sums_apart(&stored, expected);
        assert!(sums_apart <= SUMS_APART_MAX, "shares of {user} are {sums_apart} apart");
        waited += if is_waiter { stored.action_count } else { 0 };
        let page = backends.behaviour.history(user, None, 1000).await.unwrap();
        let mut documents: Vec<TraceId> = page.items.into_iter().map(|d| d.action.trace_id).collect();
        let mut next = page.next;
        while let Some(cursor) = next {
            let page = backends.behaviour.history(user, Some(&cursor), 1000).await.unwrap();
            documents.extend(page.items.into_iter().map(|d| d.action.trace_id));
            next = page.next;
        }
        assert_eq!(documents.len(), traces.len(), "documents of {user}");
        assert_eq!(&documents.into_iter().collect::<BTreeSet<_>>(), traces, "documents of {user}");
    }
    println!("{waited} actions on products that came late");
    assert!(waited > 0);
    check_notifications(&backends, watched).await;
}

/// Each price drop in the log is in the inbox of whoever has the product in the cart: once, and not never.
async fn check_notifications(backends: &Backends, watched: &[(String, f64)]) {
    let mut drops = 0;
    let changes: Vec<InventoryChange> = all_records(backends, Topic::ProductInventory)
        .await
        .iter()
        .map(|record| backends.codec.decode(&record.value).unwrap())
        .collect();
    for (id, _) in watched {
        let user = UserId::new(format!("watcher-{id}")).unwrap();
        let inbox = backends.notifications.inbox(&user, None, 1000).await.unwrap().items;
        assert!(inbox.len() < 20, "{user} is under the hourly cap, so nothing was muted");
        let ids: Vec<_> = inbox.iter().map(|item| item.notification.notification_id.clone()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{user} was told nothing twice");
        let of_product = changes.iter().filter(|change| change.product_id.as_str() == id);
        for change in real_drops(of_product) {
            let expected = Notification::id_of(change, NotificationKind::PriceDrop, &user);
            assert!(ids.contains(&expected), "{user} was told of {change:?}");
            drops += 1;
        }
    }
    println!("{drops} price drops told once each");
    assert!(drops > 0);
}
