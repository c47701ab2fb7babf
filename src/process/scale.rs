//! What likeness is in this shop, measured again as its catalogue changes.

use std::sync::Arc;
use std::time::Duration;

use rep_core::likeness::{CurrentScale, LikenessScale, SAMPLE_MIN, sample};
use rep_core::ports::catalog::Catalog;
use tokio_util::sync::CancellationToken;

/// Time between two looks at how many products have a vector.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks after which it is measured again whatever the counts say: products may have been replaced. Ten minutes.
const LOOKS_MAX: u32 = 120;

/// Keeps `scale` that of `catalog` until `stop`.
pub(super) async fn keep_measuring(
    catalog: Arc<dyn Catalog>,
    scale: CurrentScale,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut measured = Measured::default();
    loop {
        if let Err(error) = measured.look(&*catalog, &scale).await {
            metrics::counter!("rep_likeness_scale_failures_total").increment(1);
            tracing::warn!(%error, "what is alike in this shop could not be measured; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

#[derive(Default)]
struct Measured {
    /// Products with a vector when it was measured last.
    embedded: usize,
    looks: u32,
}

impl Measured {
    async fn look(&mut self, catalog: &dyn Catalog, scale: &CurrentScale) -> anyhow::Result<()> {
        self.looks += 1;
        let embedded = catalog.summary().await?.embedded;
        if !self.is_due(embedded) {
            return Ok(());
        }
        let sample = sample(catalog).await?;
        // 130,000 cosines take tens of milliseconds, in which a thread of the runtime would serve nobody.
        let of_sample = tokio::task::spawn_blocking(move || LikenessScale::of(&sample)).await?;
        scale.set(of_sample);
        (self.embedded, self.looks) = (embedded, 0);
        Ok(())
    }

    /// Whether a quarter more or fewer products have a vector than when it was measured, or it was long ago.
    fn is_due(&self, embedded: usize) -> bool {
        let few = embedded < SAMPLE_MIN && self.embedded < SAMPLE_MIN;
        !few && (self.looks >= LOOKS_MAX || 4 * embedded.abs_diff(self.embedded) > self.embedded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_measured_when_the_catalogue_has_changed_or_long_after() {
        let measured = |embedded, looks| Measured { embedded, looks };
        assert!(!measured(0, 1).is_due(SAMPLE_MIN - 1), "too few to tell");
        assert!(measured(0, 1).is_due(SAMPLE_MIN));
        assert!(!measured(1000, 1).is_due(1200));
        assert!(measured(1000, 1).is_due(1300) && measured(1000, 1).is_due(700));
        assert!(measured(1000, LOOKS_MAX).is_due(1000));
        assert!(measured(1000, 1).is_due(0), "a scale of products that are gone is dropped");
    }
}
