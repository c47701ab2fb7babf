//! Bulks with mixed outcomes, against a server that answers as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rep_backends::SystemClock;
use rep_backends::elasticsearch::{Client, ElasticsearchBehaviour, ElasticsearchConfig};
use rep_core::contract::support::{action, at, new_product, new_user, position};
use rep_core::ports::StoreErrorKind;
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome};
use rep_core::{ActionType, TraceId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers requests with what a function of path and body says, and counts them; but for how many documents of before
/// there are: none.
struct Told {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Told {
    async fn new(answer: impl FnMut(&str, &str) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, counted) = (Arc::clone(&answer), Arc::clone(&counted));
                tokio::spawn(async move {
                    let _ = serve(stream, |path: &str, body: &str| {
                        counted.fetch_add(1, Ordering::Relaxed);
                        (*answer.lock())(path, body)
                    })
                    .await;
                });
            }
        });
        Self { url, requests }
    }

    fn store(&self) -> ElasticsearchBehaviour {
        let client = Client::new(&ElasticsearchConfig::new(self.url.clone())).unwrap();
        ElasticsearchBehaviour::new(client, Arc::new(SystemClock))
    }
}

async fn serve(
    mut stream: TcpStream,
    mut answer: impl FnMut(&str, &str) -> (u16, Value),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        let length = length.unwrap_or(0);
        while bytes.len() < length {
            stream.read_buf(&mut bytes).await?;
        }
        let body = String::from_utf8(bytes.drain(..length).collect()).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let (status, value) = if path.contains("_count") {
            (200, json!({ "count": 0, "_shards": { "failed": 0 } }))
        } else {
            answer(path, &body)
        };
        let text = value.to_string();
        let head = format!(
            "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(text.as_bytes()).await?;
    }
}

/// The trace ids of the documents.
fn ids(body: &str) -> Vec<String> {
    let lines = body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| Some(line["traceId"].as_str()?.to_owned())).collect()
}

fn item(status: u16, kind: &str) -> Value {
    if kind.is_empty() {
        return json!({ "create": { "status": status } });
    }
    json!({ "create": { "status": status, "error": { "type": kind, "reason": "as told" } } })
}

fn documents(names: &[&str]) -> Vec<BehaviourDocument> {
    let (user, product) = (new_user(), new_product());
    let document = |(name, offset): (&&str, u64)| {
        let mut action = action(&user, ActionType::View, &product, at(0));
        action.trace_id = TraceId::new(name).unwrap();
        BehaviourDocument { action, position: position(1, offset), appended_at: at(0) }
    };
    names.iter().zip(0..).map(document).collect()
}

/// "One `_bulk` with 429, 503, 400 and 409 mixed: retry only 429 and 5xx; 400 refused alone; 409 on create is success;
/// indexed + refused + duplicates = input."
#[tokio::test]
async fn only_items_that_the_server_was_too_busy_for_are_tried_again() {
    let seen: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let asked = Arc::clone(&seen);
    let mut tries = 0;
    let told = Told::new(move |path, body| {
        if path.contains("_mget") {
            let place = |offset: u64| json!({ "_source": { "position": position(1, offset) }, "found": true,
                "_id": "x", "_seq_no": 1, "_primary_term": 1 });
            // The redelivery stands at its own place, the repeat at another.
            return (200, json!({ "docs": [place(4), place(77)] }));
        }
        tries += 1;
        let ids = ids(body);
        let answer = |id: &String| match (id.as_str(), tries) {
            ("busy", 1) => item(429, "es_rejected_execution_exception"),
            ("away", 1 | 2) => item(503, "unavailable_shards_exception"),
            ("never", _) => item(503, "unavailable_shards_exception"),
            ("bad", _) => item(400, "document_parsing_exception"),
            ("full", _) => json!({ "create": { "status": 429, "error": {
                "type": "cluster_block_exception",
                "reason": "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];",
            } } }),
            ("again" | "repeat", _) => item(409, "version_conflict_engine_exception"),
            _ => item(201, ""),
        };
        let items: Vec<Value> = ids.iter().map(answer).collect();
        asked.lock().push(ids);
        (200, json!({ "errors": true, "items": items }))
    })
    .await;
    let names = ["good", "busy", "bad", "away", "again", "full", "repeat", "never", "good2"];
    let outcomes = told.store().index(documents(&names)).await.unwrap();
    use IndexOutcome::{Created, Duplicate, Failed, Redelivered};
    assert_eq!(outcomes.len(), names.len());
    assert_eq!([0, 1, 3, 8].map(|at| outcomes[at].clone()), [Created, Created, Created, Created]);
    assert_eq!([outcomes[4].clone(), outcomes[6].clone()], [Redelivered, Duplicate]);
    assert!(matches!(&outcomes[2], Failed { retryable: false, .. }), "{:?}", outcomes[2]);
    assert!(matches!(&outcomes[5], Failed { retryable: true, .. }), "{:?}", outcomes[5]);
    assert!(matches!(&outcomes[7], Failed { retryable: true, .. }), "{:?}", outcomes[7]);
    let tried: Vec<Vec<String>> = seen.lock().clone();
    let expected: [&[&str]; 4] = [&names, &["busy", "away", "never"], &["away", "never"], &["never"]];
    assert_eq!(tried, expected);
}

#[tokio::test]
async fn a_server_that_answers_too_little_is_not_believed() {
    let told = Told::new(|_, _| (200, json!({ "errors": false, "items": [item(201, "")] }))).await;
    let error = told.store().index(documents(&["a", "b"])).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let told = Told::new(|_, _| (200, json!("fine"))).await;
    assert!(told.store().index(documents(&["a"])).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_bulk_that_is_refused_as_a_whole_is_tried_again_if_that_may_help() {
    let mut tries = 0;
    let told = Told::new(move |_, body| {
        tries += 1;
        if tries == 1 {
            let error = json!({ "type": "es_rejected_execution_exception", "reason": "coordinating operation bytes" });
            return (429, json!({ "error": error, "status": 429 }));
        }
        (200, json!({ "items": ids(body).iter().map(|_| item(201, "")).collect::<Vec<_>>() }))
    })
    .await;
    assert_eq!(told.store().index(documents(&["a", "b"])).await.unwrap(), vec![IndexOutcome::Created; 2]);
    assert_eq!(told.requests.load(Ordering::Relaxed), 2);
    for (status, kind, is_tried) in [
        (413, StoreErrorKind::Invalid, 1),
        (400, StoreErrorKind::Invalid, 1),
        (401, StoreErrorKind::Unavailable, 1),
        (502, StoreErrorKind::Unavailable, 1),
    ] {
        let told = Told::new(move |_, _| (status, json!({ "error": "as told" }))).await;
        let error = told.store().index(documents(&["a"])).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(told.requests.load(Ordering::Relaxed), is_tried, "{status}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let longest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&longest);
    let told = Told::new(move |_, body| {
        seen.fetch_max(body.len(), Ordering::Relaxed);
        (200, json!({ "items": ids(body).iter().map(|_| item(201, "")).collect::<Vec<_>>() }))
    })
    .await;
    let config = ElasticsearchConfig { bulk_bytes_max: 20_000, ..ElasticsearchConfig::new(told.url.clone()) };
    let store = ElasticsearchBehaviour::new(Client::new(&config).unwrap(), Arc::new(SystemClock));
    let names: Vec<String> = (0..500).map(|i| format!("t{i}")).collect();
    let mut documents = documents(&names.iter().map(String::as_str).collect::<Vec<_>>());
    documents[250].action.metadata = [("long".to_owned(), "x".repeat(50_000))].into();
    assert_eq!(store.index(documents).await.unwrap(), vec![IndexOutcome::Created; 500]);
    let requests = told.requests.load(Ordering::Relaxed);
    assert!((8..=30).contains(&requests), "{requests}");
    assert!((50_000..51_000).contains(&longest.load(Ordering::Relaxed)), "the long one goes alone");
}
