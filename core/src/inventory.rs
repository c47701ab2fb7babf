//! Price and stock changes (`product.inventory.v1`), and which of them matter to shoppers.

use serde::{Deserialize, Serialize};

use crate::{Currency, FieldError, NotificationKind, ProductId, Timestamp, TraceId};

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
