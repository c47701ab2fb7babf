//! Products of one test, in a category of their own.

use crate::contract::support::unique;
use crate::ports::catalog::{Catalog, Hit, VectorWrite};
use crate::{
    Currency, GroupId, Money, PriceRange, Product, ProductFilter, ProductId, UnitVector, stable_hash128,
};

/// A category that no other test uses, and what stands in it.
pub(super) struct Shelf {
    /// The category.
    pub(super) category: String,
    /// A word in every product's name, and in no other test's.
    pub(super) word: String,
    dimensions: usize,
}

impl Shelf {
    pub(super) fn new(dimensions: usize) -> Self {
        Self { category: unique("shelf"), word: word(), dimensions }
    }

    pub(super) fn id(&self, number: usize) -> ProductId {
        ProductId::new(format!("{}-{number:03}", self.category)).unwrap()
    }

    /// The group of the product of that number: four numbers are one, and every seventh product is of none.
    pub(super) fn group(&self, number: usize) -> Option<GroupId> {
        (!number.is_multiple_of(7))
            .then(|| GroupId::new(format!("{}-g{}", self.category, number / 4)).unwrap())
    }

    /// The product of that number; prices rise, every fourth is in won and the others in euros, every third is sold out.
    pub(super) fn product(&self, number: usize) -> Product {
        Product {
            product_id: self.id(number),
            name: format!("{} number {number}", self.word),
            description: String::new(),
            category: self.category.clone(),
            brand: None,
            price: Money::from_minor(100 * (number as i64 + 1), currency(number)).unwrap(),
            stock: (number % 3) as u32,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at: None,
            history: Default::default(),
            group_id: self.group(number),
        }
    }

    /// The vector of the product of that number.
    pub(super) fn vector(&self, number: u64) -> UnitVector {
        direction(number, self.dimensions)
    }

    /// Only this shelf.
    pub(super) fn filter(&self) -> ProductFilter {
        ProductFilter { category: Some(self.category.clone()), ..Default::default() }
    }

    /// Filters of all kinds on `products`, from all to none.
    pub(super) fn filters(&self, products: &[Product]) -> Vec<ProductFilter> {
        let all = self.filter();
        let exclude = products.iter().step_by(2).map(|p| p.product_id.clone()).collect();
        let groups = |step: usize| products.iter().step_by(step).filter_map(|p| p.group_id.clone()).collect();
        vec![
            all.clone(),
            ProductFilter { in_stock: true, ..all.clone() },
            priced(&all, Currency::EUR, Some(1000), Some(5000)),
            priced(&all, Currency::KRW, Some(1000), Some(5000)),
            priced(&all, Currency::KRW, None, None),
            priced(&all, Currency::USD, None, Some(5000)),
            ProductFilter { in_stock: true, ..priced(&all, Currency::EUR, None, Some(300)) },
            ProductFilter { exclude, in_stock: true, ..priced(&all, Currency::EUR, Some(1100), None) },
            ProductFilter { exclude_groups: groups(3), ..all.clone() },
            ProductFilter { exclude_groups: groups(1), ..all.clone() },
            ProductFilter {
                exclude_groups: groups(5),
                exclude: products.iter().step_by(3).map(|p| p.product_id.clone()).collect(),
                in_stock: true,
                ..all.clone()
            },
            ProductFilter { exclude: products.iter().map(|p| p.product_id.clone()).collect(), ..all.clone() },
            priced(&all, Currency::EUR, Some(10), Some(9)),
        ]
    }

    /// Puts the first `count` products, each with its vector.
    pub(super) async fn fill(&self, catalog: &dyn Catalog, count: usize) -> Vec<Product> {
        let products: Vec<Product> = (0..count).map(|number| self.product(number)).collect();
        catalog.put(products.clone()).await.unwrap();
        let writes = products.iter().zip(0..).map(|(p, number)| write(p, self.vector(number))).collect();
        assert_eq!(catalog.set_vectors(writes).await.unwrap(), vec![true; count]);
        products
    }

    pub(super) async fn embed(&self, catalog: &dyn Catalog, product: &Product, vector: UnitVector) {
        assert_eq!(catalog.set_vectors(vec![write(product, vector)]).await.unwrap(), [true]);
    }
}

fn write(product: &Product, vector: UnitVector) -> VectorWrite {
    VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector,
    }
}

/// One word that nobody used before and that is the beginning of no other.
pub(super) fn word() -> String {
    format!("{}q", unique("w").replace('-', "v"))
}

fn currency(number: usize) -> Currency {
    if number % 4 == 3 { Currency::KRW } else { Currency::EUR }
}

/// `filter` and these prices, in minor units.
fn priced(filter: &ProductFilter, currency: Currency, min: Option<i64>, max: Option<i64>) -> ProductFilter {
    let range = PriceRange { currency, min_minor: min, max_minor: max };
    ProductFilter { price: Some(range), ..filter.clone() }
}

/// Euros, in cents.
pub(super) fn price(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR).unwrap()
}

/// A direction that follows from `number` and is like no other's.
pub(super) fn direction(number: u64, dimensions: usize) -> UnitVector {
    let part = |i: u64| {
        // Of neighbours, each bit must differ by chance. Source: Steele, Lea and Flood, 2014 (SplitMix).
        let mut bits = (number << 20 | i).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    };
    UnitVector::normalised((0..dimensions as u64).map(part).collect()).unwrap()
}

pub(super) fn ids(hits: &[Hit]) -> Vec<ProductId> {
    hits.iter().map(|hit| hit.product.product_id.clone()).collect()
}
