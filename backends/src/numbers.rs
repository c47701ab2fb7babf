//! Vectors as text: base64 of little-endian single precision.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rep_core::Split;
use rep_core::ports::StoreError;

use crate::error::corrupt;

/// Numbers as text.
pub(crate) fn to_base64(numbers: &[f32]) -> String {
    STANDARD.encode(numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

/// Numbers out of their text.
///
/// # Errors
/// Corrupt if it is not base64 of whole numbers.
fn from_base64(text: &str) -> Result<Vec<f32>, StoreError> {
    let bytes = STANDARD.decode(text).map_err(corrupt)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(corrupt(format!("{} bytes are not whole numbers of 4", bytes.len())));
    }
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The two sums of a taste out of their texts; `None` unless both are there.
///
/// # Errors
/// As of [`from_base64`].
pub(crate) fn split(liked: Option<&str>, refused: Option<&str>) -> Result<Option<Box<Split>>, StoreError> {
    let (Some(liked), Some(refused)) = (liked, refused) else { return Ok(None) };
    Ok(Some(Box::new(Split { liked: from_base64(liked)?, refused: from_base64(refused)? })))
}
