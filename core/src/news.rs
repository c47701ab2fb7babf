//! Which changes are news, and to whom: real drops only, and no stock that flaps.

use std::time::Duration;

use crate::history::{PRICE_WINDOW, StockStep, stock_step};
use crate::{InterestReason, InventoryChange, NotificationKind, PricePoint, Product, Timestamp};

/// What a shopper saw is the lowest price of so long before they looked: a glitch is no price to compare with.
const SEEN: Duration = Duration::from_secs(24 * 3600);

/// From when on a change matters.
#[derive(Clone, Copy, Debug)]
pub struct DetectionRules {
    /// Least drop that is news, as a share of what the shopper knows. 0 to 1.
    pub price_drop_min: f64,
}

impl Default for DetectionRules {
    /// A drop of 5 %.
    fn default() -> Self {
        Self { price_drop_min: 0.05 }
    }
}

/// What one change may be news of, before it is known to whom.
///
/// - **A real low.** A price is a drop only if no price of the 30 days before was lower. A glitch up and back is none.
///   Nothing is known of 0: it is never news, and never a price to compare with.
/// - **Against what the shopper knows**: the price that they saw, or a lower one that was news to them since. A price
///   that creeps down is news each time it adds up to the least drop; the same low again is none. To shoppers who are
///   told because the product is similar to what they like, who may not know it, only a price below all of 30 days is news.
/// - No drop is news of what cannot be bought; no stock is while it flaps.
///
/// The answer depends on the change and on what was before it: a change that comes again has the same answer, however much
/// was noted since.
#[derive(Clone, Debug)]
pub struct News {
    price: Option<Low>,
    stock: Option<NotificationKind>,
    price_before: Option<i64>,
    at: Timestamp,
}

/// What there is to tell one shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The most important first.
    pub kinds: Vec<NotificationKind>,
    /// What they saw, in minor units; the price before the change if that is not known.
    pub price_seen: Option<i64>,
}

/// A price that is as low as any before it.
#[derive(Clone, Debug)]
struct Low {
    /// Earlier prices, oldest first, each with whether it was such a price itself.
    earlier: Vec<(PricePoint, bool)>,
    now: i64,
    /// The lowest of the 30 days before.
    lowest: i64,
    drop_min: f64,
}

impl News {
    /// Whether `change` could be news, whatever was before it: what needs no look at the product otherwise.
    pub fn may_come_of(change: &InventoryChange) -> bool {
        let is_lower = change.price_before.is_some_and(|before| change.price_after < before);
        is_lower || change.stock_before.is_some_and(|before| stock_step(before, change.stock_after).is_some())
    }

    /// What `change` is news of. `product` is what changed, as it stands now; earlier or later states do as well.
    pub fn of(change: &InventoryChange, product: Option<&Product>, rules: DetectionRules) -> Self {
        let stock = change.stock_before.filter(|_| !change.flapping);
        let stock = stock.and_then(|before| stock_step(before, change.stock_after)).map(|step| match step {
            StockStep::Back => NotificationKind::BackInStock,
            StockStep::Low => NotificationKind::LowStock,
        });
        let price_before = change.price_before;
        Self { price: Low::of(change, product, rules), stock, price_before, at: change.timestamp }
    }

    /// Whether it is news to nobody.
    pub fn is_none(&self) -> bool {
        self.price.is_none() && self.stock.is_none()
    }

    /// What is news to a shopper who last showed interest at `at`, for `reason`.
    pub fn to(&self, reason: InterestReason, at: Timestamp) -> Told {
        let knows = reason != InterestReason::Similar;
        let seen = self.price.as_ref().filter(|_| knows).and_then(|low| low.seen(at, self.at));
        let price_seen = seen.or(self.price_before);
        let is_drop = self.price.as_ref().zip(price_seen).is_some_and(|(low, seen)| {
            if knows { low.is_drop_since(seen, at) } else { low.now < low.lowest && low.is_drop_from(seen) }
        });
        let drop = is_drop.then_some(NotificationKind::PriceDrop);
        Told { kinds: drop.into_iter().chain(self.stock).collect(), price_seen }
    }
}

impl Low {
    fn of(change: &InventoryChange, product: Option<&Product>, rules: DetectionRules) -> Option<Self> {
        let (before, now) = (change.price_before?, change.price_after);
        if now == 0 || now >= before || change.stock_after == 0 {
            return None;
        }
        let known = product.filter(|product| product.price.currency() == change.currency);
        let known = known.map_or(&[][..], |product| product.history.prices());
        let mut points: Vec<PricePoint> =
            known.iter().copied().take_while(|point| point.at < change.timestamp).collect();
        // What other programs change, and what changed before histories were kept, is not in it.
        if points.last().is_none_or(|last| last.minor != before) {
            let at =
                points.last().map_or(Timestamp::default(), |last| last.at.plus(Duration::from_millis(1)));
            points.push(PricePoint { at, minor: before });
        }
        let begin = change.timestamp.minus(PRICE_WINDOW);
        let stood = points.iter().rposition(|point| point.at <= begin).unwrap_or(0);
        points.drain(..stood);
        let mut lowest = i64::MAX;
        let mut earlier = Vec::with_capacity(points.len());
        for point in points.into_iter().filter(|point| point.minor > 0) {
            earlier.push((point, point.minor <= lowest));
            lowest = lowest.min(point.minor);
        }
        let low = Self { earlier, now, lowest, drop_min: rules.price_drop_min };
        let highest = low.earlier.iter().map(|(point, _)| point.minor).max()?;
        (now <= lowest && low.is_drop_from(highest)).then_some(low)
    }

    /// The lowest price that stood in the day before `at`; the oldest known if all are later. A shopper who looked after
    /// the change of `changed` saw what it brought.
    fn seen(&self, at: Timestamp, changed: Timestamp) -> Option<i64> {
        if at > changed {
            return Some(self.now);
        }
        let first = self.earlier.first()?.0.minor;
        let begin = self.earlier.partition_point(|(point, _)| point.at <= at.minus(SEEN)).saturating_sub(1);
        let end = self.earlier.partition_point(|(point, _)| point.at <= at).max(begin);
        let stood = self.earlier[begin..end].iter().map(|(point, _)| point.minor);
        Some(stood.min().unwrap_or(first))
    }

    /// Whether it is a drop to someone who saw `seen` at `at`, and was told of what was news to them since.
    fn is_drop_since(&self, seen: i64, at: Timestamp) -> bool {
        let told = self.earlier.iter().filter(|(point, was_low)| *was_low && point.at > at);
        let knows =
            told.fold(
                seen,
                |knows, (point, _)| {
                    if drops(knows, point.minor, self.drop_min) { point.minor } else { knows }
                },
            );
        self.is_drop_from(knows)
    }

    fn is_drop_from(&self, known: i64) -> bool {
        drops(known, self.now, self.drop_min)
    }
}

/// Whether `now` is below `known` by at least `drop_min` of it.
fn drops(known: i64, now: i64, drop_min: f64) -> bool {
    now < known && (known - now) as f64 >= known as f64 * drop_min
}

#[cfg(test)]
mod tests {
    use super::NotificationKind::{BackInStock, LowStock, PriceDrop};
    use super::*;
    use crate::History;
    use crate::inventory::tests::{at, product};

    const DAY: i64 = 24 * 3600 * 1000;

    /// The changes that lead a new product through `steps` of (day, price, stock), and the product at the end.
    fn changes(steps: &[(f64, i64, u32)]) -> (Vec<InventoryChange>, Product) {
        let mut now = None;
        let mut changes = Vec::new();
        for (day, minor, stock) in steps {
            let mut next = product(*minor, *stock);
            let ms = (day * DAY as f64) as i64;
            changes.extend(InventoryChange::between(now.as_ref(), &mut next, at(ms)));
            now = Some(next);
        }
        (changes, now.unwrap())
    }

    fn day(day: f64) -> Timestamp {
        at((day * DAY as f64) as i64)
    }

    /// What a shopper who put it into the cart on `cart` is told, change by change: the kinds, and the price seen.
    fn told(steps: &[(f64, i64, u32)], reason: InterestReason, cart: f64) -> Vec<(i64, Option<i64>)> {
        let (changes, product) = changes(steps);
        let mut told = Vec::new();
        for change in &changes {
            let news = News::of(change, Some(&product), DetectionRules::default());
            // Nothing that is noted later, or not noted yet, changes the answer.
            let until = changes.iter().position(|other| other == change).unwrap();
            let (_, earlier) = super::tests::changes(&steps[..until.max(1)]);
            let before = News::of(change, Some(&earlier), DetectionRules::default());
            assert_eq!(news.to(reason, day(cart)), before.to(reason, day(cart)), "{change:?}");
            let is = news.to(reason, day(cart));
            if is.kinds.contains(&PriceDrop) {
                told.push((change.price_after, is.price_seen));
            }
        }
        told
    }

    fn carted(prices: &[(f64, i64)], cart: f64) -> Vec<(i64, Option<i64>)> {
        let steps: Vec<_> = prices.iter().map(|(day, minor)| (*day, *minor, 5)).collect();
        told(&steps, InterestReason::Carted, cart)
    }

    #[test]
    fn a_glitch_up_and_back_is_no_news() {
        let glitch = [(0.0, 100), (5.0, 10_000), (5.01, 100)];
        assert_eq!(carted(&glitch, 1.0), []);
        assert_eq!(carted(&glitch, 5.005), [], "not to those who looked during it, either");
        assert_eq!(carted(&[(0.0, 100), (5.0, 10_000), (5.01, 80)], 5.005), [(80, Some(100))]);
        let down = [(0.0, 100), (5.0, 0), (5.01, 100), (6.0, 80)];
        assert_eq!(carted(&down, 1.0), [(80, Some(100))], "0 is neither news nor a low");
        assert_eq!(carted(&[(0.0, 0), (1.0, 100), (2.0, 90)], 0.5), [(90, Some(100))]);
    }

    #[test]
    fn a_drop_counts_against_what_the_shopper_saw() {
        assert_eq!(carted(&[(0.0, 100), (2.0, 80)], 1.0), [(80, Some(100))]);
        assert_eq!(carted(&[(0.0, 100), (2.0, 80)], 3.0), [], "they saw it");
        assert_eq!(carted(&[(10.0, 100), (12.0, 80)], 1.0), [(80, Some(100))], "older than what is known");
        // Raised, and lowered again to what they saw; then below it.
        assert_eq!(carted(&[(0.0, 100), (2.0, 150), (4.0, 100), (5.0, 90)], 1.0), [(90, Some(100))]);
        // To someone who came later it is a drop from what they saw, and no price of the month was lower.
        assert_eq!(carted(&[(0.0, 100), (2.0, 150), (6.0, 100)], 4.0), [(100, Some(150))]);
        assert_eq!(carted(&[(0.0, 100), (2.0, 150), (6.0, 120)], 4.0), [], "it was 100 this month");
        assert_eq!(carted(&[(0.0, 100), (2.0, 150), (40.0, 120)], 39.0), [(120, Some(150))], "it was not");
    }

    #[test]
    fn the_same_low_is_news_once_and_small_steps_add_up() {
        let again = [(0.0, 100), (2.0, 80), (3.0, 100), (5.0, 80), (6.0, 100), (7.0, 75)];
        assert_eq!(carted(&again, 1.0), [(80, Some(100)), (75, Some(100))]);
        assert_eq!(carted(&again, 4.5), [(80, Some(100)), (75, Some(100))], "not told before");
        let creep = [(0.0, 100), (1.0, 98), (2.0, 96), (3.0, 94), (4.0, 92), (5.0, 89)];
        assert_eq!(carted(&creep, 0.5), [(94, Some(100)), (89, Some(100))]);
    }

    #[test]
    fn who_may_not_know_it_is_told_of_a_new_low_only() {
        let similar = |steps: &[(f64, i64, u32)]| told(steps, InterestReason::Similar, 9.0);
        assert_eq!(similar(&[(0.0, 100, 5), (1.0, 80, 5)]), [(80, Some(100))]);
        assert_eq!(similar(&[(0.0, 100, 5), (1.0, 80, 5), (2.0, 100, 5), (3.0, 80, 5)]), [(80, Some(100))]);
        assert_eq!(similar(&[(0.0, 100, 5), (1.0, 97, 5), (2.0, 94, 5)]), []);
    }

    #[test]
    fn tells_what_matters_and_nothing_else() {
        let cases = [
            ((1000, 950), (9, 9), vec![PriceDrop]),
            ((1000, 951), (9, 9), vec![]),
            ((1000, 1200), (9, 9), vec![]),
            ((1000, 0), (9, 9), vec![]),
            ((1000, 500), (0, 0), vec![]),
            ((1000, 500), (0, 4), vec![PriceDrop, BackInStock]),
            ((1000, 1000), (4, 3), vec![LowStock]),
            ((1000, 1000), (3, 2), vec![]),
            ((1000, 1000), (2, 0), vec![]),
            ((0, 0), (5, 5), vec![]),
        ];
        for (price, stock, expected) in cases {
            let (mut begin, mut next) = (product(price.0, stock.0), product(price.1, stock.1));
            begin.history = History::default();
            let Some(change) = InventoryChange::between(Some(&begin), &mut next, day(1.0)) else { continue };
            for known in [None, Some(&begin), Some(&next)] {
                let news = News::of(&change, known, DetectionRules::default());
                assert_eq!(news.is_none(), expected.is_empty(), "{price:?} {stock:?}");
                let told = news.to(InterestReason::Carted, day(0.5));
                assert_eq!(told.kinds, expected, "{price:?} {stock:?}");
                let flapping = InventoryChange { flapping: true, ..change.clone() };
                let told = News::of(&flapping, known, DetectionRules::default())
                    .to(InterestReason::Viewed, day(0.5));
                assert!(told.kinds.iter().all(|kind| *kind == PriceDrop), "{price:?} {stock:?}");
            }
        }
        let (new, _) = changes(&[(0.0, 5, 5)]);
        assert!(News::of(&new[0], None, DetectionRules::default()).is_none());
    }
}
