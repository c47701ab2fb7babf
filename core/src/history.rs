//! What the price and the stock of a product did before: a bounded memory, kept with the product.
//!
//! It answers what a shopper saw when they looked, whether a price is really low, and whether a stock that comes and
//! goes was news a moment ago. It moves in steps of [`crate::InventoryChange::between`] and in no other way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Product, Timestamp};

/// How far back prices are kept, and count for what is a low price: 30 days.
pub const PRICE_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most prices that are kept of one product.
pub const PRICE_POINTS_MAX: usize = 32;
/// For how long after stock news the same news of the same product is flapping: 6 hours.
pub const STOCK_QUIET: Duration = Duration::from_secs(6 * 3600);
/// A product that was out of stock for this long is back whatever was said before: 1 hour.
pub const OUT_OF_STOCK_MIN: Duration = Duration::from_secs(3600);
/// Stock at or below which a product has few pieces left.
pub const LOW_STOCK_MAX: i64 = 3;

/// From `at` on the price was `minor`, until the next point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricePoint {
    /// Since when.
    pub at: Timestamp,
    /// Minor units of the currency that the product has now.
    pub minor: i64,
}

/// Earlier prices of a product in its present currency, and when its stock was news.
///
/// Prices reach back [`PRICE_WINDOW`] and to the one that stood when that window began, at most [`PRICE_POINTS_MAX`].
/// Where there would be more, the highest in between is left out: a low price stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    prices: Vec<PricePoint>,
    /// Since when there is no stock.
    out_since: Option<Timestamp>,
    /// When it was last news that it is back in stock.
    restocked_at: Option<Timestamp>,
    /// When it was last news that few are left.
    low_at: Option<Timestamp>,
}

impl History {
    /// Of a product that is new at `at`.
    pub(crate) fn begin(product: &Product, at: Timestamp) -> Self {
        Self {
            prices: vec![PricePoint { at, minor: product.price.minor() }],
            out_since: (product.stock == 0).then_some(at),
            ..Self::default()
        }
    }

    /// The prices, oldest first; ordered by time.
    pub fn prices(&self) -> &[PricePoint] {
        &self.prices
    }

    /// The history after the step from `before` to `after` at `at`, and whether the stock flaps: the same was news a
    /// moment ago.
    pub(crate) fn after(before: &Product, after: &Product, at: Timestamp) -> (Self, bool) {
        let mut next = before.history.clone();
        if before.price.currency() != after.price.currency() {
            next.prices = vec![PricePoint { at, minor: after.price.minor() }];
        } else if before.price != after.price {
            next.note_price(before, after.price.minor(), at);
        }
        let flaps = next.note_stock(i64::from(before.stock), i64::from(after.stock), at);
        (next, flaps)
    }

    fn note_price(&mut self, before: &Product, minor: i64, at: Timestamp) {
        let known = self.prices.last();
        // A process of an earlier version changes prices without noting them.
        if known.is_none_or(|known| known.minor != before.price.minor()) {
            let since = before.changed_at.unwrap_or_default();
            let since = known.map_or(since, |known| known.at.max(since));
            self.prices.push(PricePoint { at: since, minor: before.price.minor() });
        }
        self.prices.push(PricePoint { at, minor });
        let begin = at.minus(PRICE_WINDOW);
        let stood = self.prices.iter().rposition(|point| point.at <= begin).unwrap_or(0);
        self.prices.drain(..stood);
        while self.prices.len() > PRICE_POINTS_MAX {
            self.thin();
        }
    }

    /// Leaves out the highest price between the first and the last.
    fn thin(&mut self) {
        let inner = 1..self.prices.len() - 1;
        let Some(highest) = inner.max_by_key(|i| (self.prices[*i].minor, std::cmp::Reverse(*i))) else {
            return;
        };
        self.prices.remove(highest);
        if self.prices[highest - 1].minor == self.prices[highest].minor {
            self.prices.remove(highest);
        }
    }

    fn note_stock(&mut self, before: i64, after: i64, at: Timestamp) -> bool {
        let is_recent = |news: Option<Timestamp>| news.is_some_and(|news| at.since(news) < STOCK_QUIET);
        match stock_step(before, after) {
            Some(StockStep::Back) => {
                let was_out = self.out_since.take().map_or(Duration::ZERO, |since| at.since(since));
                let flaps = is_recent(self.restocked_at) && was_out < OUT_OF_STOCK_MIN;
                if !flaps {
                    self.restocked_at = Some(at);
                }
                flaps
            }
            Some(StockStep::Low) => {
                let flaps = is_recent(self.low_at);
                if !flaps {
                    self.low_at = Some(at);
                }
                flaps
            }
            None => {
                if before > 0 && after == 0 {
                    self.out_since = Some(at);
                }
                false
            }
        }
    }
}

/// A step of the stock that may be news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StockStep {
    /// There was none, and is.
    Back,
    /// There were more than a few, and are a few.
    Low,
}

pub(crate) fn stock_step(before: i64, after: i64) -> Option<StockStep> {
    if before == 0 && after > 0 {
        Some(StockStep::Back)
    } else if before > LOW_STOCK_MAX && (1..=LOW_STOCK_MAX).contains(&after) {
        Some(StockStep::Low)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::tests::{at, product};

    const DAY: i64 = 24 * 3600 * 1000;

    /// A product that goes through `steps` of (time in ms, price), and its history at the end.
    fn through(steps: &[(i64, i64)]) -> Product {
        let (first, rest) = steps.split_first().unwrap();
        let mut now = product(first.1, 5);
        now.history = History::begin(&now, at(first.0));
        for (ms, minor) in rest {
            let mut next = product(*minor, 5);
            next.history = History::after(&now, &next, at(*ms)).0;
            now = next;
        }
        now
    }

    fn minors(product: &Product) -> Vec<i64> {
        product.history.prices().iter().map(|point| point.minor).collect()
    }

    #[test]
    fn prices_reach_back_thirty_days_and_to_the_one_that_stood_then() {
        let product = through(&[(0, 100), (DAY, 90), (20 * DAY, 80), (40 * DAY, 70)]);
        assert_eq!(minors(&product), [90, 80, 70]);
        assert_eq!(minors(&through(&[(0, 100), (DAY, 90), (400 * DAY, 70)])), [90, 70]);
    }

    #[test]
    fn what_was_not_noted_is_made_up_for_and_a_currency_begins_again() {
        let mut old = product(100, 5);
        old.changed_at = Some(at(7));
        let next = product(90, 5);
        let (history, _) = History::after(&old, &next, at(9));
        let point = |ms, minor| PricePoint { at: at(ms), minor };
        assert_eq!(history.prices(), [point(7, 100), point(9, 90)]);
        // A process of an earlier version carried the history along, and changed the price.
        let unnoted = Product { history, changed_at: Some(at(20)), ..product(60, 5) };
        let (history, _) = History::after(&unnoted, &product(50, 5), at(30));
        assert_eq!(history.prices()[2..], [point(20, 60), point(30, 50)]);
        let won = crate::Money::from_minor(900, crate::Currency::KRW).unwrap();
        let priced = Product { price: won, ..product(90, 5) };
        let (history, _) = History::after(&Product { history, ..product(50, 5) }, &priced, at(40));
        assert_eq!(history.prices(), [point(40, 900)]);
    }

    proptest! {
        /// However often a price changes, memory is bounded, the last price is the present one, and the lowest of the
        /// window is among those kept.
        #[test]
        fn a_low_price_is_never_lost(
            steps in prop::collection::vec((1_i64..2 * DAY, 1_i64..50), 1..120),
        ) {
            let mut ms = 0;
            let steps: Vec<_> = steps.into_iter().map(|(pause, minor)| { ms += pause; (ms, minor) }).collect();
            let product = through(&steps);
            let kept = product.history.prices();
            prop_assert!(kept.len() <= PRICE_POINTS_MAX);
            prop_assert!(kept.is_sorted_by(|a, b| a.at < b.at && a.minor != b.minor));
            let (last_ms, last) = *steps.last().unwrap();
            let begin = at(last_ms).minus(PRICE_WINDOW);
            let stood = steps.iter().rposition(|(ms, _)| at(*ms) <= begin).unwrap_or(0);
            let lowest = steps[stood..].iter().map(|(_, minor)| *minor).min();
            prop_assert_eq!(kept.last().unwrap().minor, last);
            prop_assert!(kept.iter().map(|point| point.minor).min() <= lowest);
        }
    }

    #[test]
    fn stock_that_comes_and_goes_is_news_once_in_six_hours() {
        let hour = 3_600_000;
        let mut history = History::default();
        let mut step = |ms, before, after| history.note_stock(before, after, at(ms));
        // Back, at first: news. Then it flaps.
        assert!(!step(0, 5, 0) && !step(1, 0, 5));
        for round in 1..20 {
            assert!(!step(round * 10, 5, 0), "that it is gone is no news and never flaps");
            assert!(step(round * 10 + 5, 0, 5), "round {round}");
        }
        // It goes on flapping: once more after six hours, and no more than that.
        assert!(!step(6 * hour, 5, 0) && !step(6 * hour + 1, 0, 5));
        assert!(!step(6 * hour + 2, 5, 0) && step(6 * hour + 3, 0, 5));
        // Out for an hour is out indeed.
        assert!(!step(7 * hour, 5, 0) && !step(8 * hour, 0, 5));
        // Around the limit of "few".
        assert!(!step(9 * hour, 4, 3) && !step(9 * hour + 1, 3, 4) && step(9 * hour + 2, 4, 2));
        assert!(!step(15 * hour, 4, 1));
    }
}
