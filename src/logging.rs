//! Log lines, and spans to a collector where one is set.

mod json;

use rep_traces::{Traces, TracesConfig};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::json::Lines;

/// Log lines to standard error, as JSON on demand, and what `traces` says; once a process. Spans are exported until
/// the answer is dropped.
///
/// # Errors
/// When `traces` is refused.
pub(crate) fn start(json: bool, traces: Option<&TracesConfig>) -> anyhow::Result<Option<Traces>> {
    let traces = traces.map(Traces::start).transpose()?;
    let layers = vec![Some(lines(json)), traces.as_ref().map(spans)];
    tracing_subscriber::registry().with(layers.into_iter().flatten().collect::<Vec<_>>()).init();
    Ok(traces)
}

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

fn lines(json: bool) -> Boxed {
    let filter = EnvFilter::try_from_env("REP_LOG_LEVEL")
        .unwrap_or_else(|_| "info,fjall=warn,lsm_tree=warn,ort=warn".into());
    let layer = fmt::layer().with_writer(std::io::stderr);
    if json {
        layer.event_format(Lines::default()).fmt_fields(JsonFields::new()).with_filter(filter).boxed()
    } else {
        layer.with_target(false).with_filter(filter).boxed()
    }
}

/// Spans of our own; those of libraries would be traces of their own.
fn spans(traces: &Traces) -> Boxed {
    traces.layer().with_filter(Targets::new().with_target("rep", LevelFilter::INFO)).boxed()
}
