//! What filters ask of a product, kept beside its vector and its words.

use std::collections::HashMap;

use rep_core::{Currency, Money, PriceRange, Product, ProductFilter};

/// What a filter asks, without the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) price: Price,
    /// In pieces.
    pub(crate) stock: u32,
    /// Number of the category in [`Categories`].
    pub(crate) category: u32,
}

/// A price as a number: prices of one currency lie side by side, in order. So a range of prices in one currency costs
/// no more to check than a range of bare numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Price(u64);

impl Price {
    /// Below the number of the currency: more than any price has minor units.
    const MINOR_BITS: u32 = 48;
    const MINOR_MAX: i64 = (1 << Self::MINOR_BITS) - 1;
    const ANY: (Self, Self) = (Self(0), Self(u64::MAX));

    fn of(price: Money) -> Self {
        Self::at(price.currency(), price.minor())
    }

    /// The least and the greatest price of `range`.
    fn range(range: PriceRange) -> (Self, Self) {
        let least = Self::at(range.currency, range.min_minor.unwrap_or(0));
        match range.max_minor {
            // No price is below zero: an empty range.
            Some(max) if max < 0 => (least, Self(0)),
            max => (least, Self::at(range.currency, max.unwrap_or(Self::MINOR_MAX))),
        }
    }

    fn at(currency: Currency, minor: i64) -> Self {
        let letters = currency.as_str().bytes();
        // Beginning at one: zero is no currency's.
        let number = letters.fold(0, |number, letter| number * 32 + u64::from(letter - b'@'));
        Self(number << Self::MINOR_BITS | minor.clamp(0, Self::MINOR_MAX) as u64)
    }
}

impl Fields {
    /// Of a place that holds nothing: no filter admits it.
    pub(crate) const NOTHING: Self = Self { price: Price(0), stock: 0, category: u32::MAX };
}

/// Categories by number. They are few, so none is ever forgotten.
#[derive(Default)]
pub(crate) struct Categories {
    numbers: HashMap<Box<str>, u32, ahash::RandomState>,
}

impl Categories {
    /// The number of `category`, a new one if need be.
    pub(crate) fn number(&mut self, category: &str) -> u32 {
        if let Some(number) = self.numbers.get(category) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(category.into(), number);
        number
    }

    /// The fields of `product`.
    pub(crate) fn fields(&mut self, product: &Product) -> Fields {
        Fields {
            price: Price::of(product.price),
            stock: product.stock,
            category: self.number(&product.category),
        }
    }

    /// `filter` in numbers; `None` if it asks for a category that never was: nothing passes.
    pub(crate) fn criteria(&self, filter: &ProductFilter) -> Option<Criteria> {
        let category = match &filter.category {
            None => None,
            Some(name) => Some(*self.numbers.get(name.as_str())?),
        };
        Some(Criteria {
            category,
            price: filter.price.map_or(Price::ANY, Price::range),
            stock_min: u32::from(filter.in_stock),
        })
    }
}

/// A [`ProductFilter`] in numbers, without its exclusions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Criteria {
    /// Only this category.
    pub(crate) category: Option<u32>,
    price: (Price, Price),
    stock_min: u32,
}

impl Criteria {
    /// Whether `fields` pass.
    #[inline]
    pub(crate) fn admit(&self, fields: &Fields) -> bool {
        self.category.map_or(fields.category != Fields::NOTHING.category, |wanted| wanted == fields.category)
            && fields.price >= self.price.0
            && fields.price <= self.price.1
            && fields.stock >= self.stock_min
    }

    /// Whether all that is asked for is a category, or nothing.
    pub(crate) fn only_category(&self) -> bool {
        self.price == Price::ANY && self.stock_min == 0
    }

    /// Whether nothing is asked for.
    pub(crate) fn is_open(&self) -> bool {
        self.category.is_none() && self.only_category()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency() -> impl Strategy<Value = Currency> {
        prop_oneof![
            Just(Currency::EUR),
            Just(Currency::KRW),
            // Stored by an earlier release; the first and the last there can be.
            Just(Currency::recorded("AAA").unwrap()),
            Just(Currency::recorded("ZZZ").unwrap()),
        ]
    }

    fn minor() -> impl Strategy<Value = i64> {
        prop_oneof![0_i64..6, Just(rep_core::MINOR_UNITS_MAX)]
    }

    fn bound() -> impl Strategy<Value = Option<i64>> {
        proptest::option::of(prop_oneof![-2_i64..7, Just(i64::MIN), Just(i64::MAX), minor()])
    }

    proptest! {
        #[test]
        fn agrees_with_the_filter_it_stands_for(
            wanted in proptest::option::of("[abc]"),
            price in proptest::option::of((currency(), bound(), bound())),
            in_stock in any::<bool>(),
            products in proptest::collection::vec(("[abc]", currency(), minor(), 0_u32..2), 0..20),
        ) {
            let price =
                price.map(|(currency, min_minor, max_minor)| PriceRange { currency, min_minor, max_minor });
            let filter = ProductFilter { category: wanted, price, in_stock, ..Default::default() };
            let mut categories = Categories::default();
            for (category, currency, minor, stock) in products {
                let price = Money::from_minor(minor, currency).unwrap();
                let fields = Fields { price: Price::of(price), stock, category: categories.number(&category) };
                let admitted = categories.criteria(&filter).is_some_and(|criteria| criteria.admit(&fields));
                prop_assert_eq!(admitted, filter.admits_fields(&category, price, stock));
            }
        }
    }

    #[test]
    fn a_place_takes_no_more_memory_for_its_currency() {
        assert_eq!(size_of::<Fields>(), 16);
    }
}
