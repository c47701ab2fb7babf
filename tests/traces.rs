//! Traces over processes: a real `rep`, and a collector that reads what it sends.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::support;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};

use support::cli::run;
use support::{Rep, client, get, up_args, wait_drained, wait_until};

const SOON: Duration = Duration::from_secs(180);
const PARENT: &str = "00f067aa0ba902b7";

/// What takes spans, on a port of its own.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (spans, services) = (Arc::<Mutex<Vec<Span>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (kept, named) = (Arc::clone(&spans), Arc::clone(&services));
        let take = async move |body: Bytes| {
            for of_service in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                let resource = of_service.resource.unwrap();
                let service =
                    resource.attributes.iter().find(|a| a.key_strindex == 0 && a.key == "service.name");
                named.lock().unwrap().push(format!("{:?}", service.unwrap().value));
                kept.lock().unwrap().extend(of_service.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, Router::new().route("/v1/traces", post(take))).await.unwrap();
            });
        });
        Self { url, spans, services }
    }

    /// The spans of `trace`.
    fn trace(&self, trace: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap();
        spans.iter().filter(|span| hex(&span.trace_id) == trace).cloned().collect()
    }

    /// Waits until `trace` has a span of each name, each the child of the one before; gives the first one's parent.
    #[track_caller]
    fn expect_chain(&self, trace: &str, names: &[&str]) -> String {
        let chain = || {
            let spans = self.trace(trace);
            let mut parents: Vec<Option<Vec<u8>>> = vec![None];
            for name in names {
                let is_next = |span: &&Span| {
                    span.name == *name
                        && parents.iter().any(|p| p.as_ref().is_none_or(|p| *p == span.parent_span_id))
                };
                parents = spans.iter().filter(is_next).map(|span| Some(span.span_id.clone())).collect();
            }
            let first = spans.iter().find(|span| span.name == names[0])?;
            (!parents.is_empty()).then(|| hex(&first.parent_span_id))
        };
        let mut parent = None;
        let began = std::time::Instant::now();
        while parent.is_none() {
            if began.elapsed() > SOON {
                let found: Vec<String> = self.trace(trace).iter().map(told).collect();
                panic!("no {names:?} among {found:#?}");
            }
            std::thread::sleep(Duration::from_millis(20));
            parent = chain();
        }
        parent.unwrap()
    }
}

fn told(span: &Span) -> String {
    format!("{} {} in {}", span.name, hex(&span.span_id), hex(&span.parent_span_id))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn post_event(api: &str, user: &str, action: &str, traceparent: &str) {
    let event = json!({"userId": user, "actionType": action, "productId": "p-000001"});
    let request = client().post(&format!("{api}/events")).header("traceparent", traceparent);
    assert_eq!(request.send_json(event).unwrap().status(), 202);
}

fn start(folder: &Path, collector: &str) -> (Rep, std::path::PathBuf) {
    let log = folder.join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rep"));
    command.args(up_args(&folder.join("data"))).args(["--products", "50", "--no-simulator", "--log-json"]);
    command.args(["--otlp", collector, "--otlp-sample", "1"]);
    command.stderr(std::fs::File::create(&log).unwrap());
    (Rep::spawn(command), log)
}

#[test]
fn one_trace_goes_from_a_request_to_all_that_follows_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let (rep, _) = start(folder.path(), &collector.url);
    let api = rep.url("api");
    let ids = [
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "0af7651916cd43dd8448eb211c80319c",
        "5b8efff798038103d269b633813fc60c",
    ];

    // What is acted on before it has a vector is held, in a span of its own.
    wait_until("every product has its vector", SOON, || {
        let products = &get(&client(), &format!("{api}/status"))["products"];
        products["total"] != 0 && products["embedded"] == products["total"]
    });
    post_event(&api, "ann", "CLICK", &format!("00-{}-{PARENT}-00", ids[0]));
    post_event(&api, "ann", "ADD_TO_CART", &format!("00-{}-{PARENT}-01", ids[1]));
    let to_vectors = ["POST /events", "append user.action.v1", "behaviour handle", "vectors"];
    assert_eq!(collector.expect_chain(ids[1], &to_vectors), PARENT);
    collector.expect_chain(ids[1], &["POST /events", "append user.action.v1", "behaviour index"]);
    wait_drained(&client(), &api);

    let product = format!("{api}/products/p-000001");
    let patch = client().patch(&product).header("traceparent", format!("00-{}-{PARENT}-01", ids[2]));
    assert_eq!(patch.send_json(json!({"price": "0.50"})).unwrap().status(), 200);
    let to_notification = [
        "PATCH /products/{id}",
        "append product.inventory.v1",
        "inventory handle",
        "append notification.push.v1",
        "notify handle",
        "deliver",
    ];
    assert_eq!(collector.expect_chain(ids[2], &to_notification), PARENT);

    let act = json!({"userId": "ben", "actionType": "CLICK", "productId": "p-000002"});
    let acted = client().post(&format!("{}/simulator/act", rep.url("simulator"))).send_json(act).unwrap();
    assert_eq!(acted.status(), 202);
    wait_until("a simulated action begins a trace", SOON, || {
        collector.spans.lock().unwrap().iter().any(|span| span.name == "simulated CLICK")
    });
    let begun = collector.spans.lock().unwrap().iter().find(|span| span.name == "simulated CLICK").cloned();
    let trace = hex(&begun.unwrap().trace_id);
    let to_handle = ["simulated CLICK", "append user.action.v1", "behaviour handle"];
    assert_eq!(collector.expect_chain(&trace, &to_handle), "");

    assert!(collector.trace(ids[0]).is_empty(), "who asks for no trace gets none");
    assert!(collector.services.lock().unwrap().iter().all(|service| service.contains("\"rep\"")));
    let tail = |more: &[&str]| {
        let args = ["tail", "user.action.v1", "--from-beginning", "--no-follow", "--api-url", &api];
        run(folder.path(), &[&args[..], more].concat()).out
    };
    let lines = tail(&["--json"]);
    let traces: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |id: &str| {
        traces.iter().filter(|l| l["traceparent"].as_str().unwrap_or_default().contains(id)).count()
    };
    assert_eq!((of(ids[0]), of(ids[1]), of(&trace)), (1, 1, 1), "{lines}");
    assert!(tail(&[]).contains(&format!("ADD_TO_CART p-000001 [trace {}]", ids[1])));
    assert!(rep.stop().success());
}

#[test]
fn a_collector_that_is_away_is_counted_told_once_and_waited_for_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and let go: nobody listens there.
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (rep, log) = start(folder.path(), &format!("http://{away}"));
    let api = rep.url("api");
    let failed = || {
        post_event(&api, "ann", "CLICK", &format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{PARENT}-01"));
        let metrics =
            client().get(&format!("{api}/metrics")).call().unwrap().into_body().read_to_string().unwrap();
        let line = metrics.lines().find(|line| line.starts_with("rep_trace_spans_total{outcome=\"failed\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let first = std::cell::Cell::new(0);
    wait_until("exports fail", SOON, || {
        first.set(failed());
        first.get() > 0
    });
    wait_until("and fail again", SOON, || failed() > first.get());
    get(&client(), &format!("{api}/readyz"));
    assert!(rep.stop().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("the collector does not take spans").count(), 1, "{log}");
}
