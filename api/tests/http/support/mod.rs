//! A small world: doubles of the ports, a router on them, and requests to it.

mod catalog;
mod embedder;
mod log;
mod notifications;
mod shoppers;
pub(crate) mod sse;
mod tickets;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use rep_api::{
    ApiConfig, ApiDeps, ApiState, DeadLetters, Flow, Health, Latencies, LiveStatus, ModelStatus,
    ProcessStatus, ProductCounts, StatusSource,
};
use rep_core::avro::Codec;
use rep_core::likeness::{CurrentScale, LikenessScale, sample};
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore};
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::ports::embedder::{Embedder, TextKind, Urgency};
use rep_core::ports::preferences::{PreferenceChange, PreferenceStore, PreferenceWrite};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{
    ActionType, Clock, Currency, Money, Preference, Product, ProductId, TasteRules, Timestamp, Topic,
    UnitVector, UserAction, stable_hash128,
};
use rep_http::{HealthCheck, HealthStatus};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) use catalog::MemoryCatalog;
pub(crate) use embedder::WordEmbedder;
pub(crate) use log::MemoryLog;
pub(crate) use notifications::MemoryNotifications;
pub(crate) use shoppers::{MemoryBehaviour, MemoryPopularity, MemoryPreferences};
use tickets::MemoryTickets;

pub(crate) const NOW_MS: i64 = 1_790_000_000_000;

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn away() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "secret-host:9092 refused")
}

pub(crate) struct World {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) catalog: Arc<MemoryCatalog>,
    pub(crate) behaviour: Arc<MemoryBehaviour>,
    pub(crate) preferences: Arc<MemoryPreferences>,
    pub(crate) popularity: Arc<MemoryPopularity>,
    pub(crate) notifications: Arc<MemoryNotifications>,
    pub(crate) embedder: Arc<WordEmbedder>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) status: Arc<FixedStatus>,
    pub(crate) codec: Codec,
    pub(crate) scale: CurrentScale,
    pub(crate) state: ApiState,
    pub(crate) router: Router,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(ApiConfig::default())
    }

    pub(crate) fn with(config: ApiConfig) -> Self {
        let log = Arc::new(MemoryLog::default());
        let catalog = Arc::new(MemoryCatalog::default());
        let behaviour = Arc::new(MemoryBehaviour::default());
        let preferences = Arc::new(MemoryPreferences::default());
        let popularity = Arc::new(MemoryPopularity::default());
        let notifications = Arc::new(MemoryNotifications::default());
        let embedder = Arc::new(WordEmbedder::default());
        let clock = Arc::new(TestClock(AtomicI64::new(NOW_MS)));
        let status = Arc::new(FixedStatus::default());
        let codec = Codec::with_sequential_ids();
        let scale = CurrentScale::default();
        let state = ApiState::new(ApiDeps {
            log: log.clone(),
            catalog: catalog.clone(),
            behaviour: behaviour.clone(),
            preferences: preferences.clone(),
            popularity: popularity.clone(),
            notifications: notifications.clone(),
            tickets: Arc::new(MemoryTickets::default()),
            model: embedder.model().clone(),
            dimensions: embedder.dimensions(),
            scale: scale.clone(),
            embedder: Some(embedder.clone()),
            codec: codec.clone(),
            clock: clock.clone(),
            status: status.clone(),
            metrics: Arc::new(|| "rep_up 1\n".to_owned()),
            config,
        });
        let router = rep_api::router(state.clone());
        Self {
            log,
            catalog,
            behaviour,
            preferences,
            popularity,
            notifications,
            embedder,
            clock,
            status,
            codec,
            scale,
            state,
            router,
        }
    }

    /// A world with tents, stoves and lamps, eight of each, embedded.
    pub(crate) async fn stocked() -> Self {
        Self::new().filled().await
    }

    pub(crate) async fn filled(self) -> Self {
        for (category, word) in [("tents", "tent"), ("stoves", "stove"), ("lamps", "lamp")] {
            for number in 0..8 {
                self.add(product(&format!("{word}-{number}"), &format!("{word} model{number}"), category))
                    .await;
            }
        }
        self.scale.set(LikenessScale::of(&sample(&*self.catalog).await.unwrap()));
        self
    }

    pub(crate) async fn add(&self, product: Product) {
        let passage = product.passage();
        let rows = self
            .embedder
            .embed(std::slice::from_ref(&passage), TextKind::Passage, Urgency::Backlog)
            .await
            .unwrap();
        let write = VectorWrite {
            product_id: product.product_id.clone(),
            passage_hash: stable_hash128(passage.as_bytes()),
            vector: UnitVector::normalised(rows.row(0).to_vec()).unwrap(),
        };
        self.catalog.put(vec![product]).await.unwrap();
        assert_eq!(self.catalog.set_vectors(vec![write]).await.unwrap(), [true]);
    }

    /// What the behaviour consumer would do with everything that is new in the log.
    pub(crate) async fn consume(&self) {
        for record in self.log.unread(Topic::UserAction) {
            let action: UserAction = self.codec.decode(&record.value).unwrap();
            let document = BehaviourDocument {
                action: action.clone(),
                position: record.position,
                appended_at: record.appended_at,
            };
            self.behaviour.index(vec![document]).await.unwrap();
            let known = self.preferences.load(std::slice::from_ref(&action.user_id)).await.unwrap().remove(0);
            let model = self.embedder.model().clone();
            let mut preference = known.unwrap_or_else(|| Preference::new(action.user_id.clone(), model));
            let vector = match &action.product_id {
                Some(id) => self.catalog.vectors(std::slice::from_ref(id)).await.unwrap().remove(0),
                None => None,
            };
            preference.fold(&action, record.position, vector.as_ref().into(), TasteRules::default());
            if let Some(id) = &action.product_id {
                self.popularity.add(id, f64::from(action.action_type.popularity_weight()));
            }
            let change = PreferenceChange {
                trace_id: action.trace_id,
                user_id: action.user_id,
                action_type: action.action_type,
                product_id: action.product_id,
                event_at: action.timestamp,
                logged_at: record.appended_at,
                applied_at: self.clock.now(),
                action_count: preference.action_count,
            };
            let write = PreferenceWrite { preference, changes: vec![change] };
            self.preferences.store(vec![write]).await.unwrap();
        }
    }

    /// The shopper acts, and everything that follows has happened.
    pub(crate) async fn act(&self, user: &str, action: ActionType, product: &str) {
        let event = serde_json::json!({"userId": user, "actionType": action.as_str(), "productId": product});
        assert_eq!(self.post("/events", &event).await.status, StatusCode::ACCEPTED);
        self.consume().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[("content-type", "application/json")], Body::from(body.to_string())).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer =
            Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text };
        assert!(answer.headers.contains_key("x-trace-id"), "{method} {path} has no trace id");
        if status.is_client_error() || status.is_server_error() {
            answer.assert_problem();
        }
        answer
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The answer's body, if the status is `status`.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.body
    }

    /// The ids of the items.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let items = self.body["items"].as_array().unwrap_or_else(|| panic!("no items: {}", self.text));
        items.iter().map(|item| item["productId"].as_str().unwrap()).collect()
    }

    /// The fields that are wrong.
    pub(crate) fn bad_fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn assert_problem(&self) {
        if self.body.get("ready").is_some() {
            return;
        }
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        assert_eq!(self.body["status"], self.status.as_u16(), "{}", self.text);
        for field in ["type", "title", "detail"] {
            assert!(self.body[field].is_string(), "{}", self.text);
        }
        assert_eq!(self.body["traceId"].as_str().unwrap(), self.headers["x-trace-id"].to_str().unwrap());
        assert!(!self.text.contains("secret-host"), "the source leaks: {}", self.text);
    }
}

pub(crate) fn id(text: &str) -> ProductId {
    ProductId::new(text).unwrap()
}

pub(crate) fn product(id: &str, name: &str, category: &str) -> Product {
    Product {
        product_id: ProductId::new(id).unwrap(),
        name: name.to_owned(),
        description: String::new(),
        category: category.to_owned(),
        brand: None,
        price: Money::from_minor(1990, Currency::EUR).unwrap(),
        stock: 12,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    }
}

pub(crate) struct FixedStatus {
    pub(crate) asked: std::sync::atomic::AtomicUsize,
    pub(crate) log_is_down: std::sync::atomic::AtomicBool,
    began: tokio::time::Instant,
}

impl Default for FixedStatus {
    fn default() -> Self {
        Self {
            asked: Default::default(),
            log_is_down: Default::default(),
            began: tokio::time::Instant::now(),
        }
    }
}

#[async_trait]
impl StatusSource for FixedStatus {
    async fn snapshot(&self) -> LiveStatus {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let status =
            if self.log_is_down.load(Ordering::SeqCst) { HealthStatus::Down } else { HealthStatus::Ok };
        let check = HealthCheck { name: "log".to_owned(), status, detail: "disk".to_owned() };
        LiveStatus {
            at: Timestamp::from_ms(NOW_MS).plus(self.began.elapsed()),
            window_s: 10.0,
            mode: "embedded".to_owned(),
            model: ModelStatus { id: "words".to_owned(), dimensions: 32 },
            products: ProductCounts { total: 24, embedded: 24 },
            waiting_actions: 0,
            rates: Flow::default(),
            totals: Flow::default(),
            lag: Vec::new(),
            latency_ms: Latencies::default(),
            dead_letters: DeadLetters::default(),
            health: Health { status, checks: vec![check] },
            simulator: None,
            process: ProcessStatus::default(),
        }
    }
}
