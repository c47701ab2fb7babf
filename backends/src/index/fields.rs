//! What filters ask of a product, kept beside its vector and its words.

use std::collections::HashMap;

use rep_core::{Product, ProductFilter};

/// What a filter asks, without the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    /// In minor units.
    pub(crate) price_minor: i64,
    /// In pieces.
    pub(crate) stock: u32,
    /// Number of the category in [`Categories`].
    pub(crate) category: u32,
}

impl Fields {
    /// Of a place that holds nothing: no filter admits it.
    pub(crate) const NOTHING: Self = Self { price_minor: 0, stock: 0, category: u32::MAX };
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
            price_minor: product.price.minor(),
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
            price_minor_min: filter.min_price_minor.unwrap_or(i64::MIN),
            price_minor_max: filter.max_price_minor.unwrap_or(i64::MAX),
            stock_min: u32::from(filter.in_stock),
        })
    }
}

/// A [`ProductFilter`] in numbers, without its exclusions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Criteria {
    /// Only this category.
    pub(crate) category: Option<u32>,
    price_minor_min: i64,
    price_minor_max: i64,
    stock_min: u32,
}

impl Criteria {
    /// Whether `fields` pass.
    #[inline]
    pub(crate) fn admit(&self, fields: &Fields) -> bool {
        self.category.map_or(fields.category != Fields::NOTHING.category, |wanted| wanted == fields.category)
            && fields.price_minor >= self.price_minor_min
            && fields.price_minor <= self.price_minor_max
            && fields.stock >= self.stock_min
    }

    /// Whether all that is asked for is a category, or nothing.
    pub(crate) fn only_category(&self) -> bool {
        self.price_minor_min == i64::MIN && self.price_minor_max == i64::MAX && self.stock_min == 0
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

    proptest! {
        #[test]
        fn agrees_with_the_filter_it_stands_for(
            wanted in proptest::option::of("[abc]"),
            min in proptest::option::of(-5_i64..5),
            max in proptest::option::of(-5_i64..5),
            in_stock in any::<bool>(),
            products in proptest::collection::vec(("[abc]", -6_i64..6, 0_u32..2), 0..20),
        ) {
            let filter = ProductFilter {
                category: wanted, min_price_minor: min, max_price_minor: max, in_stock, ..Default::default()
            };
            let mut categories = Categories::default();
            for (category, price_minor, stock) in products {
                let fields = Fields { price_minor, stock, category: categories.number(&category) };
                let admitted = categories.criteria(&filter).is_some_and(|criteria| criteria.admit(&fields));
                prop_assert_eq!(admitted, filter.admits_fields(&category, price_minor, stock));
            }
        }
    }
}
