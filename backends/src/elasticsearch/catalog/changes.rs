//! Which products changed, for who holds them in memory.

use std::sync::Arc;

use rep_core::ports::StoreError;
use rep_core::{Product, ProductId, UnitVector};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ElasticsearchCatalog;
use super::document::StoredProduct;
use crate::elasticsearch::error::corrupt;
use crate::elasticsearch::search::{Found, Part, WINDOW_MAX};

/// A product with its vector, if it has one.
type Embedded = (Arc<Product>, Option<UnitVector>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    product_id: ProductId,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(flatten)]
    product: StoredProduct,
    #[serde(default)]
    embedding: Option<Vec<f32>>,
}

/// Every field of [`Whole`]. A vector must be named to be given.
const WHOLE: &str = "productId,name,description,category,brand,priceMinor,currency,priceDigits,stock,imageUrl,\
                     attributes,nameKo,descriptionKo,groupId,passageHash,embedding";

impl ElasticsearchCatalog {
    /// Width of the vectors.
    pub(in crate::elasticsearch) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Lets searches see every write that was answered.
    pub(in crate::elasticsearch) async fn see_all(&self) -> Result<(), StoreError> {
        Ok(self.client.refresh(&self.index).await?)
    }

    /// Up to `max` products whose last change has a number of `from` or higher, in order of these numbers; as far as
    /// searches see them.
    pub(in crate::elasticsearch) async fn changed_from(
        &self,
        from: u64,
        max: usize,
    ) -> Result<Vec<(ProductId, u64)>, StoreError> {
        let body = json!({
            "size": max.min(WINDOW_MAX),
            "track_total_hits": false,
            "seq_no_primary_term": true,
            "_source": ["productId"],
            "query": { "range": { "_seq_no": { "gte": from } } },
            "sort": [{ "_seq_no": "asc" }],
        });
        let found: Found<Named> = self.client.search(&self.index, body).await?;
        let number = |hit: crate::elasticsearch::search::SearchHit<Named>| {
            let revision = hit.revision().ok_or_else(|| corrupt("a search gave no number of a change"))?;
            Ok((hit.document.product_id, revision.seq_no))
        };
        found.hits.hits.into_iter().map(number).collect()
    }

    /// The products of `ids` with their vectors as they stand now, in their order.
    pub(in crate::elasticsearch) async fn embedded(
        &self,
        ids: &[ProductId],
    ) -> Result<Vec<Option<Embedded>>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(ProductId::as_str).collect();
        let found = self.client.documents::<Whole>(&self.index, &ids, Part::Only(WHOLE)).await?;
        let embedded = |whole: Whole| -> Result<Embedded, StoreError> {
            let vector = whole.embedding.map(UnitVector::checked).transpose().map_err(corrupt)?;
            Ok((Arc::new(whole.product.product()?), vector))
        };
        found.into_iter().map(|found| found.map(|found| embedded(found.document)).transpose()).collect()
    }

    /// How many products searches see.
    pub(in crate::elasticsearch) async fn total(&self) -> Result<usize, StoreError> {
        let total = self.client.count(&self.index, json!({ "match_all": {} })).await?;
        Ok(usize::try_from(total).unwrap_or(usize::MAX))
    }

    /// The ids of all products that searches see.
    pub(in crate::elasticsearch) async fn all_ids(&self) -> Result<Vec<ProductId>, StoreError> {
        let mut ids: Vec<ProductId> = Vec::new();
        loop {
            let mut body = json!({
                "size": WINDOW_MAX,
                "track_total_hits": false,
                "_source": ["productId"],
                "query": { "match_all": {} },
                "sort": [{ "productId": "asc" }],
            });
            if let Some(last) = ids.last() {
                body["search_after"] = Value::Array(vec![json!(last)]);
            }
            let found: Found<Named> = self.client.search(&self.index, body).await?;
            let is_last = found.hits.hits.len() < WINDOW_MAX;
            ids.extend(found.hits.hits.into_iter().map(|hit| hit.document.product_id));
            if is_last {
                return Ok(ids);
            }
        }
    }
}
