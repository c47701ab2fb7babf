//! Filters of the query string, and what is too long for one.

use std::collections::HashSet;

use axum::extract::Request;
use rep_core::{Currency, Money, PriceRange, ProductFilter, ProductId};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::extract::{BodyKind, body_kind, bytes, given, json};
use crate::problem::Problem;
use crate::state::ApiState;
use rep_http::Fields;

/// Most ids that may be excluded.
const EXCLUDE_MAX: usize = 1_000;
const EXCLUDE: &str = "excludeProductIds";

/// The filters as they were sent.
#[derive(Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// Only this category.
    pub(crate) category: Option<String>,
    /// At least this price: decimal string in `currency`.
    #[param(example = "10.00")]
    pub(crate) min_price: Option<String>,
    /// At most this price.
    pub(crate) max_price: Option<String>,
    /// Currency of `minPrice` and `maxPrice`, by ISO 4217; the shop's if left out. Products in another one do not match;
    /// named alone, it asks for the products in this currency.
    #[param(example = "EUR")]
    pub(crate) currency: Option<String>,
    /// Only what is in stock. Left out: `true` for products like a product, else `false`.
    pub(crate) in_stock: Option<bool>,
    /// Not these, separated by commas; at most 1,000. A list that holds an id with a comma, or is longer than the head of
    /// a request may be (64 KiB), goes into the body of a POST.
    pub(crate) exclude_product_ids: Option<String>,
}

/// What a POST says beside its query.
#[derive(ToSchema)]
#[schema(as = MoreFilters, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `read_with_body` reads")]
pub(crate) struct MoreFiltersSchema {
    /// Not these either: each string is one id, also with a comma; with those of the query at most 1,000.
    #[schema(nullable = false, max_items = 1000)]
    exclude_product_ids: Option<Vec<String>>,
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
            exclude_groups: HashSet::new(),
        })
    }

    /// The same, and without what the body excludes where the request is a POST.
    pub(crate) async fn read_with_body(
        self,
        state: &ApiState,
        request: Option<Request>,
    ) -> Result<ProductFilter, Problem> {
        let mut filter = self.read(state.config.currency)?;
        let Some(request) = request else { return Ok(filter) };
        if body_kind(request.headers())? != BodyKind::Json {
            return Err(Problem::unsupported_media_type("send the ids as `application/json`"));
        }
        exclude_more(&mut filter, json(&bytes(request, state.config.limits.body_bytes_max).await?)?)?;
        Ok(filter)
    }
}

fn excluded(ids: Option<String>) -> Result<HashSet<ProductId>, Problem> {
    let mut excluded = HashSet::new();
    for id in ids.iter().flat_map(|ids| ids.split(',')).map(str::trim).filter(|id| !id.is_empty()) {
        exclude(&mut excluded, id)?;
    }
    Ok(excluded)
}

fn exclude_more(filter: &mut ProductFilter, body: Value) -> Result<(), Problem> {
    let refused = |errors| Problem::fields("the filters are not valid", errors);
    let mut fields = Fields::of(body).map_err(refused)?;
    let ids = fields.texts(EXCLUDE);
    fields.refuse_unknown();
    fields.finish().map_err(refused)?;
    ids.iter().try_for_each(|id| exclude(&mut filter.exclude, id))
}

fn exclude(excluded: &mut HashSet<ProductId>, id: &str) -> Result<(), Problem> {
    let refused = |message: String| Problem::field(EXCLUDE, message);
    let shown = || id.chars().take(64).collect::<String>();
    excluded.insert(ProductId::new(id).map_err(|error| refused(format!("holds `{}`: {error}", shown())))?);
    if excluded.len() > EXCLUDE_MAX {
        return Err(refused(format!("must hold at most {EXCLUDE_MAX} ids")));
    }
    Ok(())
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

    #[test]
    fn a_body_excludes_more_and_takes_commas_as_they_are() {
        let read = |body: Value| {
            let exclude = excluded(Some("a,b".to_owned())).unwrap();
            let mut filter = ProductFilter { exclude, ..ProductFilter::default() };
            exclude_more(&mut filter, body).map(|()| filter.exclude)
        };
        let both = read(serde_json::json!({ EXCLUDE: ["a", "c,d"] })).unwrap();
        let expected = ["a", "b", "c,d"].map(|id| ProductId::new(id).unwrap());
        assert_eq!(both, HashSet::from(expected));
        assert_eq!(read(serde_json::json!({})).unwrap().len(), 2);
        let many = |count: usize| (2..count).map(|n| format!("{n:080}")).collect::<Vec<_>>();
        assert_eq!(read(serde_json::json!({ EXCLUDE: many(1_000) })).unwrap().len(), 1_000);
        for wrong in [
            serde_json::json!({ EXCLUDE: many(1_001) }),
            serde_json::json!({ EXCLUDE: "a" }),
            serde_json::json!({ EXCLUDE: [1] }),
            serde_json::json!({ EXCLUDE: ["a b"] }),
            serde_json::json!({ "inStock": true }),
            serde_json::json!(["a"]),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
