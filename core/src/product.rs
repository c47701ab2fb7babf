//! The catalogue's subject.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{Currency, FieldError, GroupId, History, Money, ProductId, Timestamp};

/// Longest product name, in bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Longest category, brand, attribute key or value, in bytes.
pub const LABEL_BYTES_MAX: usize = 128;
/// Most attributes of a product.
pub const ATTRIBUTES_MAX: usize = 64;
/// Greatest stock, in pieces.
pub const STOCK_MAX: u32 = 100_000_000;

/// A product as the shop describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its identifier.
    pub product_id: ProductId,
    /// Its name in English, or the shop's one language.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The one category it stands in.
    pub category: String,
    /// Who makes it.
    pub brand: Option<String>,
    /// What one piece costs.
    pub price: Money,
    /// Pieces that can be sold now.
    pub stock: u32,
    /// A picture of it.
    pub image_url: Option<String>,
    /// Such as colour or size.
    pub attributes: BTreeMap<String, String>,
    /// Its name in Korean.
    pub name_ko: Option<String>,
    /// What it is, in Korean.
    pub description_ko: Option<String>,
    /// When price or stock last changed, as far as that was noted: grows with each change, see
    /// [`crate::InventoryChange::between`].
    #[serde(default)]
    pub changed_at: Option<Timestamp>,
    /// Its earlier prices and stock, as far as they were noted: what is news is judged by it. The shop's writer keeps it;
    /// what callers put in is replaced.
    #[serde(default)]
    pub history: History,
    /// The variants that it belongs to, such as all sizes and colours of a shirt: of one group lists show one product.
    #[serde(default)]
    pub group_id: Option<GroupId>,
}

impl Product {
    /// The text that is embedded: name, category and description, in each language given.
    pub fn passage(&self) -> String {
        let mut text = format!("{}. {}. ", self.name, self.category);
        if let Some(brand) = &self.brand {
            text.push_str(brand);
            text.push_str(". ");
        }
        text.push_str(&self.description);
        for more in [&self.name_ko, &self.description_ko].into_iter().flatten() {
            text.push(' ');
            text.push_str(more);
        }
        text
    }

    /// Checks lengths and bounds that the types do not.
    pub fn validate(&self) -> Result<(), FieldError> {
        let text = |field, value: &str, max: usize, required: bool| {
            if required && value.trim().is_empty() {
                return Err(FieldError::new(field, "must not be blank"));
            }
            if value.len() > max {
                return Err(FieldError::new(field, format!("must be at most {max} bytes")));
            }
            Ok(())
        };
        text("name", &self.name, NAME_BYTES_MAX, true)?;
        text("category", &self.category, LABEL_BYTES_MAX, true)?;
        text("description", &self.description, DESCRIPTION_BYTES_MAX, false)?;
        text("brand", self.brand.as_deref().unwrap_or_default(), LABEL_BYTES_MAX, false)?;
        text("nameKo", self.name_ko.as_deref().unwrap_or_default(), NAME_BYTES_MAX, false)?;
        text(
            "descriptionKo",
            self.description_ko.as_deref().unwrap_or_default(),
            DESCRIPTION_BYTES_MAX,
            false,
        )?;
        text("imageUrl", self.image_url.as_deref().unwrap_or_default(), 2048, false)?;
        if self.stock > STOCK_MAX {
            return Err(FieldError::new("stock", format!("must be at most {STOCK_MAX}")));
        }
        if self.attributes.len() > ATTRIBUTES_MAX {
            return Err(FieldError::new("attributes", format!("must hold at most {ATTRIBUTES_MAX} entries")));
        }
        if self.attributes.iter().any(|(k, v)| k.len() > LABEL_BYTES_MAX || v.len() > LABEL_BYTES_MAX) {
            return Err(FieldError::new(
                "attributes",
                format!("must hold keys and values of at most {LABEL_BYTES_MAX} bytes"),
            ));
        }
        if let Some(url) = &self.image_url
            && !(url.starts_with("https://") || url.starts_with("http://") || url.starts_with('/'))
        {
            return Err(FieldError::new("imageUrl", "must be an http(s) address or an absolute path"));
        }
        Ok(())
    }
}

/// Prices of one currency.
///
/// A price in another currency is in no such range: amounts of two currencies do not compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRange {
    /// Which currency.
    pub currency: Currency,
    /// The least, in minor units of it.
    pub min_minor: Option<i64>,
    /// The greatest, in minor units of it.
    pub max_minor: Option<i64>,
}

impl PriceRange {
    /// Any price in `currency`.
    pub fn of(currency: Currency) -> Self {
        Self { currency, min_minor: None, max_minor: None }
    }

    /// Prices in `currency` from `minor` minor units.
    pub fn from(minor: i64, currency: Currency) -> Self {
        Self { min_minor: Some(minor), ..Self::of(currency) }
    }

    /// Prices in `currency` up to `minor` minor units.
    pub fn up_to(minor: i64, currency: Currency) -> Self {
        Self { max_minor: Some(minor), ..Self::of(currency) }
    }

    /// The same prices in the minor units of releases before the digits of ISO 4217: what those stored passes this
    /// range if [`Money::in_iso_units`] of it passes `self`. `None` where the units are the same.
    pub fn in_earlier_units(self) -> Option<Self> {
        let (before, now) = (self.currency.decimals_before(), self.currency.decimals());
        let unit = 10_i64.pow(before.abs_diff(now));
        let (min, max) = (self.min_minor, self.max_minor);
        let (min_minor, max_minor) = match before.cmp(&now) {
            Ordering::Equal => return None,
            Ordering::Less => (
                min.map(|min| min.saturating_add(unit - 1).div_euclid(unit)),
                max.map(|max| max.div_euclid(unit)),
            ),
            // Halves are rounded up.
            Ordering::Greater => (
                min.map(|min| min.saturating_mul(unit).saturating_sub(unit / 2)),
                max.map(|max| max.saturating_add(1).saturating_mul(unit).saturating_sub(unit / 2 + 1)),
            ),
        };
        Some(Self { min_minor, max_minor, ..self })
    }

    /// Whether `price` lies in it.
    pub fn contains(&self, price: Money) -> bool {
        price.currency() == self.currency
            && self.min_minor.is_none_or(|min| price.minor() >= min)
            && self.max_minor.is_none_or(|max| price.minor() <= max)
    }
}

/// Which products may be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProductFilter {
    /// Only this category.
    pub category: Option<String>,
    /// Only at these prices.
    pub price: Option<PriceRange>,
    /// Only what is in stock.
    pub in_stock: bool,
    /// Not these.
    pub exclude: HashSet<ProductId>,
    /// Nothing of these groups.
    pub exclude_groups: HashSet<GroupId>,
}

impl ProductFilter {
    /// Whether `product` passes.
    pub fn admits(&self, product: &Product) -> bool {
        self.admits_fields(&product.category, product.price, product.stock)
            && !self.exclude.contains(&product.product_id)
            && product.group_id.as_ref().is_none_or(|group| !self.exclude_groups.contains(group))
    }

    /// The same without the exclusions, on bare fields: an index keeps these beside its vectors.
    pub fn admits_fields(&self, category: &str, price: Money, stock: u32) -> bool {
        self.category.as_deref().is_none_or(|wanted| wanted == category)
            && self.price.is_none_or(|range| range.contains(price))
            && (!self.in_stock || stock > 0)
    }

    /// Whether everything passes.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_earlier_units_holds_the_same_prices() {
        for code in ["PYG", "UGX", "IQD", "LYD"] {
            let currency: Currency = code.parse().unwrap();
            let bounds =
                [None, Some(i64::MIN), Some(-1), Some(0), Some(1), Some(7), Some(13), Some(i64::MAX)];
            for (min_minor, max_minor) in bounds.into_iter().flat_map(|min| bounds.map(|max| (min, max))) {
                let range = PriceRange { currency, min_minor, max_minor };
                let earlier = range.in_earlier_units().unwrap();
                for minor in 0..1500 {
                    let stored = Money::from_minor(minor, currency).unwrap();
                    let expected = range.contains(stored.in_iso_units());
                    assert_eq!(earlier.contains(stored), expected, "{minor} in {range:?}: {earlier:?}");
                }
            }
        }
        for currency in [Currency::EUR, Currency::KRW, Currency::recorded("ABC").unwrap()] {
            assert_eq!(PriceRange::of(currency).in_earlier_units(), None);
        }
    }

    #[test]
    fn a_range_is_of_one_currency() {
        let euros = |minor| Money::from_minor(minor, Currency::EUR).unwrap();
        let range = PriceRange { currency: Currency::EUR, min_minor: Some(5), max_minor: Some(7) };
        let inside: Vec<i64> = (0..10).filter(|minor| range.contains(euros(*minor))).collect();
        assert_eq!(inside, [5, 6, 7]);
        assert!(!range.contains(Money::from_minor(6, Currency::USD).unwrap()));
        assert!(PriceRange::of(Currency::EUR).contains(euros(0)));
        assert!(!PriceRange::of(Currency::KRW).contains(euros(0)));
    }
}
