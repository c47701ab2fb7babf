//! How products and vectors stand on disk.

use rep_core::ports::StoreError;
use rep_core::{ModelId, Product, UnitVector};
use serde::{Deserialize, Serialize};

use crate::embedded::codec::{decode, encode};
use crate::embedded::error::corrupt;

const PRODUCT_VERSION: u8 = 4;
/// Products of earlier versions, and what they lack at their end: none of the options is there, the list is empty.
const PRODUCT_VERSIONS_BEFORE: [(u8, &[u8]); 3] = [
    // `changed_at`, `history` and `group_id`.
    (1, &[0; 6]),
    // `history` and `group_id`.
    (2, &[0; 5]),
    // `group_id`.
    (3, &[0; 1]),
];
/// The first version whose prices are in minor units by the digits of ISO 4217.
const ISO_UNITS_SINCE: u8 = 3;
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
    let before = PRODUCT_VERSIONS_BEFORE.iter().find(|(version, _)| bytes.first() == Some(version));
    let Some((version, lacking)) = before else { return decode(PRODUCT_VERSION, bytes, "a product") };
    let earlier: Product = decode(*version, &[bytes, lacking].concat(), "a product")?;
    if *version >= ISO_UNITS_SINCE {
        return Ok(earlier);
    }
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
    use rep_core::{Currency, GroupId, History, InventoryChange, Money, ProductId, Timestamp};

    use super::*;

    fn money(minor: i64) -> Money {
        Money::from_minor(minor, Currency::EUR).unwrap()
    }

    fn cup(changed_at: Option<Timestamp>) -> Product {
        Product {
            product_id: ProductId::new("cup").unwrap(),
            name: "Cup".into(),
            description: "Holds tea.".into(),
            category: "cups".into(),
            brand: None,
            price: money(150),
            stock: 3,
            image_url: None,
            attributes: [("colour".to_owned(), "green".to_owned())].into(),
            name_ko: Some("컵".into()),
            description_ko: None,
            changed_at,
            history: History::default(),
            group_id: None,
        }
    }

    /// As a version before stored it.
    fn bytes_before(product: &Product, version: u8, lacking: usize) -> Vec<u8> {
        let mut before = product_bytes(product).unwrap();
        let added = before.split_off(before.len() - lacking);
        assert!(added.iter().all(|byte| *byte == 0), "nothing of what came later");
        before[0] = version;
        before
    }

    #[test]
    fn products_of_versions_before_are_read() {
        let moment = Timestamp::from_ms(1_767_268_800_123);
        let mut now = Product { price: money(120), ..cup(None) };
        InventoryChange::between(Some(&cup(None)), &mut now, moment).unwrap();
        assert_eq!(now.history.prices().len(), 2);
        assert_eq!(product(&product_bytes(&now).unwrap()).unwrap(), now);
        let of_group = Product { group_id: GroupId::new("cups").ok(), ..now.clone() };
        assert_eq!(product(&product_bytes(&of_group).unwrap()).unwrap(), of_group);
        assert_eq!(product(&bytes_before(&now, 3, 1)).unwrap(), now, "with its history");
        for (version, changed_at, lacking) in [(1, None, 6), (2, None, 5), (2, Some(moment), 5), (3, None, 1)]
        {
            let before = bytes_before(&cup(changed_at), version, lacking);
            assert_eq!(product(&before).unwrap(), cup(changed_at));
        }
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
            let stands = Product { price, ..cup(None) };
            assert_eq!(product(&product_bytes(&stands).unwrap()).unwrap().price, price);
            assert_eq!(product(&bytes_before(&stands, 3, 1)).unwrap().price, price);
            let read = product(&bytes_before(&stands, 2, 5)).unwrap();
            assert_eq!((read.price.amount().as_str(), read.price.currency().as_str()), (amount, code));
            assert_eq!(product(&bytes_before(&stands, 1, 6)).unwrap(), read);
        }
    }
}
