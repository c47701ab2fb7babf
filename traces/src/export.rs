//! The way of spans to the collector.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::Uri;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::context::{EXPORTERS, Ids};
use crate::http::{Blocking, EXPORT_MAX};
use crate::queue::{Bounded, SPANS_MAX, Waiting};
use crate::sample::Sample;

/// Spans of one export.
const BATCH_MAX: usize = 512;
/// How long spans wait for others to go with them.
const EXPORT_EVERY: Duration = Duration::from_secs(1);
/// A collector that is away is logged this often.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Longest wait for the last spans on stopping.
const STOP_MAX: Duration = Duration::from_secs(2);
/// Links of a span.
const LINKS_MAX: u32 = 32;

/// Where spans go, and of how many traces.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesConfig {
    /// The collector's address for OTLP over HTTP, such as `http://collector:4318`; spans go to `/v1/traces` there.
    pub collector: String,
    /// Share of the traces that begin here which are recorded, 0 to 1.
    pub sample: f64,
}

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The address is none that spans could be sent to.
    #[error("`otlp` must be an address such as `http://collector:4318`: {0}")]
    Address(&'static str),
    /// The share is none.
    #[error("`otlp-sample` must be 0 to 1, got {0}")]
    Sample(f64),
    /// The exporter refuses its settings.
    #[error("spans cannot be exported: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

impl TracesConfig {
    /// Refuses what cannot work; asks no server.
    ///
    /// # Errors
    /// When the address is no `http` or `https` address, or carries a password: that belongs into
    /// `OTEL_EXPORTER_OTLP_HEADERS`, which is never shown. When the share is out of range.
    pub fn check(&self) -> Result<(), TracesError> {
        self.endpoint()?;
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(TracesError::Sample(self.sample));
        }
        Ok(())
    }

    fn endpoint(&self) -> Result<String, TracesError> {
        let refused = TracesError::Address;
        let address: Uri = self.collector.parse().map_err(|_| refused("it is no URL"))?;
        if !matches!(address.scheme_str(), Some("http" | "https")) {
            return Err(refused("it does not begin with `http://` or `https://`"));
        }
        if address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refused("credentials go into `OTEL_EXPORTER_OTLP_HEADERS`"));
        }
        if address.query().is_some() {
            return Err(refused("it has a query"));
        }
        Ok(format!("{}/v1/traces", self.collector.trim_end_matches('/')))
    }
}

/// The export of spans, until it is dropped; what waits then is sent within 2 s, or given up.
///
/// Spans wait in a bounded queue; what finds no room, or no collector, is dropped and counted in
/// `rep_trace_spans_total` by `outcome`.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts the exporter's thread; asks no server. What the environment says by `OTEL_SERVICE_NAME`,
    /// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS` holds.
    ///
    /// # Errors
    /// When `config` is refused.
    pub fn start(config: &TracesConfig) -> Result<Self, TracesError> {
        config.check()?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Blocking::new())
            .with_endpoint(config.endpoint()?)
            .with_timeout(EXPORT_MAX)
            .build()?;
        let waiting = Waiting::default();
        let exporter = Told {
            next: exporter,
            collector: config.collector.clone(),
            waiting: waiting.clone(),
            said: Mutex::default(),
        };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(EXPORT_EVERY)
            .build();
        let next = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Bounded { next, waiting })
            .with_sampler(Sample { ratio: config.sample })
            .with_id_generator(Ids::default())
            .with_max_links_per_span(LINKS_MAX)
            .with_resource(resource())
            .build();
        EXPORTERS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { provider })
    }

    /// What takes spans of `tracing` to the exporter.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("rep"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        EXPORTERS.fetch_sub(1, Ordering::Relaxed);
        // What could not be sent is counted and was told.
        let _ = self.provider.shutdown_with_timeout(STOP_MAX);
    }
}

fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let mut builder = Resource::builder().with_attribute(version);
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        builder = builder.with_service_name("rep");
    }
    builder.build()
}

/// Counts what became of spans, and says now and then that the collector does not take them.
#[derive(Debug)]
struct Told {
    next: opentelemetry_otlp::SpanExporter,
    collector: String,
    waiting: Waiting,
    /// When that was last said.
    said: Mutex<Option<Instant>>,
}

impl Told {
    fn tell(&self, spans: usize, result: &OTelSdkResult) {
        let outcome = if result.is_ok() { "exported" } else { "failed" };
        metrics::counter!("rep_trace_spans_total", "outcome" => outcome).increment(spans as u64);
        let Err(error) = result else { return };
        let Ok(mut said) = self.said.lock() else { return };
        if said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            *said = Some(Instant::now());
            let collector = &self.collector;
            tracing::warn!(%error, %collector, "the collector does not take spans; they are dropped and counted");
        }
    }
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.next.export(batch).await;
        self.waiting.leave(spans);
        self.tell(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_work_is_refused_before_anything_starts() {
        let of = |collector: &str, sample| TracesConfig { collector: collector.to_owned(), sample };
        assert_eq!(of("http://c:4318/", 1.0).endpoint().unwrap(), "http://c:4318/v1/traces");
        assert_eq!(of("https://c/otlp", 1.0).endpoint().unwrap(), "https://c/otlp/v1/traces");
        for refused in ["", "c:4318", "/v1", "grpc://c:4317", "http://", "http://u:p@c:4318", "http://c?x=1"]
        {
            assert!(of(refused, 0.5).check().is_err(), "{refused}");
        }
        for refused in [-0.1, 1.1, f64::NAN] {
            assert!(of("http://c", refused).check().is_err(), "{refused}");
        }
    }
}
