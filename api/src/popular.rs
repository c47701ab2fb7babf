//! What is popular now, asked for once and used by many.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::popularity::Popularity;
use rep_core::{ProductId, Timestamp};

/// Most popular products that are looked at.
pub(crate) const POPULAR_MAX: usize = 200;

type Top = Arc<[(ProductId, f64)]>;

/// The top of the popular products, at most a moment old: sums that halve in hours do not change in it.
pub(crate) struct PopularNow {
    reuse: Duration,
    kept: Mutex<Option<(Timestamp, Top)>>,
}

impl PopularNow {
    pub(crate) fn new(reuse: Duration) -> Self {
        Self { reuse, kept: Mutex::new(None) }
    }

    /// The top at `now`, greatest first.
    pub(crate) async fn top(&self, popularity: &dyn Popularity, now: Timestamp) -> Result<Top, StoreError> {
        let kept = self.kept.lock().clone();
        if let Some((at, top)) = kept
            && at <= now
            && now.since(at) < self.reuse
        {
            return Ok(top);
        }
        let top: Top = popularity.top(POPULAR_MAX, now).await?.into();
        *self.kept.lock() = Some((now, Arc::clone(&top)));
        Ok(top)
    }
}
