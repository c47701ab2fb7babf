//! Price and stock changes (`product.inventory.v1`). Which of them are news: [`crate::News`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Currency, FieldError, History, Money, Product, ProductId, Timestamp, TraceId, stable_hash128};

/// How far ahead of the clock a change's time may be, so that it is later than the change before.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// A product's price or stock changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryChange {
    /// Identifies the change.
    pub trace_id: TraceId,
    /// The product.
    pub product_id: ProductId,
    /// Of both prices.
    pub currency: Currency,
    /// Minor units before; `None` for a new product.
    #[serde(default)]
    pub price_before: Option<i64>,
    /// Minor units now.
    pub price_after: i64,
    /// Pieces before; `None` for a new product.
    #[serde(default)]
    pub stock_before: Option<i64>,
    /// Pieces now.
    pub stock_after: i64,
    /// When it changed: later than every earlier change of the product, unless that was noted by a clock a minute ahead.
    pub timestamp: Timestamp,
    /// The stock flaps: the same step was news a moment ago, so it is none now. See [`History`].
    #[serde(default)]
    pub flapping: bool,
}

impl InventoryChange {
    /// The change of price or stock from `before` to `after`, noted now in `after.changed_at` and `after.history`; `None`
    /// where both stay.
    ///
    /// Its identity is that of the step: whoever takes it from the same state to the same state, however often and in
    /// whatever process, tells of one change; and a step back and forth again is another, since `changed_at` grows.
    pub fn between(before: Option<&Product>, after: &mut Product, now: Timestamp) -> Option<Self> {
        let noted = before.and_then(|before| before.changed_at);
        if before.is_some_and(|before| before.price == after.price && before.stock == after.stock) {
            after.changed_at = noted;
            after.history = before.map(|before| before.history.clone()).unwrap_or_default();
            return None;
        }
        // Prices of two currencies do not compare: then the price counts as new.
        let price_before = before.map(|b| b.price).filter(|price| price.currency() == after.price.currency());
        // A new product may be one that was removed before: of its earlier changes nothing is known.
        let since = if before.is_some() { noted } else { Some(now) };
        let at = noted.map_or(now, |noted| now.max(noted.plus(Duration::from_millis(1))));
        let (history, flapping) = match before {
            Some(before) => History::after(before, after, at),
            None => (History::begin(after, at), false),
        };
        let change = Self {
            trace_id: id_of(since, before, after),
            product_id: after.product_id.clone(),
            currency: after.price.currency(),
            price_before: price_before.map(Money::minor),
            price_after: after.price.minor(),
            stock_before: before.map(|before| i64::from(before.stock)),
            stock_after: i64::from(after.stock),
            // What a clock far ahead noted must not make every later change one of the future.
            timestamp: if at.since(now) <= AHEAD_MAX { at } else { now },
            flapping,
        };
        after.changed_at = Some(at);
        after.history = history;
        Some(change)
    }

    /// The same change, out of minor units as release 0.1 wrote them; see [`Money::in_iso_units`].
    #[must_use]
    pub fn in_iso_units(self) -> Self {
        let units = |minor| self.currency.in_iso_units(minor);
        Self { price_before: self.price_before.map(units), price_after: units(self.price_after), ..self }
    }

    /// Refuses negative prices and stocks.
    pub fn validate(&self) -> Result<(), FieldError> {
        let not_negative = |field, value: Option<i64>| match value {
            Some(..0) => Err(FieldError::new(field, "must not be negative")),
            _ => Ok(()),
        };
        not_negative("priceBefore", self.price_before)?;
        not_negative("priceAfter", Some(self.price_after))?;
        not_negative("stockBefore", self.stock_before)?;
        not_negative("stockAfter", Some(self.stock_after))
    }
}

/// What the change from `before`, as it stood since then, to `after` is known by.
fn id_of(since: Option<Timestamp>, before: Option<&Product>, after: &Product) -> TraceId {
    let side = |product: &Product| (product.price.minor(), product.price.currency(), product.stock);
    let since = since.map(Timestamp::as_ms);
    let text =
        format!("{}\u{1f}{since:?}\u{1f}{:?}\u{1f}{:?}", after.product_id, before.map(side), side(after));
    TraceId::new(format!("{:032x}", stable_hash128(text.as_bytes())))
        .unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    pub(crate) fn product(minor: i64, stock: u32) -> Product {
        Product {
            product_id: ProductId::new("p").unwrap(),
            name: "Cup".into(),
            description: String::new(),
            category: "cups".into(),
            brand: None,
            price: Money::from_minor(minor, Currency::EUR).unwrap(),
            stock,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at: None,
            history: History::default(),
            group_id: None,
        }
    }

    #[test]
    fn a_change_is_known_by_the_step_it_is() {
        let step = |before: &Product, minor, stock, now| {
            let mut after = product(minor, stock);
            (InventoryChange::between(Some(before), &mut after, at(now)), after)
        };
        let begin = product(100, 5);
        let (first, lowered) = step(&begin, 90, 5, 10);
        let (again, _) = step(&begin, 90, 5, 20);
        let (first, again) = (first.unwrap(), again.unwrap());
        assert_eq!(first.trace_id, again.trace_id, "another attempt, the same change");
        assert_eq!((first.price_before, first.stock_before, first.timestamp), (Some(100), Some(5), at(10)));
        assert_ne!(step(&begin, 90, 4, 10).0.unwrap().trace_id, first.trace_id);

        // All within one millisecond: to and fro, each is another change.
        let mut known = std::collections::BTreeSet::from([first.trace_id]);
        let mut before = lowered;
        for minor in [100, 90, 100, 90] {
            let (change, after) = step(&before, minor, 5, 10);
            let change = change.unwrap();
            assert!(after.changed_at > before.changed_at);
            assert_eq!(
                after.changed_at,
                Some(change.timestamp),
                "changes of one product are told apart by time"
            );
            assert!(known.insert(change.trace_id));
            before = after;
        }
        let (none, same) = step(&before, 90, 5, 99);
        assert_eq!((none, same.changed_at), (None, before.changed_at));
        assert_eq!(same.history, before.history, "it is carried along");
        assert_eq!(before.history.prices().len(), 6);

        let ahead = Product { changed_at: Some(at(90_000)), ..product(100, 5) };
        let (change, after) = step(&ahead, 90, 5, 10);
        assert_eq!((change.unwrap().timestamp, after.changed_at), (at(10), Some(at(90_001))));

        let new = |now| InventoryChange::between(None, &mut product(100, 5), at(now)).unwrap();
        assert_eq!((new(1).price_before, new(1).stock_before), (None, None));
        assert_ne!(new(1).trace_id, new(2).trace_id, "created again after it was removed");
    }
}
