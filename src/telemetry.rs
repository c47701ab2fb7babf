//! Metrics: one recorder, its text for Prometheus, and rates and quantiles over the last minute for people.
//!
//! What the dashboard shows is read from the same text that Prometheus scrapes, so that the two cannot
//! disagree.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use prometheus_parse::{Scrape, Value};
use rep_core::Timestamp;

/// Upper bounds of latency buckets, in seconds.
const SECONDS_BUCKETS: [f64; 20] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Upper bounds of buckets of counts, such as batch sizes.
const SIZE_BUCKETS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0];
/// Samples kept: one a second for a minute.
const SAMPLES_MAX: usize = 61;

/// The process's recorder.
#[derive(Clone)]
pub(crate) struct Telemetry {
    handle: PrometheusHandle,
}

impl Telemetry {
    /// Installs the recorder; once a process.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&SIZE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
            .install_recorder()?;
        Ok(Self { handle })
    }

    /// The metrics as Prometheus reads them.
    pub(crate) fn text(&self) -> String {
        self.handle.render()
    }

    /// The same as a function to hand out.
    pub(crate) fn renderer(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        let telemetry = self.clone();
        Arc::new(move || telemetry.text())
    }

    /// Takes in what histograms recorded; to be called now and then, or memory grows without scrapes.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Totals at one moment. Series are named by metric and labels, `name{a=b,…}` in order of label names.
#[derive(Clone, Debug, Default)]
struct Sample {
    at: Timestamp,
    totals: BTreeMap<String, f64>,
    histograms: BTreeMap<String, Vec<(f64, f64)>>,
}

/// The samples of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Window {
    samples: VecDeque<Sample>,
}

/// A latency histogram over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quantiles {
    /// Observations.
    pub(crate) count: u64,
    /// Milliseconds that 50, 90 and 99 % stayed under; `None` without observations.
    pub(crate) p50: Option<f64>,
    pub(crate) p90: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// Upper bound in milliseconds (infinite for the last) and observations in that bucket alone.
    pub(crate) buckets: Vec<(f64, u64)>,
}

impl Window {
    /// Adds the metrics of one moment; those of several processes add up.
    pub(crate) fn observe<'a>(&mut self, at: Timestamp, texts: impl IntoIterator<Item = &'a str>) {
        let mut sample = Sample { at, ..Sample::default() };
        for text in texts {
            let Ok(scrape) = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))) else { continue };
            for entry in scrape.samples {
                let mut labels: Vec<String> = entry.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                labels.sort();
                let series = format!("{}{{{}}}", entry.metric, labels.join(","));
                match entry.value {
                    Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => {
                        *sample.totals.entry(series).or_default() += value;
                    }
                    Value::Histogram(counts) => {
                        let buckets: Vec<_> = counts.iter().map(|c| (c.less_than, c.count)).collect();
                        add(sample.histograms.entry(series).or_default(), &buckets);
                    }
                    Value::Summary(_) => {}
                }
            }
        }
        self.samples.push_back(sample);
        while self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }

    /// The sum of all series of `metric` that carry every label of `labels` (`name=value`); `None` where there is
    /// no such series.
    pub(crate) fn total(&self, metric: &str, labels: &[&str]) -> Option<f64> {
        sum(self.samples.back()?, metric, labels)
    }

    /// Growth of [`Self::total`] a second, over the last `seconds` at most; `None` before there are two samples.
    pub(crate) fn rate(&self, metric: &str, labels: &[&str], seconds: usize) -> Option<f64> {
        let last = self.samples.back()?;
        let now = sum(last, metric, labels)?;
        let first = self.samples.iter().rev().take(seconds + 1).next_back().unwrap_or(last);
        let elapsed = last.at.since(first.at).as_secs_f64();
        if elapsed <= 0.0 {
            return None;
        }
        Some(((now - sum(first, metric, labels).unwrap_or(0.0)) / elapsed).max(0.0))
    }

    /// What histogram `metric` (in seconds) recorded over the last `seconds` at most, in milliseconds.
    pub(crate) fn quantiles(&self, metric: &str, labels: &[&str], seconds: usize) -> Quantiles {
        let first = self.samples.iter().rev().take(seconds + 1).next_back();
        let (Some(first), Some(last)) = (first, self.samples.back()) else {
            return Quantiles::default();
        };
        let (old, new) = (merged(first, metric, labels), merged(last, metric, labels));
        let mut buckets = Vec::with_capacity(new.len());
        let mut below = 0.0;
        for (bound, cumulative) in new {
            let before = old
                .iter()
                .find(|(b, _)| *b == bound || (b.is_infinite() && bound.is_infinite()))
                .map_or(0.0, |(_, c)| *c);
            let grown = cumulative - before;
            buckets.push((bound * 1000.0, (grown - below).max(0.0)));
            below = grown;
        }
        let count: f64 = buckets.iter().map(|(_, n)| n).sum();
        let at = |q| quantile(&buckets, count, q);
        Quantiles {
            count: count as u64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            buckets: buckets.iter().map(|(bound, n)| (*bound, *n as u64)).collect(),
        }
    }
}

fn matches(series: &str, metric: &str, labels: &[&str]) -> bool {
    let Some((name, rest)) = series.split_once('{') else { return false };
    let found = rest.trim_end_matches('}');
    name == metric && labels.iter().all(|label| found.split(',').any(|f| f == *label))
}

fn sum(sample: &Sample, metric: &str, labels: &[&str]) -> Option<f64> {
    let from = metric.to_owned();
    let named = sample.totals.range(from..).take_while(|(series, _)| series.starts_with(metric));
    let found = named.filter(|(series, _)| matches(series, metric, labels)).map(|(_, value)| *value);
    found.reduce(|sum, value| sum + value)
}

fn merged(sample: &Sample, metric: &str, labels: &[&str]) -> Vec<(f64, f64)> {
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (_, buckets) in sample.histograms.iter().filter(|(series, _)| matches(series, metric, labels)) {
        add(&mut merged, buckets);
    }
    merged
}

/// Adds buckets with the same bounds.
fn add(sum: &mut Vec<(f64, f64)>, buckets: &[(f64, f64)]) {
    for (i, (bound, count)) in buckets.iter().enumerate() {
        match sum.get_mut(i) {
            Some(slot) => slot.1 += count,
            None => sum.push((*bound, *count)),
        }
    }
}

/// Linear within the bucket, as Prometheus's `histogram_quantile` does it.
fn quantile(buckets: &[(f64, f64)], count: f64, q: f64) -> Option<f64> {
    if count <= 0.0 {
        return None;
    }
    let rank = q * count;
    let (mut below, mut lower) = (0.0, 0.0);
    for (bound, n) in buckets {
        if below + n >= rank && *n > 0.0 {
            return Some(if bound.is_finite() {
                lower + (bound - lower) * (rank - below) / n
            } else {
                lower
            });
        }
        below += n;
        if bound.is_finite() {
            lower = *bound;
        }
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE rep_x_total counter\nrep_x_total{role=\"a\",b=\"c\"} 10\nrep_x_total{role=\"d\"} 5\n\
        # TYPE rep_y_seconds histogram\nrep_y_seconds_bucket{le=\"0.001\"} 0\nrep_y_seconds_bucket{le=\"0.01\"} 0\n\
        rep_y_seconds_bucket{le=\"+Inf\"} 0\nrep_y_seconds_sum 0\nrep_y_seconds_count 0\n";

    #[test]
    fn rates_and_quantiles_are_of_the_window_alone() {
        let mut window = Window::default();
        window.observe(Timestamp::from_ms(0), [TEXT]);
        let later = TEXT
            .replace("} 10", "} 30")
            .replace("le=\"0.001\"} 0", "le=\"0.001\"} 50")
            .replace("le=\"0.01\"} 0", "le=\"0.01\"} 100")
            .replace("le=\"+Inf\"} 0", "le=\"+Inf\"} 100");
        window.observe(Timestamp::from_ms(2000), [later.as_str()]);
        assert!((window.total("rep_x_total", &[]).unwrap() - 35.0).abs() < 1e-9);
        assert!((window.rate("rep_x_total", &["role=a"], 60).unwrap() - 10.0).abs() < 1e-9);
        assert!(window.rate("rep_x_total", &["role=d"], 60).unwrap().abs() < 1e-9);
        let q = window.quantiles("rep_y_seconds", &[], 60);
        assert_eq!((q.count, q.buckets.len()), (100, 3));
        assert!((q.p50.unwrap() - 1.0).abs() < 1e-9);
        assert!((q.p99.unwrap() - 9.82).abs() < 0.01);
        assert_eq!(window.quantiles("rep_none_seconds", &[], 60), Quantiles::default());
    }

    #[test]
    fn processes_add_up() {
        let mut window = Window::default();
        let text = TEXT.replace("+Inf\"} 0", "+Inf\"} 7");
        window.observe(Timestamp::from_ms(0), [TEXT, TEXT]);
        window.observe(Timestamp::from_ms(1000), [text.as_str(), text.as_str()]);
        assert_eq!(window.total("rep_x_total", &["role=d"]), Some(10.0));
        assert_eq!(window.quantiles("rep_y_seconds", &[], 60).count, 14);
    }

    #[test]
    fn what_nobody_counts_is_not_zero() {
        let mut window = Window::default();
        assert_eq!((window.total("rep_x_total", &[]), window.rate("rep_x_total", &[], 60)), (None, None));
        window.observe(Timestamp::from_ms(0), [TEXT]);
        window.observe(Timestamp::from_ms(1000), [TEXT]);
        assert_eq!(window.total("rep_x_total", &["role=z"]), None);
        assert_eq!(window.rate("rep_none_total", &[], 60), None);
        assert_eq!(window.rate("rep_x_total", &[], 60), Some(0.0));
    }
}
