//! How the system is: the shape of `/status` and `/live`, and the port that fills it.

use async_trait::async_trait;
use rep_core::Timestamp;
use rep_http::{HealthCheck, HealthStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// Knows how the system is. Implemented by the composition root; asked about once a second while somebody
/// listens, however many they are.
#[async_trait]
pub trait StatusSource: Send + Sync {
    /// The state of this moment. What cannot be measured is said in `health`, not left out.
    async fn snapshot(&self) -> LiveStatus;
}

/// The system at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveStatus {
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Over how many seconds rates and latencies are taken.
    #[schema(example = 10.0)]
    pub window_s: f64,
    /// What it runs on: `embedded` or `cluster`.
    #[schema(example = "embedded")]
    pub mode: String,
    /// The model in use.
    pub model: ModelStatus,
    /// The catalogue.
    pub products: ProductCounts,
    /// Actions that count, and move a shopper's taste once the vector of their product is there.
    pub waiting_actions: u64,
    /// Per second, over the window.
    pub rates: Flow,
    /// Since the process began.
    pub totals: Flow,
    /// How far groups are behind.
    pub lag: Vec<PartitionLag>,
    /// In milliseconds, over the window.
    pub latency_ms: Latencies,
    /// What could not be processed.
    pub dead_letters: DeadLetters,
    /// What works and what does not.
    pub health: Health,
    /// The simulator, if one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub simulator: Option<SimulatorStatus>,
    /// This process.
    pub process: ProcessStatus,
}

/// The embedding model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// Its id.
    pub id: String,
    /// Width of its vectors.
    pub dimensions: usize,
}

/// Products, and how many can be found by vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductCounts {
    /// All.
    pub total: u64,
    /// Of them with a vector.
    pub embedded: u64,
}

/// What flows: per second as rates, counted as totals. What nobody counts is left out: it is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Rates)]
pub struct Flow {
    /// Events made durable in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub accepted: Option<f64>,
    /// Events folded into preferences.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub processed: Option<f64>,
    /// Behaviour documents indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub indexed: Option<f64>,
    /// Records dead-lettered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub dead_lettered: Option<f64>,
    /// Notifications delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notifications: Option<f64>,
    /// Recommendations served.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recommendations: Option<f64>,
    /// Searches served.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub searches: Option<f64>,
}

/// How far a group is behind in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
    /// The partition.
    pub partition: u32,
    /// Offset that the next record will get.
    pub end_offset: u64,
    /// Offset that the group reads next.
    pub committed: u64,
    /// Records between.
    pub lag: u64,
}

/// Latencies of the parts of an event's way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latencies {
    /// From an action to the moved vector.
    pub freshness: Latency,
    /// From acceptance to durability.
    pub append: Latency,
    /// From the log to the moved vector.
    pub vector: Latency,
    /// Of a recommendation.
    pub recommend: Latency,
    /// From a price or stock change to its delivered notifications.
    pub notify: Latency,
}

/// A distribution, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Measurements in the window; the percentiles mean nothing without any.
    pub count: u64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The histogram, bounds rising.
    pub buckets: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Upper bound, in milliseconds.
    pub le: f64,
    /// Measurements above the bound before and up to this one.
    pub count: u64,
}

/// What could not be processed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    /// All since the process began.
    pub total: u64,
    /// The newest first, at most 20.
    pub recent: Vec<RecentDeadLetter>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub struct RecentDeadLetter {
    /// A stable code.
    #[schema(example = "BAD_MAGIC")]
    pub reason: String,
    /// What was wrong.
    pub error: String,
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// When it was set aside.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What works and what does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The worst of the checks.
    pub status: HealthStatus,
    /// Each part.
    pub checks: Vec<HealthCheck>,
}

/// The simulator.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SimulatorStatus {
    /// `running` or `stopped`.
    pub state: String,
    /// Events a second, over the window.
    pub rate: f64,
    /// Events a second that are asked for.
    pub target_rate: f64,
    /// Virtual shoppers.
    pub users: u64,
    /// What is played.
    pub scenario: String,
}

/// A process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStatus {
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// CPU time used, in seconds.
    pub cpu_seconds: f64,
    /// Since it began, in seconds.
    pub uptime_s: f64,
}
