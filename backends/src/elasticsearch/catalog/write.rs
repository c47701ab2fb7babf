//! Writes, each guarded by what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use rep_core::ports::StoreError;
use rep_core::ports::catalog::VectorWrite;
use rep_core::{Product, ProductId};
use serde::{Deserialize, Serialize};

use super::ElasticsearchCatalog;
use super::document::{StoredProduct, hex};
use crate::elasticsearch::bulk::{CONFLICTS_MAX, Guard, Operation, Outcome, backoff, contended};
use crate::elasticsearch::search::{Part, Stored};

/// Which writes of a batch are for which product, in their order.
type Places<'a> = BTreeMap<&'a ProductId, Vec<usize>>;

fn places<'a>(ids: impl Iterator<Item = &'a ProductId>) -> Places<'a> {
    let mut places = Places::new();
    for (place, id) in ids.enumerate() {
        places.entry(id).or_default().push(place);
    }
    places
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Passage {
    passage_hash: String,
}

#[derive(Serialize)]
struct Vector<'a> {
    embedding: &'a [f32],
}

impl ElasticsearchCatalog {
    pub(super) async fn put_batch(
        &self,
        products: &[Arc<Product>],
    ) -> Result<Vec<Option<Arc<Product>>>, StoreError> {
        let mut before: Vec<Option<Arc<Product>>> = vec![None; products.len()];
        let mut pending = places(products.iter().map(|product| &product.product_id));
        for attempt in 0..CONFLICTS_MAX {
            if pending.is_empty() {
                return Ok(before);
            }
            if attempt > 0 {
                tokio::time::sleep(backoff(1) / 8).await;
            }
            let ids: Vec<&str> = pending.keys().map(|id| id.as_str()).collect();
            let read = Part::Without("words,embedding");
            let found = self.client.documents::<StoredProduct>(&self.index, &ids, read).await?;
            let mut operations = Vec::with_capacity(found.len());
            for ((id, places), found) in pending.iter().zip(found) {
                // One after another: the last is what stays, and a vector stays if no text in between was another.
                let documents: Vec<_> = places.iter().map(|at| StoredProduct::of(&products[*at])).collect();
                let Some(document) = documents.last().map(StoredProduct::with_words) else { continue };
                let stays = found.as_ref().is_some_and(|found| {
                    documents.iter().all(|document| document.passage_hash == found.document.passage_hash)
                });
                operations.push(match &found {
                    None => Operation::put(&self.index, id.as_str(), Guard::Absent, &document)?,
                    Some(found) => {
                        let guard = Guard::Unchanged(found.revision);
                        // What is written whole loses its vector.
                        if stays {
                            Operation::update(&self.index, id.as_str(), guard, &document)?
                        } else {
                            Operation::put(&self.index, id.as_str(), guard, &document)?
                        }
                    }
                });
                note_before(&mut before, products, places, found)?;
            }
            self.settle(&mut pending, &operations).await?;
        }
        Err(contended("the product"))
    }

    pub(super) async fn set_batch(&self, writes: &[VectorWrite]) -> Result<Vec<bool>, StoreError> {
        let mut set = vec![false; writes.len()];
        let mut pending = places(writes.iter().map(|write| &write.product_id));
        for attempt in 0..CONFLICTS_MAX {
            if pending.is_empty() {
                return Ok(set);
            }
            if attempt > 0 {
                tokio::time::sleep(backoff(1) / 8).await;
            }
            let ids: Vec<&str> = pending.keys().map(|id| id.as_str()).collect();
            let found =
                self.client.documents::<Passage>(&self.index, &ids, Part::Only("passageHash")).await?;
            let found: Vec<_> = pending.keys().copied().zip(found).collect();
            let mut operations = Vec::with_capacity(found.len());
            for (id, found) in found {
                let mut last = None;
                for place in &pending[id] {
                    let fits = found
                        .as_ref()
                        .is_some_and(|found| found.document.passage_hash == hex(writes[*place].passage_hash));
                    set[*place] = fits;
                    if fits {
                        last = Some(&writes[*place].vector);
                    }
                }
                match (found, last) {
                    (Some(found), Some(vector)) => {
                        let vector = Vector { embedding: vector.as_slice() };
                        let guard = Guard::Unchanged(found.revision);
                        operations.push(Operation::update(&self.index, id.as_str(), guard, &vector)?);
                    }
                    _ => drop(pending.remove(id)),
                }
            }
            self.settle(&mut pending, &operations).await?;
        }
        Err(contended("the product"))
    }

    /// Does the operations of `pending`, one each, and leaves in it those that others were faster than.
    async fn settle(&self, pending: &mut Places<'_>, operations: &[Operation]) -> Result<(), StoreError> {
        let mut outcomes = self.client.bulk_all(operations).await?.into_iter();
        pending.retain(|_, _| !matches!(outcomes.next(), Some(Outcome::Done)));
        Ok(())
    }

    pub(super) async fn remove_one(&self, id: &ProductId) -> Result<Option<Arc<Product>>, StoreError> {
        for attempt in 0..CONFLICTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(backoff(1) / 8).await;
            }
            let read = Part::Without("words,embedding");
            let mut found = self.client.documents::<StoredProduct>(&self.index, &[id.as_str()], read).await?;
            let Some(Some(found)) = found.pop() else { return Ok(None) };
            let guard = Guard::Unchanged(found.revision);
            let operations = [Operation::delete(&self.index, id.as_str(), guard)?];
            if let [Outcome::Done] = self.client.bulk_all(&operations).await?[..] {
                return found.document.product().map(|product| Some(Arc::new(product)));
            }
        }
        Err(contended("the product"))
    }
}

/// Notes for each of `places` what stood there: what was found, then one another.
fn note_before(
    before: &mut [Option<Arc<Product>>],
    products: &[Arc<Product>],
    places: &[usize],
    found: Option<Stored<StoredProduct>>,
) -> Result<(), StoreError> {
    let mut stood = found.map(|found| found.document.product().map(Arc::new)).transpose()?;
    for place in places {
        before[*place] = stood.replace(Arc::clone(&products[*place]));
    }
    Ok(())
}
