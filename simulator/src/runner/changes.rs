//! The shop's own changes, live: one at a time, on a schedule of their own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::absent::Absent;
use super::pacer::Pacer;
use super::settings::Settings;
use crate::merchant::{Change, Merchant};

/// How often the schedule is looked at.
const TICK: Duration = Duration::from_millis(20);
/// Longest wait for one change.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes changes until told to stop, none of what is `absent`. A shop that is slow gets fewer of them: none pile up.
pub(super) async fn make(
    shared: Arc<Shared>,
    mut settings: Settings,
    absent: Absent,
    stop: CancellationToken,
) {
    let catalogue = Arc::clone(&shared.parts.catalogue);
    let mut merchant = Merchant::new(catalogue, settings.seed, settings.scenario);
    let mut pacer = Pacer::new(settings.changes_per_second(), Duration::from_secs(1));
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut ails = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let told = *shared.settings.borrow();
        if told != settings {
            settings = told;
            merchant.set_scenario(settings.scenario);
            pacer.set_rate(settings.changes_per_second());
        }
        let now = Instant::now();
        pacer.advance(now - last);
        last = now;
        for _ in 0..pacer.due() {
            if stop.is_cancelled() {
                return;
            }
            pacer.take(1);
            let change = merchant.next_change();
            if !absent.contains(&change.product_id) {
                apply(&shared, &change, &mut ails).await;
            }
        }
    }
}

async fn apply(shared: &Shared, change: &Change, ails: &mut bool) {
    let call = shared.parts.shop.change(&change.product_id, change.price, change.stock);
    let failure = match tokio::time::timeout(CHANGE_TIMEOUT, call).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {CHANGE_TIMEOUT:?}")),
    };
    let failed = failure.is_some();
    shared.ledger.lock().changed(change.price.is_some(), change.stock.is_some(), !failed);
    match failure {
        Some(reason) if !*ails => {
            tracing::warn!(product = %change.product_id, reason, "the shop refuses a change")
        }
        None if *ails => tracing::info!("the shop takes changes again"),
        _ => {}
    }
    *ails = failed;
}
