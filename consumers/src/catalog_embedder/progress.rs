//! How far the catalogue is embedded.

use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

/// How far the catalogue is embedded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmbedProgress {
    /// Products.
    pub total: u64,
    /// Of them with a vector.
    pub embedded: u64,
    /// Products set aside because the model refuses their text.
    pub refused: u64,
    /// Products embedded per second over the last counting interval.
    pub per_second: f64,
}

/// The progress as it stands; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct LiveProgress {
    now: Mutex<EmbedProgress>,
}

impl LiveProgress {
    /// The last count.
    pub fn get(&self) -> EmbedProgress {
        *self.now.lock()
    }

    pub(super) fn update(&self, total: usize, embedded: usize, refused: usize, done: u64, span: Duration) {
        let seconds = span.as_secs_f64();
        let per_second = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
        let progress = EmbedProgress {
            total: total as u64,
            embedded: embedded as u64,
            refused: refused as u64,
            per_second,
        };
        metrics::gauge!("rep_catalog_products").set(total as f64);
        metrics::gauge!("rep_catalog_products_embedded").set(embedded as f64);
        metrics::gauge!("rep_catalog_products_refused").set(refused as f64);
        *self.now.lock() = progress;
    }
}
