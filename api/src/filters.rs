//! Filters of the query string.

use std::collections::HashSet;

use rep_core::{Currency, Money, ProductFilter, ProductId};

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
    pub(crate) in_stock: Option<bool>,
    pub(crate) exclude_product_ids: Option<String>,
}

impl Filters {
    /// What they mean, with prices in `currency`.
    pub(crate) fn read(self, currency: Currency) -> Result<ProductFilter, Problem> {
        let price = |field: &'static str, text: Option<String>| {
            let parse =
                |text: String| Money::parse(&text, currency).map_err(|error| Problem::field(field, error));
            given(text).map(parse).transpose().map(|money| money.map(Money::minor))
        };
        let min_price_minor = price("minPrice", self.min_price)?;
        let max_price_minor = price("maxPrice", self.max_price)?;
        if min_price_minor.zip(max_price_minor).is_some_and(|(min, max)| min > max) {
            return Err(Problem::field("minPrice", "must not be over `maxPrice`"));
        }
        Ok(ProductFilter {
            category: given(self.category),
            min_price_minor,
            max_price_minor,
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
        assert_eq!((filter.min_price_minor, filter.max_price_minor), (Some(150), Some(2000)));
        assert!(read("", "").unwrap().is_open());
        for (min, max) in [("NaN", "1"), ("-1", "1"), ("3", "2"), ("1e5", "2")] {
            assert!(read(min, max).is_err(), "{min} {max}");
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
