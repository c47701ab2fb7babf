//! The bound between those who work and the collector: work never waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// Spans that wait for the collector, those on their way included; about 1 KiB each.
pub(crate) const SPANS_MAX: usize = 2048;

/// Spans that wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn take_place(&self) -> bool {
        let taken = self.0.fetch_add(1, Ordering::Relaxed) < SPANS_MAX;
        if !taken {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// `spans` wait no longer.
    pub(crate) fn leave(&self, spans: usize) {
        self.0.fetch_sub(spans, Ordering::Relaxed);
    }
}

/// Drops, and counts, spans for which there is no room.
#[derive(Debug)]
pub(crate) struct Bounded<P> {
    pub(crate) next: P,
    pub(crate) waiting: Waiting,
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.take_place() {
            self.next.on_end(span);
        } else {
            metrics::counter!("rep_trace_spans_total", "outcome" => "dropped").increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_turned_away_until_others_left() {
        let waiting = Waiting::default();
        assert_eq!((0..SPANS_MAX + 7).filter(|_| waiting.take_place()).count(), SPANS_MAX);
        waiting.leave(2);
        assert_eq!((0..7).filter(|_| waiting.take_place()).count(), 2);
    }
}
