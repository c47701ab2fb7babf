//! Log lines as JSON.

use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

const TRACE_ID: &str = "trace_id";

/// `tracing`'s JSON, with the trace's id in front where one is known: of the event itself, else of the innermost span
/// that has one.
pub(super) struct Lines(Format<Json>);

impl Default for Lines {
    fn default() -> Self {
        Self(Format::default().json())
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match (trace_id(context, event), line.strip_prefix('{')) {
            (Some(id), Some(rest)) => write!(writer, "{{\"{TRACE_ID}\":{},{rest}", Value::from(id)),
            _ => writer.write_str(&line),
        }
    }
}

fn trace_id<S, N>(context: &FmtContext<'_, S, N>, event: &Event<'_>) -> Option<String>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let mut own = Own(None);
    event.record(&mut own);
    if own.0.is_some() {
        return own.0;
    }
    context.event_scope()?.find_map(|span| {
        let extensions = span.extensions();
        let fields: Value = serde_json::from_str(extensions.get::<FormattedFields<N>>()?).ok()?;
        fields[TRACE_ID].as_str().map(str::to_owned)
    })
}

/// The event's own trace id.
struct Own(Option<String>);

impl Visit for Own {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == TRACE_ID {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_trace_id_of_its_event_or_of_the_innermost_span_with_one() {
        let written = Written::default();
        let make = written.clone();
        let layer = fmt::layer()
            .event_format(Lines::default())
            .fmt_fields(JsonFields::new())
            .with_writer(move || make.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!("outside");
            let request = tracing::info_span!("request", trace_id = "of \"request\"", late = 1);
            let _request = request.enter();
            let later = tracing::info_span!("work", trace_id = tracing::field::Empty);
            let _later = later.enter();
            tracing::info!(trace_id = "own", "within");
            tracing::info!("within");
            later.record("trace_id", "of work");
            tracing::info!("within");
        });
        let bytes = written.0.lock().unwrap().clone();
        let lines: Vec<Value> = String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let ids: Vec<_> = lines.iter().map(|line| line[TRACE_ID].as_str()).collect();
        assert_eq!(ids, [None, Some("own"), Some("of \"request\""), Some("of work")]);
        assert_eq!(lines[3]["fields"]["message"], "within");
        assert_eq!(lines[3]["spans"][0]["trace_id"], "of \"request\"");
    }
}
