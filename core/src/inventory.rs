//! Price and stock changes (`product.inventory.v1`), and which of them matter to shoppers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Currency, FieldError, Money, NotificationKind, Product, ProductId, Timestamp, TraceId, stable_hash128,
};

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
    /// When it changed.
    pub timestamp: Timestamp,
}

impl InventoryChange {
    /// The change of price or stock from `before` to `after`, noted now in `after.changed_at`; `None` where both stay.
    ///
    /// Its identity is that of the step: whoever takes it from the same state to the same state, however often and in
    /// whatever process, tells of one change; and a step back and forth again is another, since `changed_at` grows.
    pub fn between(before: Option<&Product>, after: &mut Product, now: Timestamp) -> Option<Self> {
        let noted = before.and_then(|before| before.changed_at);
        if before.is_some_and(|before| before.price == after.price && before.stock == after.stock) {
            after.changed_at = noted;
            return None;
        }
        // Prices of two currencies do not compare: then the price counts as new.
        let price_before = before.map(|b| b.price).filter(|price| price.currency() == after.price.currency());
        // A new product may be one that was removed before: of its earlier changes nothing is known.
        let since = if before.is_some() { noted } else { Some(now) };
        let change = Self {
            trace_id: id_of(since, before, after),
            product_id: after.product_id.clone(),
            currency: after.price.currency(),
            price_before: price_before.map(Money::minor),
            price_after: after.price.minor(),
            stock_before: before.map(|before| i64::from(before.stock)),
            stock_after: i64::from(after.stock),
            timestamp: now,
        };
        after.changed_at = Some(noted.map_or(now, |noted| now.max(noted.plus(Duration::from_millis(1)))));
        Some(change)
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

/// From when on a change matters.
#[derive(Clone, Copy, Debug)]
pub struct DetectionRules {
    /// Least drop that is told, as a share of the price before.
    pub price_drop_min: f64,
    /// Stock at or under which "last few" is told, in pieces.
    pub low_stock_max: i64,
}

impl Default for DetectionRules {
    /// A drop of 5 %, three pieces.
    fn default() -> Self {
        Self { price_drop_min: 0.05, low_stock_max: 3 }
    }
}

/// What shoppers are told about `change`, the most important first; nothing for a new product, and no drop
/// is told of what cannot be bought.
pub fn detect(change: &InventoryChange, rules: DetectionRules) -> Vec<NotificationKind> {
    let mut kinds = Vec::new();
    if let Some(before) = change.price_before
        && before > 0
        && change.price_after < before
        && change.stock_after > 0
        && (before - change.price_after) as f64 >= before as f64 * rules.price_drop_min
    {
        kinds.push(NotificationKind::PriceDrop);
    }
    if let Some(before) = change.stock_before {
        if before == 0 && change.stock_after > 0 {
            kinds.push(NotificationKind::BackInStock);
        } else if before > rules.low_stock_max && (1..=rules.low_stock_max).contains(&change.stock_after) {
            kinds.push(NotificationKind::LowStock);
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(price: (i64, i64), stock: (i64, i64)) -> InventoryChange {
        InventoryChange {
            trace_id: TraceId::new("t").unwrap(),
            product_id: ProductId::new("p").unwrap(),
            currency: Currency::EUR,
            price_before: Some(price.0),
            price_after: price.1,
            stock_before: Some(stock.0),
            stock_after: stock.1,
            timestamp: Timestamp::from_ms(0),
        }
    }

    #[test]
    fn a_change_is_known_by_the_step_it_is() {
        let price = |minor| Money::from_minor(minor, Currency::EUR).unwrap();
        let product = |minor, stock, changed_at| Product {
            product_id: ProductId::new("p").unwrap(),
            name: "Cup".into(),
            description: String::new(),
            category: "cups".into(),
            brand: None,
            price: price(minor),
            stock,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at,
        };
        let at = Timestamp::from_ms;
        let step = |before: &Product, minor, stock, now| {
            let mut after = product(minor, stock, None);
            (InventoryChange::between(Some(before), &mut after, at(now)), after)
        };
        let begin = product(100, 5, None);
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
            assert!(after.changed_at > before.changed_at);
            assert!(known.insert(change.unwrap().trace_id));
            before = after;
        }
        let (none, same) = step(&before, 90, 5, 99);
        assert_eq!((none, same.changed_at), (None, before.changed_at));

        let new = |now| InventoryChange::between(None, &mut product(100, 5, None), at(now)).unwrap();
        assert_eq!((new(1).price_before, new(1).stock_before), (None, None));
        assert_ne!(new(1).trace_id, new(2).trace_id, "made anew after it was removed");
    }

    #[test]
    fn tells_what_matters_and_nothing_else() {
        use NotificationKind::{BackInStock, LowStock, PriceDrop};
        let rules = DetectionRules::default();
        let cases = [
            ((1000, 950), (9, 9), vec![PriceDrop]),
            ((1000, 951), (9, 9), vec![]),
            ((1000, 1200), (9, 9), vec![]),
            ((1000, 500), (0, 0), vec![]),
            ((1000, 500), (0, 4), vec![PriceDrop, BackInStock]),
            ((1000, 1000), (4, 3), vec![LowStock]),
            ((1000, 1000), (3, 2), vec![]),
            ((1000, 1000), (2, 0), vec![]),
            ((0, 0), (5, 5), vec![]),
        ];
        for (price, stock, expected) in cases {
            assert_eq!(detect(&change(price, stock), rules), expected, "{price:?} {stock:?}");
        }
        let new = InventoryChange { price_before: None, stock_before: None, ..change((0, 5), (0, 5)) };
        assert!(detect(&new, rules).is_empty());
    }
}
