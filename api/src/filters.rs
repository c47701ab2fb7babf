//! Filters of the query string.

use std::collections::HashSet;

use rep_core::{Currency, Money, PriceRange, ProductFilter, ProductId};

use crate::extract::given;
use crate::problem::Problem;

/// Most ids that may be excluded.
const EXCLUDE_MAX: usize = 1_000;

/// The filters as they were sent.
#[derive(Default)]
pub(crate) struct Filters {
    pub(crate) category: Option<String>,
    pub(crate) min_price: Option<String>,
    pub(crate) max_price: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) in_stock: Option<bool>,
    pub(crate) exclude_product_ids: Option<String>,
}

impl Filters {
    /// What they mean; prices are in the currency of the `shop` if none is named.
    pub(crate) fn read(self, shop: Currency) -> Result<ProductFilter, Problem> {
        let parse = |code: String| code.parse().map_err(|error| Problem::field("currency", error));
        let named: Option<Currency> = given(self.currency).map(parse).transpose()?;
        let currency = named.unwrap_or(shop);
        let price = |field: &'static str, text: Option<String>| {
            let parse =
                |text: String| Money::parse(&text, currency).map_err(|error| Problem::field(field, error));
            given(text).map(parse).transpose().map(|money| money.map(Money::minor))
        };
        let min_minor = price("minPrice", self.min_price)?;
        let max_minor = price("maxPrice", self.max_price)?;
        if min_minor.zip(max_minor).is_some_and(|(min, max)| min > max) {
            return Err(Problem::field("minPrice", "must not be over `maxPrice`"));
        }
        let asks_for_price = named.is_some() || min_minor.is_some() || max_minor.is_some();
        Ok(ProductFilter {
            category: given(self.category),
            price: asks_for_price.then_some(PriceRange { currency, min_minor, max_minor }),
            in_stock: self.in_stock.unwrap_or(false),
            exclude: excluded(self.exclude_product_ids)?,
        })
    }
}

fn excluded(ids: Option<String>) -> Result<HashSet<ProductId>, Problem> {
    let Some(ids) = ids else { return Ok(HashSet::new()) };
    let refused = |message: String| Problem::field("excludeProductIds", message);
    let mut excluded = HashSet::new();
    for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        excluded.insert(ProductId::new(id).map_err(|error| refused(format!("holds `{id}`: {error}")))?);
        if excluded.len() > EXCLUDE_MAX {
            return Err(refused(format!("must hold at most {EXCLUDE_MAX} ids")));
        }
    }
    Ok(excluded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_decimal_and_in_order() {
        let read = |min: &str, max: &str| {
            let (min_price, max_price) = (Some(min.to_owned()), Some(max.to_owned()));
            Filters { min_price, max_price, ..Filters::default() }.read(Currency::EUR)
        };
        let filter = read("1.50", "20").unwrap();
        let range = PriceRange { currency: Currency::EUR, min_minor: Some(150), max_minor: Some(2000) };
        assert_eq!(filter.price, Some(range));
        assert!(read("", "").unwrap().is_open());
        for (min, max) in
            [("NaN", "1"), ("-1", "1"), ("3", "2"), ("1e5", "2"), ("1.000", ""), ("", "1.000"), ("", "1,5")]
        {
            assert!(read(min, max).is_err(), "{min} {max}");
        }
    }

    #[test]
    fn prices_are_of_the_currency_that_is_named_or_of_the_shop() {
        let read = |max: &str, currency: &str| {
            let (max_price, currency) = (Some(max.to_owned()), Some(currency.to_owned()));
            Filters { max_price, currency, ..Filters::default() }.read(Currency::EUR)
        };
        assert_eq!(read("5000", "KRW").unwrap().price, Some(PriceRange::up_to(5000, Currency::KRW)));
        assert_eq!(read("5000", "").unwrap().price, Some(PriceRange::up_to(500_000, Currency::EUR)));
        assert_eq!(read("", "KRW").unwrap().price, Some(PriceRange::of(Currency::KRW)));
        for (max, currency) in [("5.00", "KRW"), ("5", "krw"), ("5", "ABC"), ("", "ABC"), ("", "XAU")] {
            assert!(read(max, currency).is_err(), "{max} {currency}");
        }
    }

    #[test]
    fn exclusions_are_a_list() {
        let read = |ids: &str| excluded(Some(ids.to_owned()));
        assert_eq!(read("a, b,,a").unwrap().len(), 2);
        assert!(read("a b").is_err());
        assert!(read(&(0..=EXCLUDE_MAX).map(|i| i.to_string()).collect::<Vec<_>>().join(",")).is_err());
    }
}
