//! Stored values: a version byte, then postcard.

use rep_core::ports::StoreError;
use serde::{Serialize, de::DeserializeOwned};

use super::error::{corrupt, invalid};

/// Encodes `value` behind `version`.
pub(crate) fn encode<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(version);
    postcard::to_extend(value, bytes).map_err(|error| invalid(format!("value cannot be stored: {error}")))
}

/// Decodes what [`encode`] wrote with the same version.
pub(crate) fn decode<T: DeserializeOwned>(version: u8, bytes: &[u8], what: &str) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((found, body)) if *found == version => {
            postcard::from_bytes(body).map_err(|error| corrupt(format!("{what} does not decode: {error}")))
        }
        Some((found, _)) => Err(corrupt(format!("{what} has version {found}, expected {version}"))),
        None => Err(corrupt(format!("{what} is empty"))),
    }
}
