//! Who shops while things break: what was acknowledged to them is an obligation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rep_core::{ActionType, PENDING_MAX, ProductId, SessionId, Timestamp, TraceId, UserAction, UserId};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::run::{PRICE, PRICES_LOWERED, Run};
use crate::support::Random;

/// Longest time from the end of a fault until everything is acknowledged again, as promised.
pub(crate) const RECOVER_MAX: Duration = Duration::from_secs(180);
/// Clients, each with shoppers of its own.
pub(crate) const CLIENTS: u64 = 3;
/// Shoppers of a client.
const SHOPPERS: u64 = 8;
/// Shoppers of a client who act on what is not in the catalogue yet.
const WAITERS: u64 = 8;
/// Most such actions of one of them: all of them may wait at once.
const WAITING_MAX: usize = PENDING_MAX - 2;
/// Pause between two late products.
const SUPPLY_PAUSE: Duration = Duration::from_millis(1500);
/// Pause of a client between two batches: some 250 events a second in all.
const PAUSE: Duration = Duration::from_millis(100);
/// Pause of the merchant between two prices.
const PRICE_PAUSE: Duration = Duration::from_millis(900);
/// Pause before what was not acknowledged is sent again.
const AGAIN: Duration = Duration::from_millis(100);
/// Wrong answers that are kept.
const WRONG_MAX: usize = 20;

/// What was sent, and what came of it.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By trace id.
    pub(crate) sent: BTreeMap<TraceId, UserAction>,
    /// Those that were acknowledged.
    pub(crate) acknowledged: BTreeSet<TraceId>,
    /// Prices in minor units that were acknowledged, in order.
    pub(crate) prices: BTreeMap<ProductId, Vec<i64>>,
    /// Answers with 503.
    pub(crate) refused: usize,
    /// Calls without an answer.
    pub(crate) broken: usize,
    /// Answers that nobody may get.
    pub(crate) wrong: Vec<String>,
}

/// What the clients share.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) ledger: Mutex<Ledger>,
    /// Since when nothing new is sent.
    over: Mutex<Option<Instant>>,
}

/// What became of one call.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 2xx.
    Taken(Value),
    /// 503 as it must be: with Retry-After, as a problem.
    Refused,
    /// No answer at all.
    Broken,
    /// Anything else.
    Wrong(String),
}

/// Calls an API once.
pub(crate) fn call(agent: &ureq::Agent, method: &str, url: &str, body: &Value) -> Answer {
    let request = ureq::http::Request::builder().method(method).uri(url);
    let request = match request.header("content-type", "application/json").body(body.to_string()) {
        Ok(request) => request,
        Err(error) => return Answer::Wrong(error.to_string()),
    };
    let Ok(mut answer) = agent.run(request) else { return Answer::Broken };
    let (status, header) = (answer.status(), |name: &str| answer.headers().get(name).cloned());
    let (again, kind) = (header("retry-after"), header("content-type"));
    let Ok(text) = answer.body_mut().read_to_string() else { return Answer::Broken };
    let is_problem = kind.is_some_and(|kind| kind == "application/problem+json");
    match status.as_u16() {
        200..300 => match serde_json::from_str(&text) {
            Ok(value) => Answer::Taken(value),
            Err(_) => Answer::Wrong(format!("{status} without JSON: {text}")),
        },
        503 if again.is_some() && is_problem => Answer::Refused,
        _ => Answer::Wrong(format!("{method} {url}: {status}, Retry-After {again:?}: {text}")),
    }
}

/// A client that waits longer than any bound of the API.
pub(crate) fn patient() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(90)))
        .build();
    config.into()
}

impl Load {
    pub(crate) fn is_over(&self) -> bool {
        self.over.lock().is_some()
    }

    /// Nothing new is sent from now on; what was sent is sent until it is acknowledged.
    pub(crate) fn end(&self) {
        *self.over.lock() = Some(Instant::now());
    }

    /// Calls one API after the other until one acknowledges: an answer that was lost is no failure.
    fn until_acknowledged(&self, cluster: &Cluster, method: &str, path: &str, body: &Value) -> Option<Value> {
        let agent = patient();
        for attempt in 0.. {
            let apis = cluster.urls("api");
            if !apis.is_empty() {
                let url = format!("{}{path}", apis[attempt % apis.len()]);
                let answer = call(&agent, method, &url, body);
                let mut ledger = self.ledger.lock();
                match answer {
                    Answer::Taken(value) => return Some(value),
                    Answer::Refused => ledger.refused += 1,
                    Answer::Broken => ledger.broken += 1,
                    Answer::Wrong(answer) if ledger.wrong.len() < WRONG_MAX => ledger.wrong.push(answer),
                    Answer::Wrong(_) => {}
                }
            }
            if self.over.lock().is_some_and(|over| over.elapsed() > RECOVER_MAX) {
                self.ledger
                    .lock()
                    .wrong
                    .push(format!("{method} {path} not acknowledged within {RECOVER_MAX:?}"));
                return None;
            }
            std::thread::sleep(AGAIN);
        }
        None
    }

    /// Sends `actions` until they are acknowledged.
    pub(crate) fn post(&self, cluster: &Cluster, actions: &[UserAction]) {
        let sent = actions.iter().map(|action| (action.trace_id.clone(), action.clone()));
        self.ledger.lock().sent.extend(sent);
        let body = Value::Array(actions.iter().map(event_of).collect());
        let Some(answer) = self.until_acknowledged(cluster, "POST", "/events", &body) else { return };
        let mut ledger = self.ledger.lock();
        for (result, action) in answer["results"].as_array().into_iter().flatten().zip(actions) {
            match result["status"].as_str() {
                Some("accepted" | "duplicate") => {
                    ledger.acknowledged.insert(action.trace_id.clone());
                }
                _ => ledger.wrong.push(format!("`{}`: {result}", action.trace_id)),
            }
        }
    }

    /// A client of its own shoppers; now and then it repeats an event it sent before.
    pub(crate) fn shop(&self, cluster: &Cluster, run: &Run, number: u64, mut random: Random) {
        let mut sent: Vec<UserAction> = Vec::new();
        let mut waiting = [0; WAITERS as usize];
        while !self.is_over() {
            let mut batch = Vec::new();
            for _ in 0..10 + random.below(30) {
                if !sent.is_empty() && random.below(10) == 0 {
                    batch.push(sent[random.below(sent.len() as u64) as usize].clone());
                    continue;
                }
                let waiter = random.below(WAITERS);
                let waits = random.below(16) == 0 && waiting[waiter as usize] < WAITING_MAX;
                let (user, product) = if waits {
                    waiting[waiter as usize] += 1;
                    (format!("{}-w{number}-{waiter}", run.name), run.late_product(&mut random))
                } else {
                    let user = format!("{}-c{number}-{}", run.name, random.below(SHOPPERS));
                    (user, &run.products[random.below(run.products.len() as u64) as usize])
                };
                let kind = ActionType::KNOWN[random.below(ActionType::KNOWN.len() as u64) as usize];
                // Searches would need the model to be judged.
                let kind = if kind == ActionType::Search { ActionType::Click } else { kind };
                let trace = format!("{}-c{number}-{}", run.name, sent.len() + batch.len());
                batch.push(action(&trace, &user, product, kind));
            }
            self.post(cluster, &batch);
            sent.extend(batch);
            std::thread::sleep(PAUSE);
        }
    }

    /// Puts products into the catalogue until they are taken.
    pub(crate) fn put(&self, cluster: &Cluster, products: &Value) {
        let answer = self.until_acknowledged(cluster, "POST", "/products", products);
        if let Some(answer) = answer.filter(|answer| answer["rejected"] != 0) {
            self.ledger.lock().wrong.push(format!("products are not taken: {answer}"));
        }
    }

    /// Puts one late product after the other, and what is left of them in the end.
    pub(crate) fn supply(&self, cluster: &Cluster, run: &Run) {
        while !self.is_over() && !run.stock(cluster, 1) {
            std::thread::sleep(SUPPLY_PAUSE);
        }
        run.stock(cluster, run.late.len());
    }

    /// Lowers the price of one watched product after the other, each time below all before, and raises it again.
    pub(crate) fn change_prices(&self, cluster: &Cluster, run: &Run) {
        let drops = PRICES_LOWERED
            .iter()
            .flat_map(|lowered| run.watched.iter().map(move |product| (lowered, product)));
        for (lowered, product) in drops {
            for price in [*lowered, PRICE] {
                if self.is_over() {
                    return;
                }
                let body = json!({ "price": format!("{}.{:02}", price / 100, price % 100) });
                let path = format!("/products/{product}");
                if self.until_acknowledged(cluster, "PATCH", &path, &body).is_none() {
                    return;
                }
                self.ledger.lock().prices.entry(product.clone()).or_default().push(price);
                std::thread::sleep(PRICE_PAUSE);
            }
        }
    }
}

/// An action of now, with something in each field.
pub(crate) fn action(trace: &str, user: &str, product: &ProductId, kind: ActionType) -> UserAction {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    UserAction {
        trace_id: TraceId::new(trace).expect("it is short"),
        user_id: UserId::new(user).expect("it is short"),
        action_type: kind,
        product_id: Some(product.clone()),
        search_query: None,
        session_id: Some(SessionId::new(format!("session-{user}")).expect("it is short")),
        timestamp: Timestamp::from_ms(now as i64),
        metadata: BTreeMap::from([("said".to_owned(), format!("{trace} \u{1f525} \"{product}\""))]),
    }
}

/// As `POST /events` takes it.
pub(crate) fn event_of(action: &UserAction) -> Value {
    let mut event = serde_json::to_value(action).expect("an action is JSON");
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    event
}
