//! How products and vectors stand on disk.

use rep_core::ports::StoreError;
use rep_core::{ModelId, Product, UnitVector};
use serde::{Deserialize, Serialize};

use crate::embedded::codec::{decode, encode};
use crate::embedded::error::corrupt;

const PRODUCT_VERSION: u8 = 3;
/// Prices in minor units of before the digits of ISO 4217.
const PRODUCT_VERSION_2: u8 = 2;
/// The same, without `changed_at`, which is the last field.
const PRODUCT_VERSION_1: u8 = 1;
const VECTOR_VERSION: u8 = 1;

#[derive(Serialize)]
struct VectorToStore<'a> {
    model: &'a ModelId,
    passage_hash: u128,
    numbers: &'a [f32],
}

/// A vector, of which model and which text.
#[derive(Deserialize)]
pub(super) struct StoredVector {
    pub(super) model: ModelId,
    pub(super) passage_hash: u128,
    numbers: Vec<f32>,
}

impl StoredVector {
    pub(super) fn dimensions(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn into_unit(self) -> Result<UnitVector, StoreError> {
        UnitVector::checked(self.numbers).map_err(|error| corrupt(error.to_string()))
    }
}

pub(super) fn product_bytes(product: &Product) -> Result<Vec<u8>, StoreError> {
    encode(PRODUCT_VERSION, product)
}

pub(super) fn product(bytes: &[u8]) -> Result<Product, StoreError> {
    let earlier: Product = match bytes.first() {
        // A zero stands for no moment.
        Some(&PRODUCT_VERSION_1) => decode(PRODUCT_VERSION_1, &[bytes, &[0]].concat(), "a product")?,
        Some(&PRODUCT_VERSION_2) => decode(PRODUCT_VERSION_2, bytes, "a product")?,
        _ => return decode(PRODUCT_VERSION, bytes, "a product"),
    };
    Ok(Product { price: earlier.price.in_iso_units(), ..earlier })
}

pub(super) fn vector_bytes(
    model: &ModelId,
    passage_hash: u128,
    vector: &UnitVector,
) -> Result<Vec<u8>, StoreError> {
    encode(VECTOR_VERSION, &VectorToStore { model, passage_hash, numbers: vector.as_slice() })
}

pub(super) fn vector(bytes: &[u8]) -> Result<StoredVector, StoreError> {
    decode(VECTOR_VERSION, bytes, "a vector")
}

#[cfg(test)]
mod tests {
    use rep_core::{Currency, Money, ProductId, Timestamp};

    use super::*;

    fn cup(changed_at: Option<Timestamp>) -> Product {
        Product {
            product_id: ProductId::new("cup").unwrap(),
            name: "Cup".into(),
            description: "Holds tea.".into(),
            category: "cups".into(),
            brand: None,
            price: Money::from_minor(150, Currency::EUR).unwrap(),
            stock: 3,
            image_url: None,
            attributes: [("colour".to_owned(), "green".to_owned())].into(),
            name_ko: Some("컵".into()),
            description_ko: None,
            changed_at,
        }
    }

    #[test]
    fn a_product_of_the_versions_before_is_read() {
        let now = cup(Some(Timestamp::from_ms(1_767_268_800_123)));
        assert_eq!(product(&product_bytes(&now).unwrap()).unwrap(), now);
        let mut before = product_bytes(&cup(None)).unwrap();
        assert_eq!(before.pop(), Some(0), "no moment");
        before[0] = PRODUCT_VERSION_1;
        assert_eq!(product(&before).unwrap(), cup(None));
    }

    #[test]
    fn a_price_of_the_versions_before_stays_what_it_was() {
        for (code, minor, amount) in [
            ("PYG", 3_500_000, "35000"),
            ("IQD", 125_050, "1250.500"),
            ("EUR", 1990, "19.90"),
            // Taken then, and not any more.
            ("ABC", 1990, "19.90"),
        ] {
            let price = Money::from_minor(minor, Currency::recorded(code).unwrap()).unwrap();
            let mut bytes = product_bytes(&Product { price, ..cup(None) }).unwrap();
            assert_eq!(product(&bytes).unwrap().price, price);
            bytes[0] = PRODUCT_VERSION_2;
            let read = product(&bytes).unwrap();
            assert_eq!((read.price.amount().as_str(), read.price.currency().as_str()), (amount, code));
            assert_eq!(bytes.pop(), Some(0), "no moment");
            bytes[0] = PRODUCT_VERSION_1;
            assert_eq!(product(&bytes).unwrap(), read);
        }
    }
}
