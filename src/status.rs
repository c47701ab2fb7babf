//! How the system is: what `/status`, `/live` and `/readyz` answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rep_api::{
    Bucket, DeadLetters, Flow, Health, Latencies, Latency, LiveStatus, ModelStatus, PartitionLag,
    ProcessStatus, ProductCounts, RecentDeadLetter, SimulatorStatus, StatusSource,
};
use rep_backends::Backends;
use rep_core::avro::DeadLetter;
use rep_core::ports::StoreError;
use rep_core::{Clock, ModelId, Timestamp, Topic};
use rep_http::{HealthCheck, HealthStatus};
use tokio_util::sync::CancellationToken;

use crate::process::Peers;
use crate::telemetry::{Quantiles, Telemetry, Window};

/// Which group reads which topic.
const GROUPS: [(&str, Topic); 3] = [
    ("behaviour", Topic::UserAction),
    ("inventory", Topic::ProductInventory),
    ("notify", Topic::NotificationPush),
];
/// Over how many seconds rates and latencies are taken.
const WINDOW_S: usize = 10;
/// Records behind, in all partitions of a group, from which on it counts as degraded.
const LAG_DEGRADED: u64 = 50_000;
/// Dead letters shown.
const DEAD_LETTERS_SHOWN: usize = 20;

/// What tasks of this process report: a name, and what ended it if it ended.
pub(crate) type TaskBoard = Arc<Mutex<BTreeMap<&'static str, Option<String>>>>;

/// Reads the status from metrics, log and catalogue.
pub(crate) struct Status {
    pub(crate) backends: Backends,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) telemetry: Telemetry,
    pub(crate) window: Arc<Mutex<Window>>,
    pub(crate) model: ModelId,
    pub(crate) dimensions: usize,
    pub(crate) started_at: Timestamp,
    pub(crate) tasks: TaskBoard,
    pub(crate) simulator: Arc<dyn Fn() -> Option<SimulatorStatus> + Send + Sync>,
    pub(crate) peers: Peers,
}

impl Status {
    /// Samples the metrics each second until `stop`, seen or not: the window is always full.
    pub(crate) async fn sample(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            self.peers.ask().await;
            let mut texts = self.peers.texts();
            texts.push(self.telemetry.text());
            self.window.lock().observe(self.clock.now(), texts.iter().map(String::as_str));
        }
    }

    async fn lag(&self) -> Result<Vec<PartitionLag>, StoreError> {
        let mut lag = Vec::new();
        for (group, topic) in GROUPS {
            for offsets in self.backends.log.offsets(topic, group).await? {
                lag.push(PartitionLag {
                    topic: topic.name().to_owned(),
                    group: group.to_owned(),
                    partition: offsets.partition,
                    end_offset: offsets.end,
                    committed: offsets.committed.unwrap_or(offsets.begin),
                    lag: offsets.lag(),
                });
            }
        }
        Ok(lag)
    }

    async fn dead_letters(&self) -> Result<DeadLetters, StoreError> {
        let topic = Topic::UserActionDlq;
        let (mut total, mut recent) = (0, Vec::new());
        for offsets in self.backends.log.offsets(topic, "status").await? {
            total += offsets.end - offsets.begin;
            let from = offsets.end.saturating_sub(DEAD_LETTERS_SHOWN as u64);
            for record in self.backends.log.read(topic, offsets.partition, from, DEAD_LETTERS_SHOWN).await? {
                if let Ok(letter) = self.backends.codec.decode::<DeadLetter>(&record.value) {
                    recent.push(RecentDeadLetter {
                        reason: letter.reason,
                        error: letter.error,
                        topic: letter.topic,
                        partition: letter.partition,
                        offset: letter.offset,
                        at: letter.failed_at,
                    });
                }
            }
        }
        recent.sort_by_key(|letter| std::cmp::Reverse(letter.at));
        recent.truncate(DEAD_LETTERS_SHOWN);
        Ok(DeadLetters { total, recent })
    }

    fn health(&self, lag: &[PartitionLag], products: ProductCounts, store: Option<String>) -> Health {
        let mut checks = vec![match store {
            None => check("store", HealthStatus::Ok, "log and catalogue answer".to_owned()),
            Some(error) => check("store", HealthStatus::Down, error),
        }];
        for (name, ended) in self.tasks.lock().iter() {
            checks.push(match ended {
                None => check(name, HealthStatus::Ok, "runs".to_owned()),
                Some(error) => check(name, HealthStatus::Down, format!("has stopped: {error}; restart REP")),
            });
        }
        checks.extend(self.peers.checks());
        for (group, topic) in GROUPS {
            let behind: u64 = lag.iter().filter(|l| l.group == group).map(|l| l.lag).sum();
            if behind >= LAG_DEGRADED {
                let detail = format!(
                    "{behind} records of {topic} behind; it catches up unless load stays above what it can do"
                );
                checks.push(check(&format!("{group} lag"), HealthStatus::Degraded, detail));
            }
        }
        let missing = products.total - products.embedded.min(products.total);
        checks.push(if missing == 0 {
            check("catalogue", HealthStatus::Ok, format!("{} products, all with a vector", products.total))
        } else {
            let detail = format!(
                "{missing} of {} products wait for their vector; they are found by words until then",
                products.total
            );
            check("catalogue", HealthStatus::Degraded, detail)
        });
        let worst = checks.iter().map(|c| c.status).max().unwrap_or(HealthStatus::Ok);
        Health { status: worst, checks }
    }
}

#[async_trait]
impl StatusSource for Status {
    async fn snapshot(&self) -> LiveStatus {
        let (lag, letters, summary, waiting) = tokio::join!(
            self.lag(),
            self.dead_letters(),
            self.backends.catalog.summary(),
            self.backends.preferences.waiting(None, 0)
        );
        let failure =
            [lag.as_ref().err(), letters.as_ref().err(), summary.as_ref().err(), waiting.as_ref().err()];
        let failure = failure.into_iter().flatten().next().map(ToString::to_string);
        let lag = lag.unwrap_or_default();
        let products = summary.map_or(ProductCounts { total: 0, embedded: 0 }, |s| ProductCounts {
            total: s.total as u64,
            embedded: s.embedded as u64,
        });
        let window = self.window.lock();
        let flow = |of: &dyn Fn(&str, &[&str]) -> Option<f64>| Flow {
            accepted: either(of("rep_events_accepted_total", &[]), of("rep_simulator_events_total", &[])),
            processed: of("rep_consumer_processed_total", &["role=behaviour"]),
            indexed: of("rep_consumer_indexed_total", &["role=behaviour"]),
            dead_lettered: of("rep_consumer_dead_letters_total", &[]),
            notifications: of("rep_consumer_notifications_total", &["role=notify"]),
            recommendations: of("rep_http_requests_total", &["route=/recommendations"]),
            searches: of("rep_http_requests_total", &["route=/search"]),
        };
        let latency = |metric: &str, labels: &[&str]| latency(window.quantiles(metric, labels, WINDOW_S));
        LiveStatus {
            at: self.clock.now(),
            window_s: WINDOW_S as f64,
            mode: self.backends.mode.to_owned(),
            model: ModelStatus { id: self.model.to_string(), dimensions: self.dimensions },
            products,
            waiting_actions: waiting.map_or(0, |page| page.total as u64),
            rates: flow(&|metric, labels| window.rate(metric, labels, WINDOW_S)),
            totals: flow(&|metric, labels| window.total(metric, labels)),
            latency_ms: Latencies {
                freshness: latency("rep_freshness_seconds", &["stage=vector", "since=event"]),
                append: latency("rep_append_seconds", &[]),
                vector: latency("rep_freshness_seconds", &["stage=vector", "since=log"]),
                recommend: latency("rep_http_request_seconds", &["route=/recommendations"]),
                notify: latency("rep_freshness_seconds", &["stage=notification", "since=event"]),
            },
            health: self.health(&lag, products, failure),
            lag,
            dead_letters: letters.unwrap_or_default(),
            simulator: (self.simulator)().or_else(|| self.peers.simulator()),
            process: process(self.clock.now().since(self.started_at)),
        }
    }
}

/// The sum of what is counted; `None` where neither is.
fn either(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(|sum, value| sum + value)
}

fn check(name: &str, status: HealthStatus, detail: String) -> HealthCheck {
    HealthCheck { name: name.to_owned(), status, detail }
}

fn latency(quantiles: Quantiles) -> Latency {
    let buckets = quantiles.buckets.into_iter().filter(|(le, _)| le.is_finite());
    Latency {
        count: quantiles.count,
        p50: quantiles.p50.unwrap_or(0.0),
        p90: quantiles.p90.unwrap_or(0.0),
        p99: quantiles.p99.unwrap_or(0.0),
        buckets: buckets.map(|(le, count)| Bucket { le, count }).collect(),
    }
}

/// What the system says of this process; zeros where there is no `/proc`.
pub(crate) fn process(uptime: Duration) -> ProcessStatus {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the command's closing bracket: user and system ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: f64 = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum();
    ProcessStatus { rss_bytes: pages * 4096, cpu_seconds: ticks / 100.0, uptime_s: uptime.as_secs_f64() }
}
