//! What ann tries.

use serde_json::json;

use super::{SECRET, Sent, token};
use crate::fuzz::{encoded, one_in, pick};
use crate::support::Random;

/// What ann knows: more than she should.
pub(super) struct Known {
    pub(super) api: String,
    pub(super) ann: String,
    pub(super) ben: String,
    pub(super) product: String,
    /// One of ben's.
    pub(super) notification: String,
    /// Where a page of ben's history ended.
    pub(super) cursor: String,
}

/// A request, and what follows if it is served.
pub(super) struct Attempt {
    pub(super) sent: Sent,
    /// Its token is ann's own.
    pub(super) is_good: bool,
    /// It names ann, and nobody else.
    pub(super) is_own: bool,
    /// It is for something that is ben's alone, whomever it names.
    pub(super) is_bens: bool,
    /// It comes with a ticket that ann got for her own streams, not with a token.
    pub(super) by_ticket: bool,
}

/// Of `ben`, and of what might be taken for it, as they stand in an address; the last one is ann herself.
const SPELLINGS: [&str; 40] = [
    "ben",
    "%62en",
    "%2562en",
    "%252562en",
    "b%65n",
    "BEN",
    "Ben",
    "beN",
    "ben.",
    "ben/",
    "ben//",
    "/ben",
    "./ben",
    "../ben",
    "ann/../ben",
    "ann%2F..%2Fben",
    "ben%2F",
    "ben%2f..%2fann",
    "%2e/ben",
    "ben%00",
    "ben%00ann",
    "ben%20",
    "%20ben",
    "ben+",
    "ben%0d%0a",
    "ben%09",
    "b%D0%B5n",
    "%EF%BD%82%EF%BD%85%EF%BD%8E",
    "be%E2%80%8Bn",
    "be%E2%80%8Dn",
    "ben%CC%81",
    "%EF%BB%BFben",
    "ben;ann",
    "ann;ben",
    "ann,ben",
    "ben%3Fx",
    "ben%23",
    "%C0%A2en",
    "*",
    "ann",
];

/// Routes below `/users/`, and whether they are for shoppers at all.
const OF_USERS: [(&str, &str); 6] = [
    ("GET", "preference"),
    ("GET", "history"),
    ("GET", "changes"),
    ("GET", "notification-settings"),
    ("PUT", "notification-settings"),
    ("DELETE", ""),
];
const BY_QUERY: [(&str, &str); 9] = [
    ("GET", "/recommendations"),
    ("POST", "/recommendations"),
    ("GET", "/search?q=tent"),
    ("POST", "/search?q=tent"),
    ("GET", "/notifications"),
    ("GET", "/notifications/stream"),
    ("GET", "/notifications/ws"),
    ("POST", "/notifications/ticket"),
    ("GET", "/topics/user.action.v1/events?last=20"),
];
const OF_OPERATORS: [(&str, &str); 8] = [
    ("GET", "/users"),
    ("GET", "/events/recent"),
    ("GET", "/live"),
    ("GET", "/live/history"),
    ("GET", "/status"),
    ("GET", "/dead-letters"),
    ("GET", "/topics/user.action.v1/events?fromBeginning=true"),
    ("GET", "/metrics"),
];
/// Routes that open a stream, for which there are tickets.
const STREAMS: [&str; 4] = ["/notifications/stream", "/notifications/ws", "/changes", "/live"];
/// What a browser sends to open a WebSocket.
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
/// Headers by which some servers are told who calls, or what is meant.
const HEADERS: [(&str, &str); 14] = [
    ("x-user-id", "ben"),
    ("x-forwarded-user", "ben"),
    ("x-remote-user", "ben"),
    ("user-id", "ben"),
    ("cookie", "userId=ben"),
    ("x-original-url", "/users/ben/history"),
    ("x-rewrite-url", "/users/ben/history"),
    ("x-http-method-override", "DELETE"),
    ("forwarded", "for=127.0.0.1;host=localhost"),
    ("x-forwarded-for", "127.0.0.1"),
    ("last-event-id", "0"),
    ("idempotency-key", "ben-key"),
    ("host", "localhost"),
    ("x-forwarded-prefix", "/users/ben"),
];
/// `{"alg":"none"}` and `{"sub":"ben","exp":9999999999,"iat":1}`.
const UNSIGNED: &str =
    "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJiZW4iLCJleHAiOjk5OTk5OTk5OTksImlhdCI6MX0.";

impl Attempt {
    pub(super) fn make(known: &Known, random: &mut Random) -> Self {
        let spelling = *pick(random, &SPELLINGS);
        let mut attempt = match random.below(10) {
            0..=2 => below_users(random, spelling),
            3..=5 => by_query(random, spelling),
            6 => notification(known, random, spelling),
            7 | 8 => events(known, random, spelling),
            _ => for_operators(random),
        };
        if attempt.sent.url.contains("/history") && one_in(random, 3) {
            let join = if attempt.sent.url.contains('?') { '&' } else { '?' };
            attempt.sent.url += &format!("{join}cursor={}", encoded(&known.cursor));
        }
        let prefix =
            if one_in(random, 12) { *pick(random, &["/.", "//", "/api", "/users/ann/.."]) } else { "" };
        attempt.is_own &= prefix.is_empty();
        attempt.sent.url = format!("{}{prefix}{}", known.api, attempt.sent.url);
        attempt.sign(known, random);
        while one_in(random, 3) {
            let (name, value) = *pick(random, &HEADERS);
            // The client refuses to send two of `Host`.
            if name != "host" || attempt.sent.headers.iter().all(|(other, _)| other != name) {
                attempt.sent.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        attempt
    }

    fn of(method: &str, url: String) -> Self {
        let sent = Sent { method: method.to_owned(), url, headers: Vec::new(), body: None };
        Self { sent, is_good: false, is_own: false, is_bens: false, by_ticket: false }
    }

    /// Mostly with ann's own token, else with one that nobody gave her.
    fn sign(&mut self, known: &Known, random: &mut Random) {
        if STREAMS.iter().any(|path| self.sent.url.contains(path)) && one_in(random, 3) {
            (self.by_ticket, self.is_good) = (true, true);
            return;
        }
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (ann, ben) = (parts(&known.ann), parts(&known.ben));
        let forged = match random.below(50) {
            0 => Some(UNSIGNED.to_owned()),
            1 => Some(format!("{}.{}.{}", ann[0], ben[1], ann[2])),
            2 => Some(format!("{}.{}.", ben[0], ben[1])),
            3 => Some(token("ben", "another secret that is long enough")),
            4 => Some(SECRET.to_owned()),
            5 => Some(format!("{} {}", known.ann, UNSIGNED)),
            6 => None,
            _ => {
                self.is_good = true;
                Some(known.ann.clone())
            }
        };
        if let Some(token) = forged {
            self.sent.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        if one_in(random, 25) {
            self.sent.headers.push(("authorization".to_owned(), format!("Bearer {UNSIGNED}")));
        }
    }

    fn with_json(mut self, body: String) -> Self {
        self.sent.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        self.sent.body = Some(body);
        self
    }
}

fn below_users(random: &mut Random, spelling: &str) -> Attempt {
    let (method, rest) = *pick(random, &OF_USERS);
    // Ann may erase herself, but then there is nobody left to try.
    let spelling = if method == "DELETE" && spelling == "ann" { "ben" } else { spelling };
    let end = *pick(random, &["", "", "", "/", "/.", "?userId=ann", "?userId=ben", "%20", ";x", "?id=ann"]);
    let slash = if rest.is_empty() { "" } else { "/" };
    let mut attempt = Attempt::of(method, format!("/users/{spelling}{slash}{rest}{end}"));
    attempt.is_own = spelling == "ann" && matches!(end, "" | "?userId=ann" | "?userId=ben" | "?id=ann");
    if method != "PUT" {
        return attempt;
    }
    let sms = one_in(random, 2);
    let kinds = json!({"priceDrop": false, "backInStock": false, "lowStock": false});
    attempt.with_json(json!({"inApp": false, "push": true, "sms": sms, "kinds": kinds}).to_string())
}

fn by_query(random: &mut Random, spelling: &str) -> Attempt {
    let (method, path) = *pick(random, &BY_QUERY);
    let query = match random.below(8) {
        0 => format!("userId=ann&userId={spelling}"),
        1 => format!("userId={spelling}&userId=ann"),
        2 => format!("userId[]={spelling}&userId=ann"),
        3 => format!("user_id={spelling}&userId=ann"),
        4 => format!("userid={spelling}&USERID={spelling}&userId=ann"),
        5 => format!("userId=ann%26userId%3D{spelling}"),
        6 => format!("%75serId={spelling}"),
        _ => format!("userId={spelling}"),
    };
    let join = if path.contains('?') { '&' } else { '?' };
    let mut attempt = Attempt::of(method, format!("{path}{join}{query}"));
    // Other names than `userId` are nobody's.
    let names = |part: &&str| part.starts_with("userId=") || part.starts_with("%75serId=");
    let is_topic = path.starts_with("/topics");
    if path.ends_with("/ws") {
        attempt.sent.headers.extend(UPGRADE.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    attempt.is_own = !is_topic && query.split('&').filter(names).all(|part| part.ends_with("=ann"));
    if method == "POST" { attempt.with_json("{}".to_owned()) } else { attempt }
}

/// Ben's notification, read by ann under some name.
fn notification(known: &Known, random: &mut Random, spelling: &str) -> Attempt {
    let end = *pick(random, &["", "/", "%20", "."]);
    let url = format!("/notifications/{}{end}/read?userId={spelling}", known.notification);
    let mut attempt = Attempt::of("POST", url).with_json("{}".to_owned());
    attempt.is_bens = true;
    attempt
}

/// Events in the name of somebody else; a single one must be refused, and of several none of ben's may count.
fn events(known: &Known, random: &mut Random, spelling: &str) -> Attempt {
    let named = percent_decoded(spelling);
    let event =
        |user: &str| json!({"userId": user, "actionType": "CLICK", "productId": known.product}).to_string();
    let (ann, other) = (event("ann"), event(&named));
    let more = other.trim_start_matches('{').to_owned();
    let way = random.below(9);
    let body = match way {
        0 => other,
        1 => format!("[{ann},{other}]"),
        2 => format!(r#"{{"userId":"ann",{more}"#),
        3 => format!(r#"{{{},"userId":"ann"}}"#, more.trim_end_matches('}')),
        4 => other.replace("ben", "b\\u0065n"),
        5 => format!(r#"{{"userid":"ben","user_id":"ben",{}"#, ann.trim_start_matches('{')),
        6 => format!(r#"{{"metadata":{{"userId":"ben"}},{}"#, ann.trim_start_matches('{')),
        7 => other.replace(r#""userId":"#, r#""userId":["ann"],"userId":"#),
        _ => other.replace("CLICK", "PURCHASE"),
    };
    let query = *pick(random, &["", "?userId=ben", "?userId=ann"]);
    let mut attempt = Attempt::of("POST", format!("/events{query}")).with_json(body);
    attempt.is_bens = named != "ann" && matches!(way, 0 | 4 | 8);
    if one_in(random, 5) {
        attempt.sent.headers[0].1 = "application/x-ndjson".to_owned();
        attempt.sent.body = Some(format!("{ann}\n{}", event(&named)));
        attempt.is_bens = false;
    }
    attempt
}

fn for_operators(random: &mut Random) -> Attempt {
    let (method, path) = *pick(random, &OF_OPERATORS);
    let mut attempt = Attempt::of(method, path.to_owned());
    attempt.is_bens = true;
    attempt
}

/// As a program reads it that decodes once.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let pair = more.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
