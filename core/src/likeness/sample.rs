//! A sample of a catalogue's vectors, by what the port offers.

use std::collections::BTreeMap;

use super::SAMPLE_MAX;
use crate::ports::StoreError;
use crate::ports::catalog::Catalog;
use crate::{ProductFilter, ProductId, UnitVector, stable_hash128};

/// Products of one page.
const PAGE: usize = 1_000;
/// Most pages that are looked at: of a larger catalogue, the first by id.
const PAGES_MAX: usize = 100;

/// Vectors of `catalog` to measure a scale on, at most [`SAMPLE_MAX`].
///
/// They are those of the products whose ids have the least hashes: the same catalogue gives the same sample, and ids that
/// begin with their category do not favour one. Reads up to 100,000 products, in pages.
///
/// # Errors
///
/// What the catalogue gives.
pub async fn sample(catalog: &dyn Catalog) -> Result<Vec<UnitVector>, StoreError> {
    let mut least: BTreeMap<u128, ProductId> = BTreeMap::new();
    let mut after: Option<ProductId> = None;
    for _ in 0..PAGES_MAX {
        let page = catalog.list(&ProductFilter::default(), after.as_ref(), PAGE).await?;
        for product in page.items {
            least.insert(stable_hash128(product.product_id.as_str().as_bytes()), product.product_id.clone());
            if least.len() > SAMPLE_MAX {
                least.pop_last();
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let ids: Vec<ProductId> = least.into_values().collect();
    let vectors = catalog.vectors(&ids).await?;
    Ok(vectors.into_iter().flatten().collect())
}
