//! What the suites share: the subject, names nobody used before, and waiting on conditions.
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

use crate::ports::behaviour::BehaviourStore;
use crate::ports::log::{EventLog, NewRecord, Polled};
use crate::ports::notifications::Notifications;
use crate::ports::popularity::Popularity;
use crate::ports::preferences::PreferenceStore;
use crate::ports::tickets::Tickets;
use crate::{
    ActionType, Currency, Erasure, InterestReason, Notification, NotificationId, NotificationKind, Position,
    ProductId, Timestamp, Topic, TraceId, UserAction, UserId,
};

/// Longest wait for a condition, and so the one bound of the suites and of the backends' tests: brokers take seconds to
/// rebalance, and several times that on a slow machine with other work. It costs nothing where the condition holds sooner.
pub const WAIT_MAX: Duration = Duration::from_secs(180);

/// The ports under test. A backend that keeps some of them only takes the rest from another.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Actions as documents.
    pub behaviour: Arc<dyn BehaviourStore>,
    /// Preference vectors.
    pub preferences: Arc<dyn PreferenceStore>,
    /// What is popular.
    pub popularity: Arc<dyn Popularity>,
    /// Inboxes.
    pub notifications: Arc<dyn Notifications>,
    /// Tickets.
    pub tickets: Arc<dyn Tickets>,
}

/// A backend that can be shut and opened again.
#[async_trait]
pub trait Subject: Send {
    /// Its ports, open.
    fn ports(&self) -> &Ports;

    /// Drops the ports and opens them again on what they kept, as after a restart of the process.
    async fn reopen(&mut self);
}

/// Makes each named sentence of a suite a test; used by the suites' own macros.
#[macro_export]
macro_rules! contract_tests {
    ($suite:ident, $make:expr, [$($sentence:ident),* $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let mut subject = $make;
                $crate::contract::$suite::$sentence(&mut subject).await;
            }
        )*
    };
}

/// Seconds since 1970 when this run began: an epoch that no earlier run on the same server used.
pub fn epoch() -> u32 {
    static EPOCH: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let seconds = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    *EPOCH.get_or_init(|| u32::try_from(seconds()).unwrap())
}

/// A name that nobody used before.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{:x}-{:x}-{number:x}", epoch(), std::process::id())
}

/// A shopper nobody knows.
pub fn new_user() -> UserId {
    UserId::new(unique("user")).unwrap()
}

/// Two shoppers nobody knows, with one [`crate::stable_hash128`]: found by a short vector of the lattice of differences
/// that the powers of its prime make vanish. What follows both alike keeps their hashes the same.
pub fn meeting_users() -> (UserId, UserId) {
    let end = unique("");
    let user = |begin: &str| UserId::new(format!("{begin}{end}")).unwrap();
    (user("K3EsF86Hn4KUL7GI3g42I-_P-_MuMsAS"), user("_0JQL3NNymuPv918x9WzWrQ5T7Fs9-BS"))
}

/// A product nobody acted on.
pub fn new_product() -> ProductId {
    ProductId::new(unique("product")).unwrap()
}

/// An event nobody saw.
pub fn new_trace() -> TraceId {
    TraceId::new(unique("trace")).unwrap()
}

/// News of a price for `user`, of a moment of [`at`].
pub fn notification(user: &UserId, ms: i64) -> Notification {
    Notification {
        notification_id: NotificationId::new(unique("notification")).unwrap(),
        trace_id: new_trace(),
        user_id: user.clone(),
        product_id: new_product(),
        product_name: "빨간 신발 ü \"X\"".to_owned(),
        kind: NotificationKind::PriceDrop,
        reason: InterestReason::Carted,
        currency: Currency::KRW,
        price_before: Some(12_000),
        price_after: 9_000,
        stock_after: 3,
        timestamp: at(ms),
        merged: 0,
    }
}

/// A place in the log of this run's epoch.
pub fn position(partition: u32, offset: u64) -> Position {
    Position { epoch: epoch(), partition, offset }
}

/// An erasure at a moment of [`at`], of all that is known by then and of what stands up to `until`.
pub fn erasure(ms: i64, until: Option<Position>) -> Erasure {
    Erasure { at: at(ms), until }
}

/// Noon of the first of January 2026, and so many milliseconds more.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_767_268_800_000 + ms)
}

/// An action with a new trace id.
pub fn action(user: &UserId, kind: ActionType, product: &ProductId, at: Timestamp) -> UserAction {
    UserAction {
        trace_id: new_trace(),
        user_id: user.clone(),
        action_type: kind,
        product_id: Some(product.clone()),
        search_query: None,
        session_id: None,
        timestamp: at,
        metadata: Default::default(),
    }
}

/// Asks again until there is an answer; fails the test after [`WAIT_MAX`].
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {WAIT_MAX:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Appends one record to [`Topic::UserAction`], reads it in a new group and commits: from then on all that
/// was stored before is durable.
pub async fn commit_something(log: &dyn EventLog) {
    let key = unique("commit");
    let record = NewRecord::new(key.clone(), "v");
    let place = log.append(Topic::UserAction, vec![record]).await.unwrap()[0];
    let mut reader = log.subscribe(&unique("group"), Topic::UserAction).await.unwrap();
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let polled = reader.poll(1, Duration::from_millis(100)).await.unwrap();
        if let Polled::Revoking(partitions) = polled {
            reader.release(&partitions).await.unwrap();
        }
        let own = reader.assignment();
        if own.contains(&place.partition) {
            break;
        }
        assert!(Instant::now() < deadline, "the partition is not assigned");
    }
    reader.commit(&[(place.partition, place.offset + 1)]).await.unwrap();
}
