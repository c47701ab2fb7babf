//! How long the stages of an answer take.

use std::time::Instant;

/// Times stages one after the other.
pub(crate) struct Stages {
    metric: &'static str,
    began: Instant,
    last: Instant,
}

impl Stages {
    /// Begins now; times go to the histogram `metric`, in seconds, by `stage`.
    pub(crate) fn begin(metric: &'static str) -> Self {
        let now = Instant::now();
        Self { metric, began: now, last: now }
    }

    /// Ends a stage.
    pub(crate) fn done(&mut self, stage: &'static str) {
        let now = Instant::now();
        metrics::histogram!(self.metric, "stage" => stage).record(now - self.last);
        self.last = now;
    }

    /// Ends the whole, and gives how long it took, in milliseconds to the microsecond.
    pub(crate) fn finish(self) -> f64 {
        let took = self.began.elapsed();
        metrics::histogram!(self.metric, "stage" => "total").record(took);
        took.as_micros() as f64 / 1000.0
    }
}
