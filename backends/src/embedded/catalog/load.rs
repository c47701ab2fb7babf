//! Memory from disk, at start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use fjall::Keyspace;
use rep_core::ports::StoreError;
use rep_core::{ModelId, Product, ProductId, UnitVector, stable_hash128};

use super::stored;
use crate::embedded::error::{invalid, store_error};
use crate::in_memory::{InMemory, Memory, width_error};
use crate::index::{GraphConfig, VectorIndex};

/// Vectors of the one model, each with the hash of its text.
type Vectors = HashMap<ProductId, (u128, UnitVector), ahash::RandomState>;

/// Reads products and vectors beside each other. What cannot be read is left out, logged and counted.
pub(super) fn load(
    products: &Keyspace,
    vectors: &Keyspace,
    model: &ModelId,
    dimensions: usize,
) -> Result<InMemory, StoreError> {
    let started = Instant::now();
    let index = VectorIndex::new(dimensions, GraphConfig::default());
    let (memory, vectors) = std::thread::scope(|scope| {
        let vectors = scope.spawn(|| read_vectors(vectors, model, dimensions));
        let memory = read_products(products, &index);
        (memory, vectors.join())
    });
    let (mut memory, vectors) = (memory?, vectors.map_err(|_| invalid("loading vectors panicked"))??);
    for (id, (passage_hash, vector)) in vectors {
        if memory.passage_hash(&id) == Some(passage_hash) {
            memory.set_vector(&id, vector, &index).map_err(width_error)?;
        }
    }
    let summary = memory.summary();
    tracing::info!(
        products = summary.total,
        embedded = summary.embedded,
        seconds = started.elapsed().as_secs_f64(),
        "catalogue loaded"
    );
    Ok(InMemory::new(memory, index))
}

fn read_products(products: &Keyspace, index: &VectorIndex) -> Result<Memory, StoreError> {
    let mut memory = Memory::default();
    for entry in products.iter() {
        let (key, value) = entry.into_inner().map_err(store_error)?;
        match read_product(&key, &value) {
            Ok(product) => {
                let hash = stable_hash128(product.passage().as_bytes());
                memory.put(Arc::new(product), hash, index);
            }
            Err(error) => left_out("product", &key, &error),
        }
    }
    Ok(memory)
}

fn read_product(key: &[u8], value: &[u8]) -> Result<Product, StoreError> {
    let product = stored::product(value)?;
    match product.product_id.as_str().as_bytes() == key {
        true => Ok(product),
        false => Err(invalid(format!("product `{}` stands under another key", product.product_id))),
    }
}

fn read_vectors(vectors: &Keyspace, model: &ModelId, dimensions: usize) -> Result<Vectors, StoreError> {
    let mut found = Vectors::default();
    let mut foreign = 0_usize;
    for entry in vectors.iter() {
        let (key, value) = entry.into_inner().map_err(store_error)?;
        match read_vector(&key, &value, model, dimensions) {
            Ok(Some((id, hash, vector))) => {
                found.insert(id, (hash, vector));
            }
            Ok(None) => foreign += 1,
            Err(error) => left_out("vector", &key, &error),
        }
    }
    if foreign > 0 {
        tracing::warn!(vectors = foreign, %model, "vectors of another model are ignored until they are made anew");
    }
    Ok(found)
}

/// `None` for a vector of another model.
fn read_vector(
    key: &[u8],
    value: &[u8],
    model: &ModelId,
    dimensions: usize,
) -> Result<Option<(ProductId, u128, UnitVector)>, StoreError> {
    let stored = stored::vector(value)?;
    if stored.model != *model || stored.dimensions() != dimensions {
        return Ok(None);
    }
    let id = std::str::from_utf8(key).ok().and_then(|id| ProductId::new(id).ok());
    let id = id.ok_or_else(|| invalid("the key is no product's identifier"))?;
    Ok(Some((id, stored.passage_hash, stored.into_unit()?)))
}

fn left_out(what: &'static str, key: &[u8], error: &StoreError) {
    metrics::counter!("rep_catalog_unreadable_total", "what" => what).increment(1);
    tracing::error!(what, key = %key.escape_ascii(), %error, "left out of the catalogue");
}
