//! How products and vectors stand on disk.

use rep_core::ports::StoreError;
use rep_core::{ModelId, Product, UnitVector};
use serde::{Deserialize, Serialize};

use crate::embedded::codec::{decode, encode};
use crate::embedded::error::corrupt;

const PRODUCT_VERSION: u8 = 1;
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
