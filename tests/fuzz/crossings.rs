//! One shopper's attempts to read or write what is another's: every route that names a shopper, by every place where one
//! can be named, in every spelling that might be taken for another. None may succeed.

mod attempts;

use std::time::{Duration, Instant};

use rep_api::{TokenRules, UserTokens};
use rep_core::{Timestamp, UserId};
use serde_json::{Value, json};
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use ureq::http::{Request, Response};
use ureq::middleware::MiddlewareNext;
use ureq::{Agent, Body, SendBody};

use self::attempts::{Attempt, Known};
use super::{Sent, agent, count, header, now_ms, nth, text_of};
use crate::support::{Rep, seed, wait_drained, wait_until};

const OPERATOR: &str = "an operator's token of 32 bytes and more";
const SECRET: &str = "a secret that is long enough for HS256";
/// Stands in whatever only ben may see.
const CANARY: &str = "canary-7f3a";
/// Attempts between two looks at what is ben's.
const LOOK_EVERY: usize = 500;

struct Shop {
    rep: Rep,
    agent: Agent,
    /// For WebSockets: a connection that became one takes no further request.
    upgrading: Agent,
    api: String,
    _folder: tempfile::TempDir,
}

fn token(user: &str, secret: &str) -> String {
    let tokens = UserTokens::new(secret.as_bytes(), TokenRules::default()).unwrap();
    let (now, until) = (Timestamp::from_ms(now_ms()), Timestamp::from_ms(now_ms() + 24 * 3_600_000));
    tokens.mint(&UserId::new(user).unwrap(), now, until).unwrap()
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("rep.toml");
        // An attempt that is refused for being one of many says nothing.
        let settings = format!(
            "operator-token = \"{OPERATOR}\"\ntoken-secret = \"{SECRET}\"\nrequests-rate = 0\nevents-rate = 0\n"
        );
        std::fs::write(&config, settings).unwrap();
        let config = config.display().to_string();
        let data = folder.path().join("data");
        let rep = Rep::start(&data, &["--config", &config, "--products", "40", "--no-simulator"]);
        let (agent, upgrading, api) = (agent(3), agent(0), rep.url("api"));
        Self { rep, agent, upgrading, api, _folder: folder }
    }

    /// What `token` is answered, which must be `status`.
    fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>, status: u16) -> Value {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        headers.push((CONTENT_TYPE.to_string(), "application/json".to_owned()));
        headers.push(("idempotency-key".to_owned(), "ben-key".to_owned()));
        let body = body.map(|body| body.to_string());
        let sent = Sent { method: method.to_owned(), url: format!("{}{path}", self.api), headers, body };
        let mut answer = sent.send(&self.agent).unwrap();
        let text = text_of(&mut answer);
        assert_eq!(answer.status().as_u16(), status, "{sent:?}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Ben acts, is told of something, and says what he wants; ann has acted too.
    fn fill(&self) -> Known {
        let (ann, ben) = (token("ann", SECRET), token("ben", SECRET));
        let products = self.call("GET", "/products?limit=2", OPERATOR, None, 200);
        let product = products["items"][0]["productId"].as_str().unwrap().to_owned();
        let price: f64 = products["items"][0]["price"].as_str().unwrap().parse().unwrap();
        let event = |user: &str, n: usize, action: &str| {
            let mut event = json!({"userId": user, "actionType": action, "productId": product});
            if action == "SEARCH" {
                event =
                    json!({"userId": user, "actionType": action, "searchQuery": format!("{CANARY} tent")});
            }
            if user == "ben" {
                event["traceId"] = format!("{CANARY}-{n}").into();
                event["sessionId"] = format!("{CANARY}-visit").into();
            }
            event
        };
        let of_ben: Vec<Value> = ["SEARCH", "CLICK", "ADD_TO_CART"]
            .iter()
            .enumerate()
            .map(|(n, action)| event("ben", n, action))
            .collect();
        self.call("POST", "/events", &ben, Some(of_ben.into()), 202);
        self.call("POST", "/events", &ann, Some(json!([event("ann", 0, "CLICK")])), 202);
        let settings = json!({"inApp": true, "push": false, "sms": true,
                              "kinds": {"priceDrop": true, "backInStock": true, "lowStock": true}});
        self.call("PUT", "/users/ben/notification-settings", &ben, Some(settings), 200);
        wait_until("what they did has had its effect", Duration::from_secs(20), || {
            let seen = |user| self.call("GET", &format!("/users/{user}/history"), OPERATOR, None, 200);
            seen("ben")["items"].as_array().unwrap().len() == 3
                && !seen("ann")["items"].as_array().unwrap().is_empty()
        });
        let cheaper = json!({"price": format!("{:.2}", price / 2.0)});
        self.call("PATCH", &format!("/products/{product}"), OPERATOR, Some(cheaper), 200);
        let mut told = Value::Null;
        wait_until("ben is told of the price", Duration::from_secs(20), || {
            told = self.call("GET", "/notifications?userId=ben", &ben, None, 200);
            !told["items"].as_array().unwrap().is_empty()
        });
        let page = self.call("GET", "/users/ben/history?limit=1", &ben, None, 200);
        Known {
            api: self.api.clone(),
            ann,
            ben,
            product,
            notification: told["items"][0]["notificationId"].as_str().unwrap().to_owned(),
            cursor: page["nextCursor"].as_str().unwrap_or("none").to_owned(),
        }
    }

    /// All that is ben's, as an operator sees it.
    fn of_ben(&self) -> [Value; 4] {
        let see = |path: &str| self.call("GET", path, OPERATOR, None, 200);
        // Other fields of it fade with time.
        let counted = see("/users/ben/preference")["actionCount"].take();
        let inbox = see("/notifications?userId=ben");
        [see("/users/ben/history"), see("/users/ben/notification-settings"), inbox, counted]
    }
}

/// Every shopper that an answer names.
fn users_in(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(user) = fields.get("userId").and_then(Value::as_str) {
                found.push(user.to_owned());
            }
            fields.values().for_each(|value| users_in(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| users_in(value, found)),
        _ => {}
    }
}

/// How attempts were answered.
#[derive(Default)]
struct Seen {
    served: usize,
    /// Of those, streams.
    streams: usize,
    /// Refused for their number, which says nothing of whose they were.
    turned_away: usize,
}

/// What an attempt got that it should not have.
fn crossing(attempt: &Attempt, shop: &Shop, known: &Known, seen: &mut Seen) -> Option<String> {
    let mut sent = attempt.sent.clone();
    if attempt.by_ticket {
        let ticket = shop.call("POST", "/notifications/ticket?userId=ann", &known.ann, None, 200);
        let join = if sent.url.contains('?') { '&' } else { '?' };
        sent.url += &format!("{join}ticket={}", ticket["ticket"].as_str().unwrap());
    }
    let upgrades = sent.headers.iter().any(|(name, _)| name == "upgrade");
    let mut answer = sent.send(if upgrades { &shop.upgrading } else { &shop.agent })?;
    let status = answer.status().as_u16();
    seen.turned_away += usize::from(status == 429);
    let is_stream = header(&answer, CONTENT_TYPE).starts_with("text/event-stream") || status == 101;
    let text = text_of(&mut answer);
    if text.contains(CANARY) {
        return Some(format!("what only ben may see ({status}): {text:.300}"));
    }
    if status >= 400 {
        return None;
    }
    seen.served += 1;
    seen.streams += usize::from(is_stream);
    if !attempt.is_good {
        return Some(format!("served ({status}) without a token that is good: {text:.300}"));
    }
    if is_stream && !attempt.is_own {
        return Some(format!("a stream was opened ({status})"));
    }
    if attempt.is_bens && status < 300 {
        return Some(format!("done ({status}): {text:.300}"));
    }
    let mut users = Vec::new();
    users_in(&serde_json::from_str(&text).unwrap_or_default(), &mut users);
    let other = users.iter().find(|user| *user != "ann")?;
    Some(format!("it names `{other}` ({status}): {text:.300}"))
}

#[test]
fn no_shopper_reads_or_writes_what_is_anothers() {
    let shop = Shop::open();
    let known = shop.fill();
    let before = shop.of_ben();
    assert!(before[0].to_string().contains(CANARY), "the canary is where it must not be seen: {}", before[0]);
    let (seed, attempts, began) = (seed(), count("REP_FUZZ_ATTEMPTS", 2_000), Instant::now());
    let (mut seen, mut crossings) = (Seen::default(), Vec::new());
    for number in 0..attempts {
        let attempt = Attempt::make(&known, &mut nth(seed, number));
        if let Some(crossing) = crossing(&attempt, &shop, &known, &mut seen) {
            crossings.push(format!("attempt {number}: {crossing}\n  {:.900?}", attempt.sent));
        }
        if (number + 1) % LOOK_EVERY == 0 && shop.of_ben() != before {
            crossings.push(format!("by attempt {number} something of ben's has changed"));
            break;
        }
    }
    let took = began.elapsed();
    // What was taken in by then has had its effect.
    let operator = agent_of_operator();
    wait_drained(&operator, &shop.api);
    if shop.of_ben() != before {
        crossings.push(format!("something of ben's has changed: {:?}, was {before:?}", shop.of_ben()));
    }
    let Seen { served, streams, turned_away } = seen;
    println!(
        "{attempts} attempts in {took:.1?}, {served} served to their own, {streams} of them streams, {} crossings",
        crossings.len()
    );
    assert!(
        crossings.is_empty(),
        "REP_TEST_SEED={seed}\n{}",
        crossings[..crossings.len().min(10)].join("\n")
    );
    assert!(
        served > attempts / 50,
        "only {served} of {attempts} were served: the attempts miss what there is"
    );
    assert!(streams > 0 && turned_away < attempts / 50, "{streams} streams, {turned_away} times 429");
    assert!(shop.rep.stop().success());
}

/// An agent whose every request is an operator's.
fn agent_of_operator() -> Agent {
    Agent::config_builder().http_status_as_error(false).middleware(as_operator).build().into()
}

fn as_operator(
    mut request: Request<SendBody<'_>>,
    next: MiddlewareNext<'_>,
) -> Result<Response<Body>, ureq::Error> {
    let bearer = HeaderValue::from_str(&format!("Bearer {OPERATOR}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, bearer);
    next.handle(request)
}
