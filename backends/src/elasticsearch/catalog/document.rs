//! A product as a document.

use std::collections::BTreeMap;

use rep_core::ports::StoreError;
use rep_core::{Currency, GroupId, History, Money, Product, ProductId, Timestamp, stable_hash128};
use serde::{Deserialize, Serialize};

use crate::elasticsearch::error::corrupt;
use crate::index::lexical::terms;

/// The fields of a product. Every one is always written, so that an update of a document leaves nothing of what was
/// there before.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredProduct {
    product_id: ProductId,
    name: String,
    description: String,
    category: String,
    brand: Option<String>,
    price_minor: i64,
    currency: Currency,
    /// Digits after the point of `price_minor`. Documents of earlier versions have none: of before those of ISO 4217.
    #[serde(default)]
    price_digits: Option<u32>,
    stock: u32,
    image_url: Option<String>,
    /// A list: an update would mix two objects.
    attributes: Vec<Attribute>,
    name_ko: Option<String>,
    description_ko: Option<String>,
    /// Documents of earlier versions have none.
    #[serde(default)]
    changed_at: Option<Timestamp>,
    /// Likewise. All of its fields are written always, lists whole: an update leaves nothing of the one before.
    #[serde(default)]
    history: History,
    /// Likewise.
    #[serde(default)]
    group_id: Option<GroupId>,
    /// [`stable_hash128`] of the passage, in hexadecimal digits.
    pub(super) passage_hash: String,
}

#[derive(Deserialize, Serialize)]
struct Attribute {
    name: String,
    value: String,
}

/// What is written: the product, and the words to find it by.
#[derive(Serialize)]
pub(super) struct NewProduct<'a> {
    #[serde(flatten)]
    stored: &'a StoredProduct,
    words: Words,
}

#[derive(Serialize)]
struct Words {
    name: String,
    brand: String,
    category: String,
    attributes: String,
    description: String,
}

/// The passage's hash as it is stored.
pub(super) fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

impl StoredProduct {
    pub(super) fn of(product: &Product) -> Self {
        let attributes = product.attributes.iter();
        Self {
            product_id: product.product_id.clone(),
            name: product.name.clone(),
            description: product.description.clone(),
            category: product.category.clone(),
            brand: product.brand.clone(),
            price_minor: product.price.minor(),
            currency: product.price.currency(),
            price_digits: Some(product.price.currency().decimals()),
            stock: product.stock,
            image_url: product.image_url.clone(),
            attributes: attributes
                .map(|(name, value)| Attribute { name: name.clone(), value: value.clone() })
                .collect(),
            name_ko: product.name_ko.clone(),
            description_ko: product.description_ko.clone(),
            changed_at: product.changed_at,
            history: product.history.clone(),
            group_id: product.group_id.clone(),
            passage_hash: hex(stable_hash128(product.passage().as_bytes())),
        }
    }

    /// The product; an error if the document holds what no product can.
    pub(super) fn product(self) -> Result<Product, StoreError> {
        let price = Money::from_minor(self.price_minor, self.currency)
            .map_err(|error| corrupt(format!("product `{}`: price {error}", self.product_id)))?;
        let price = if self.price_digits.is_some() { price } else { price.in_iso_units() };
        Ok(Product {
            price,
            product_id: self.product_id,
            name: self.name,
            description: self.description,
            category: self.category,
            brand: self.brand,
            stock: self.stock,
            image_url: self.image_url,
            attributes: self.attributes.into_iter().map(|a| (a.name, a.value)).collect::<BTreeMap<_, _>>(),
            name_ko: self.name_ko,
            description_ko: self.description_ko,
            changed_at: self.changed_at,
            history: self.history,
            group_id: self.group_id,
        })
    }

    pub(super) fn with_words(&self) -> NewProduct<'_> {
        let words = |texts: &[Option<&str>]| words_of(texts.iter().copied().flatten());
        NewProduct {
            stored: self,
            words: Words {
                name: words(&[Some(&self.name), self.name_ko.as_deref()]),
                brand: words(&[self.brand.as_deref()]),
                category: words(&[Some(&self.category)]),
                attributes: words_of(self.attributes.iter().map(|attribute| attribute.value.as_str())),
                description: words(&[Some(&self.description), self.description_ko.as_deref()]),
            },
        }
    }
}

/// The terms of `texts`, with a space between them: none holds one.
pub(super) fn words_of<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut words = String::new();
    for text in texts {
        terms(text, |term| {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(term);
        });
    }
    words
}
