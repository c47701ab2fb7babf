//! A shop's products, made up from a seed: the same seed gives the same catalogue, byte for byte.
//!
//! Nothing is stored: product `n` is a function of the seed and `n`, so a million products cost no more
//! memory than one.

mod blueprint;
mod shelves;
mod text;
mod vocabulary;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rep_core::{Currency, Money, Product, ProductId};

pub(crate) use blueprint::Traits;
pub(crate) use shelves::Shelves;
pub(crate) use vocabulary::{Category, Pair, STYLES, Vocabulary};

use crate::draws::Seed;
use blueprint::Blueprint;

/// Products of a catalogue if nothing else is said.
pub const PRODUCTS_DEFAULT: u32 = 10_000;
/// Most products of a catalogue.
pub const PRODUCTS_MAX: u32 = 5_000_000;
/// The attribute that names a product's kind, such as `running shoes`.
pub const KIND_ATTRIBUTE: &str = "type";
/// The attribute that names a product's look, such as `minimal`.
pub const STYLE_ATTRIBUTE: &str = "style";

/// A catalogue of made-up products; see the module.
#[derive(Debug)]
pub struct Catalogue {
    seed: Seed,
    products: u32,
    shelves: OnceLock<Shelves>,
}

impl Catalogue {
    /// The catalogue of `seed` with `products` products (1 to [`PRODUCTS_MAX`]; what is outside is moved to
    /// the bound). A larger catalogue of one seed begins with the same products as a smaller one.
    pub fn new(seed: u64, products: u32) -> Self {
        let seed = Seed::new(seed).named("catalogue");
        Self { seed, products: products.clamp(1, PRODUCTS_MAX), shelves: OnceLock::new() }
    }

    /// How many products there are.
    pub fn len(&self) -> u32 {
        self.products
    }

    /// Never true: a catalogue has at least one product.
    pub fn is_empty(&self) -> bool {
        self.products == 0
    }

    /// Product `index`, from 0; `None` past the end. Costs a few microseconds.
    pub fn product(&self, index: u32) -> Option<Product> {
        (index < self.products).then(|| self.write(index))
    }

    /// All products in the order of their numbers, made one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Product> + '_ {
        (0..self.products).map(|index| self.write(index))
    }

    /// The id of product `index`: `p-000001` for 0, wider numbers past a million.
    pub fn id(index: u32) -> ProductId {
        ProductId::new(format!("p-{:06}", u64::from(index) + 1))
            .unwrap_or_else(|_| unreachable!("letters and digits are an id"))
    }

    /// The index of a product id; `None` for ids that are not of this catalogue.
    pub fn index_of(&self, id: &ProductId) -> Option<u32> {
        let number: u32 = id.as_str().strip_prefix("p-")?.parse().ok()?;
        let index = number.checked_sub(1)?;
        (index < self.products && Self::id(index) == *id).then_some(index)
    }

    /// The categories' names in English, in the order of the vocabulary.
    pub fn categories() -> impl ExactSizeIterator<Item = &'static str> {
        Vocabulary::get().categories.iter().map(|category| category.name.en)
    }

    /// What taste looks at in product `index`, without its words.
    pub(crate) fn traits(&self, index: u32) -> Traits {
        Blueprint::draw(self.seed, index, Vocabulary::get()).traits
    }

    /// Price in cents and stock of product `index` before anything changed.
    pub(crate) fn price_and_stock(&self, index: u32) -> (i64, u32) {
        let plan = Blueprint::draw(self.seed, index, Vocabulary::get());
        (plan.cents, plan.stock)
    }

    /// The products in the order in which traffic finds them; made at the first call, then kept.
    pub(crate) fn shelves(&self) -> &Shelves {
        self.shelves.get_or_init(|| Shelves::stock(self, self.seed))
    }

    fn write(&self, index: u32) -> Product {
        let vocabulary = Vocabulary::get();
        let plan = Blueprint::draw(self.seed, index, vocabulary);
        let texts = text::write(&plan, vocabulary);
        let category = &vocabulary.categories[plan.traits.category as usize];
        Product {
            product_id: Self::id(index),
            name: texts.name,
            description: texts.description,
            category: category.name.en.to_owned(),
            brand: Some(category.brands[plan.traits.brand as usize].name.en.to_owned()),
            price: euros(plan.cents),
            stock: plan.stock,
            image_url: None,
            attributes: attributes(&plan, category),
            name_ko: Some(texts.name_ko),
            description_ko: Some(texts.description_ko),
            changed_at: None,
            history: Default::default(),
            group_id: None,
        }
    }
}

fn attributes(plan: &Blueprint, category: &Category) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    let mut set = |key: &str, value: &str| attributes.insert(key.to_owned(), value.to_owned());
    let kind = &category.kinds[plan.traits.kind as usize];
    set(KIND_ATTRIBUTE, kind.name.en);
    set(STYLE_ATTRIBUTE, STYLES[plan.traits.style as usize].en);
    set(category.tone.key, category.tone.values[plan.traits.tone as usize].en);
    set(category.material.key, category.materials_of(kind)[plan.traits.material as usize].en);
    if let Some(size) = &category.size {
        set(size.key, size.values[plan.size].en);
    }
    attributes
}

/// An amount in euros; negative and absurd amounts are moved to the bound.
pub(crate) fn euros(cents: i64) -> Money {
    let cents = cents.clamp(0, rep_core::MINOR_UNITS_MAX);
    Money::from_minor(cents, Currency::EUR).unwrap_or_else(|_| unreachable!("the amount was clamped"))
}

/// What taste looks at in any product; `None` for products of categories or kinds that we do not know.
/// Brands, tones and the like that we do not know count as the first of their list.
pub(crate) fn traits_of(product: &Product) -> Option<Traits> {
    let categories = &Vocabulary::get().categories;
    let category_index = categories.iter().position(|c| c.name.en == product.category)?;
    let category = &categories[category_index];
    let attribute = |key: &str| product.attributes.get(key).map(String::as_str);
    let kind = category.kinds.iter().position(|k| Some(k.name.en) == attribute(KIND_ATTRIBUTE))?;
    let brand = category.brands.iter().position(|b| Some(b.name.en) == product.brand.as_deref());
    let index_in = |pairs: &[Pair], key: &str| {
        let value = attribute(key);
        pairs.iter().position(|pair| Some(pair.en) == value).unwrap_or(0) as u8
    };
    Some(Traits {
        category: category_index as u8,
        kind: kind as u8,
        brand: brand.unwrap_or(0) as u8,
        tone: index_in(&category.tone.values, category.tone.key),
        material: index_in(category.materials_of(&category.kinds[kind]), category.material.key),
        style: index_in(&STYLES, STYLE_ATTRIBUTE),
        price_level: blueprint::price_level(category.kinds[kind].euros, product.price.minor()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let bytes = |seed| serde_json::to_vec(&Catalogue::new(seed, 300).iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(bytes(42), bytes(42));
        assert_ne!(bytes(42), bytes(43));
        let (small, large) = (Catalogue::new(1, 10), Catalogue::new(1, 1_000_000));
        assert_eq!(small.product(9), large.product(9));
        assert!(small.product(10).is_none() && large.product(999_999).is_some());
    }

    #[test]
    fn products_are_valid_and_rarely_share_a_name() {
        let catalogue = Catalogue::new(42, PRODUCTS_DEFAULT);
        let (mut names, mut categories) = (HashSet::new(), HashMap::<String, u32>::new());
        let mut words = 0;
        for (index, product) in (0..).zip(catalogue.iter()) {
            product.validate().unwrap();
            assert_eq!(catalogue.index_of(&product.product_id), Some(index));
            let texts = [&product.name, &product.description];
            let korean = [product.name_ko.as_ref().unwrap(), product.description_ko.as_ref().unwrap()];
            for text in texts.into_iter().chain(korean) {
                assert!(!text.contains(['{', '}']) && !text.contains("  "), "{text}");
            }
            assert!(!product.description.starts_with(char::is_lowercase), "{}", product.description);
            assert!(product.price.minor() >= 100 && product.attributes.len() >= 4);
            words += product.description.split_whitespace().count();
            *categories.entry(product.category.clone()).or_default() += 1;
            names.insert(product.name);
        }
        assert!(names.len() > 9_900, "{} names", names.len());
        assert!(categories.len() >= 16 && categories.values().all(|n| *n > 100), "{categories:?}");
        let words = words as f64 / f64::from(catalogue.len());
        assert!((18.0..36.0).contains(&words), "{words} words a description");
    }

    #[test]
    fn traits_are_read_back_from_products() {
        let catalogue = Catalogue::new(7, 500);
        for index in 0..500 {
            let product = catalogue.product(index).unwrap();
            assert_eq!(traits_of(&product), Some(catalogue.traits(index)));
            assert_eq!(catalogue.price_and_stock(index), (product.price.minor(), product.stock));
        }
        let foreign = Product { category: "Spaceships".into(), ..catalogue.product(0).unwrap() };
        assert_eq!(traits_of(&foreign), None);
    }

    #[test]
    fn ids_are_stable_and_foreign_ids_are_refused() {
        assert_eq!(Catalogue::id(122).as_str(), "p-000123");
        assert_eq!(Catalogue::id(1_234_566).as_str(), "p-1234567");
        let catalogue = Catalogue::new(1, 100);
        for text in ["p-000101", "p-000000", "p-1", "p-0000001", "x-000001", "p-+00001"] {
            assert_eq!(catalogue.index_of(&ProductId::new(text).unwrap()), None, "{text}");
        }
    }
}
