//! The last minutes of the system's state, as charts draw them: kept whether or not somebody watches.

use std::collections::VecDeque;
use std::time::Duration;

use rep_core::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::status::{Flow, Latencies, Latency, LiveStatus, SimulatorStatus};

/// Time between two points.
pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// How far points go back.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// Points kept: with three groups and a simulator one takes less than 1 KiB, so all take less than 180 KiB.
const POINTS_MAX: usize = (KEPT.as_secs() / EVERY.as_secs()) as usize;
/// How much too early a sample may come and still make a point: timers are not exact.
const SLACK: Duration = Duration::from_millis(500);

/// The state over the last minutes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveHistory {
    /// Seconds between two points.
    #[schema(example = 5.0)]
    every_s: f64,
    /// How many seconds points are kept.
    #[schema(example = 900.0)]
    kept_s: f64,
    /// The oldest first, at most `keptS / everyS`. Where the state could not be measured there is none.
    points: Vec<LivePoint>,
}

/// What charts need of a `LiveStatus`, by the same names.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LivePoint {
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Per second, over the window of a `LiveStatus`.
    rates: Flow,
    /// How far each group is behind.
    lag: Vec<GroupLag>,
    /// In milliseconds, over the same window.
    latency_ms: PointLatencies,
    /// The simulator, if one ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    simulator: Option<SimulatorStatus>,
}

/// How far a group is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupLag {
    /// The group.
    group: String,
    /// Records between what it read and the end, in all partitions.
    lag: u64,
}

/// Latencies of the parts of an event's way, without their histograms.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PointLatencies {
    /// From an action to the moved vector.
    freshness: PointLatency,
    /// From acceptance to durability.
    append: PointLatency,
    /// From the log to the moved vector.
    vector: PointLatency,
    /// Of a recommendation.
    recommend: PointLatency,
    /// From a price or stock change to its delivered notifications.
    notify: PointLatency,
}

/// A distribution's middle and end, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PointLatency {
    /// Measurements in the window; the percentiles mean nothing without any.
    count: u64,
    /// Median.
    p50: f64,
    /// 99th percentile.
    p99: f64,
}

impl From<&Latency> for PointLatency {
    fn from(latency: &Latency) -> Self {
        Self { count: latency.count, p50: latency.p50, p99: latency.p99 }
    }
}

impl From<&Latencies> for PointLatencies {
    fn from(latencies: &Latencies) -> Self {
        let Latencies { freshness, append, vector, recommend, notify } = latencies;
        Self {
            freshness: freshness.into(),
            append: append.into(),
            vector: vector.into(),
            recommend: recommend.into(),
            notify: notify.into(),
        }
    }
}

impl From<&LiveStatus> for LivePoint {
    fn from(status: &LiveStatus) -> Self {
        let mut lag: Vec<GroupLag> = Vec::new();
        for partition in &status.lag {
            match lag.iter_mut().find(|known| known.group == partition.group) {
                Some(known) => known.lag += partition.lag,
                None => lag.push(GroupLag { group: partition.group.clone(), lag: partition.lag }),
            }
        }
        Self {
            at: status.at,
            rates: status.rates,
            lag,
            latency_ms: (&status.latency_ms).into(),
            simulator: status.simulator.clone(),
        }
    }
}

/// A ring of points.
#[derive(Debug, Default)]
pub(crate) struct History {
    points: VecDeque<LivePoint>,
    noted: Option<Instant>,
}

impl History {
    /// Whether a sample taken at `now` would make a point.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.noted.is_none_or(|noted| now.duration_since(noted) + SLACK >= EVERY)
    }

    /// Takes in `status`, sampled at `now`, if a point is due.
    pub(crate) fn note(&mut self, now: Instant, status: &LiveStatus) {
        if !self.is_due(now) {
            return;
        }
        self.noted = Some(now);
        // Charts need rising times: after the clock was put back, what lies ahead of it is given up.
        let oldest = status.at.minus(KEPT);
        self.points.retain(|point| point.at < status.at && point.at > oldest);
        while self.points.len() >= POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(status.into());
    }

    /// All points.
    pub(crate) fn all(&self) -> LiveHistory {
        LiveHistory {
            every_s: EVERY.as_secs_f64(),
            kept_s: KEPT.as_secs_f64(),
            points: self.points.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rep_http::HealthStatus;

    use crate::status::{DeadLetters, Health, ModelStatus, PartitionLag, ProcessStatus, ProductCounts};

    fn status(at_ms: i64) -> LiveStatus {
        let lag = |group: &str, partition, lag| PartitionLag {
            topic: "t".to_owned(),
            group: group.to_owned(),
            partition,
            end_offset: 9,
            committed: 9 - lag,
            lag,
        };
        let freshness = Latency { count: 3, p50: 1.0, p90: 2.0, p99: 4.0, buckets: Vec::new() };
        LiveStatus {
            at: Timestamp::from_ms(at_ms),
            window_s: 10.0,
            mode: "embedded".to_owned(),
            model: ModelStatus { id: "m".to_owned(), dimensions: 2 },
            products: ProductCounts { total: 0, embedded: 0 },
            waiting_actions: 0,
            rates: Flow { accepted: Some(7.0), ..Flow::default() },
            totals: Flow::default(),
            lag: vec![lag("a", 0, 1), lag("b", 0, 2), lag("a", 1, 4)],
            latency_ms: Latencies { freshness, ..Latencies::default() },
            dead_letters: DeadLetters::default(),
            health: Health { status: HealthStatus::Ok, checks: Vec::new() },
            simulator: None,
            process: ProcessStatus::default(),
        }
    }

    fn seconds(history: &History) -> Vec<i64> {
        history.points.iter().map(|point| point.at.as_ms() / 1000).collect()
    }

    #[test]
    fn a_point_says_what_the_status_said() {
        let point = LivePoint::from(&status(1000));
        assert_eq!((point.at, point.rates.accepted), (Timestamp::from_ms(1000), Some(7.0)));
        let lag: Vec<_> = point.lag.iter().map(|lag| (lag.group.as_str(), lag.lag)).collect();
        assert_eq!(lag, [("a", 5), ("b", 2)]);
        assert_eq!(point.latency_ms.freshness, PointLatency { count: 3, p50: 1.0, p99: 4.0 });
    }

    #[test]
    fn samples_each_second_make_a_point_every_five() {
        let (mut history, began) = (History::default(), Instant::now());
        for second in 0..=20 {
            // Timers are late and early by some milliseconds.
            let now = began + Duration::from_millis(second * 1000 + 30 * (second % 2));
            history.note(now, &status(second as i64 * 1000));
        }
        assert_eq!(seconds(&history), [0, 5, 10, 15, 20]);
    }

    #[test]
    fn no_more_is_kept_than_a_quarter_of_an_hour() {
        let (mut history, began) = (History::default(), Instant::now());
        for point in 0..400 {
            history.note(began + EVERY * point, &status(i64::from(point) * 5000));
        }
        assert_eq!(history.points.len(), 180);
        assert_eq!((seconds(&history)[0], seconds(&history)[179]), (220 * 5, 399 * 5));
        // After a pause what is old goes, however few there are.
        history.note(began + EVERY * 500, &status(500 * 5000));
        assert_eq!((history.points.len(), seconds(&history)[0]), (80, 321 * 5));
    }

    #[test]
    fn times_rise_when_the_clock_is_put_back() {
        let (mut history, began) = (History::default(), Instant::now());
        for (point, second) in [(0, 100), (1, 105), (2, 102), (3, 107)] {
            history.note(began + EVERY * point, &status(second * 1000));
        }
        assert_eq!(seconds(&history), [100, 102, 107]);
    }

    #[test]
    fn the_bound_in_bytes_holds() {
        let mut point = LivePoint::from(&status(0));
        point.lag.push(GroupLag { group: "inventory".to_owned(), lag: 1 });
        let (state, scenario) = ("running".to_owned(), "holiday-rush".to_owned());
        point.simulator = Some(SimulatorStatus { state, rate: 1.0, target_rate: 1.0, users: 1, scenario });
        let texts: usize = point.lag.iter().map(|lag| lag.group.capacity()).sum();
        let bytes = size_of::<LivePoint>() + point.lag.capacity() * size_of::<GroupLag>() + texts + 32;
        assert!(bytes < 1024, "{bytes} bytes");
    }
}
