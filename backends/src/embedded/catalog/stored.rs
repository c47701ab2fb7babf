//! How products and vectors stand on disk.

use rep_core::ports::StoreError;
use rep_core::{ModelId, Product, UnitVector};
use serde::{Deserialize, Serialize};

use crate::embedded::codec::{decode, encode};
use crate::embedded::error::corrupt;

const PRODUCT_VERSION: u8 = 3;
/// Products of earlier versions, and what they lack at their end: none of the options is there, the list is empty.
const PRODUCT_VERSIONS_BEFORE: [(u8, &[u8]); 2] = [
    // `changed_at` and `history`.
    (1, &[0; 5]),
    // `history`.
    (2, &[0; 4]),
];
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
    if let Some((version, lacking)) = before {
        return decode(*version, &[bytes, lacking].concat(), "a product");
    }
    decode(PRODUCT_VERSION, bytes, "a product")
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
    use rep_core::{Currency, History, InventoryChange, Money, ProductId, Timestamp};

    use super::*;

    #[test]
    fn products_of_versions_before_are_read() {
        let money = |minor| Money::from_minor(minor, Currency::EUR).unwrap();
        let cup = |changed_at| Product {
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
        };
        let moment = Timestamp::from_ms(1_767_268_800_123);
        let mut now = Product { price: money(120), ..cup(None) };
        InventoryChange::between(Some(&cup(None)), &mut now, moment).unwrap();
        assert_eq!(now.history.prices().len(), 2);
        assert_eq!(product(&product_bytes(&now).unwrap()).unwrap(), now);
        for (version, changed_at, lacking) in [(1, None, 5), (2, None, 4), (2, Some(moment), 4)] {
            let mut before = product_bytes(&cup(changed_at)).unwrap();
            let added = before.split_off(before.len() - lacking);
            assert!(added.iter().all(|byte| *byte == 0), "nothing of what came later");
            before[0] = version;
            assert_eq!(product(&before).unwrap(), cup(changed_at));
        }
    }
}
