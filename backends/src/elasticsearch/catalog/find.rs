//! Searches.

use std::sync::Arc;

use rep_core::ports::StoreError;
use rep_core::ports::catalog::{CatalogSummary, Hit, ProductPage};
use rep_core::{PriceRange, Product, ProductFilter, ProductId, UnitVector};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ElasticsearchCatalog;
use super::document::{StoredProduct, words_of};
use crate::elasticsearch::error::invalid;
use crate::elasticsearch::search::{Found, SearchHit, WINDOW_MAX};
use crate::index::lexical::{
    ATTRIBUTE, BRAND, CATEGORY, DESCRIPTION, NAME, PREFIX_SHARE, QUERY_TERMS_MAX, unfinished,
};

/// Products of one page.
const PAGE_MAX: usize = 500;
/// Products, and groups, that a filter may exclude: the server's bound of one list of values is 65,536.
const EXCLUDE_MAX: usize = 50_000;
/// Categories that a summary tells apart.
const CATEGORIES_MAX: usize = 10_000;
/// Fewest candidates that an approximate search looks at.
const CANDIDATES_MIN: usize = 256;
/// Candidates for each result that is wanted.
const CANDIDATES_EACH: usize = 4;
/// How many candidates, by vectors of bytes, are compared by their whole vectors for each result.
const OVERSAMPLE: f32 = 2.0;
/// Results asked for beyond those wanted, so that equals at the end are seen and put in order.
const BEYOND: usize = 16;
/// The same where more equals than that were there.
const BEYOND_EQUALS: usize = 1000;

/// Fields that a product is read from.
fn source() -> Value {
    json!({ "excludes": ["words", "embedding"] })
}

impl ElasticsearchCatalog {
    /// By the graph first; by all there are if that came short, or if equals were cut apart.
    ///
    /// The server compares every product that passes if no more pass than the candidates asked for (10,000 at most),
    /// so a second pass is exact up to there, and beyond it walks the graph with 10,000 candidates.
    pub(super) async fn find_nearest(
        &self,
        vector: &UnitVector,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        let wanted = k.min(WINDOW_MAX);
        let asked = (wanted + BEYOND).min(WINDOW_MAX);
        let candidates = (asked * CANDIDATES_EACH).clamp(CANDIDATES_MIN, WINDOW_MAX);
        let mut hits = self.knn(vector, asked, candidates, filter).await?;
        let again = if hits.len() < wanted {
            self.is_short(hits.len(), filter).await?.then_some(asked)
        } else {
            let equals_at_end = hits.len() == asked && hits[wanted - 1].score <= hits[asked - 1].score;
            (equals_at_end && asked < WINDOW_MAX).then(|| (wanted + BEYOND_EQUALS).min(WINDOW_MAX))
        };
        if let Some(asked) = again {
            metrics::counter!("rep_elasticsearch_knn_repeated_total").increment(1);
            hits = self.knn(vector, asked, WINDOW_MAX, filter).await?;
        }
        hits.truncate(wanted);
        Ok(hits)
    }

    /// Whether more than `found` products with a vector pass.
    async fn is_short(&self, found: usize, filter: &ProductFilter) -> Result<bool, StoreError> {
        let mut clauses = clauses(filter)?;
        clauses.must.push(json!({ "exists": { "field": "embedding" } }));
        let there = self.client.count(&self.index, clauses.query()).await?;
        Ok(there > found as u64)
    }

    async fn knn(
        &self,
        vector: &UnitVector,
        k: usize,
        candidates: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        let mut knn = json!({
            "field": "embedding",
            "query_vector": vector.as_slice(),
            "k": k,
            "num_candidates": candidates,
            "rescore_vector": { "oversample": OVERSAMPLE },
        });
        if !filter.is_open() {
            knn["filter"] = clauses(filter)?.query();
        }
        let body = json!({ "size": k, "track_total_hits": false, "_source": source(), "knn": knn });
        let found: Found<StoredProduct> = self.client.search(&self.index, body).await?;
        // The server's score of a cosine c is (1 + c) / 2.
        hits_of(found, |score| (2.0 * score - 1.0).clamp(-1.0, 1.0))
    }

    /// BM25 over weighted fields as the embedded index does it; the last word, while it is being typed, also finds
    /// words that begin with it.
    pub(super) async fn find_by_words(
        &self,
        query: &str,
        k: usize,
        filter: &ProductFilter,
    ) -> Result<Vec<Hit>, StoreError> {
        let words = words_of(std::iter::once(query));
        let words: Vec<&str> =
            words.split(' ').filter(|word| !word.is_empty()).take(QUERY_TERMS_MAX).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut any = vec![json!({ "combined_fields": {
            "query": words.join(" "),
            "operator": "or",
            "fields": [
                format!("words.name^{NAME}"),
                format!("words.brand^{BRAND}"),
                format!("words.category^{CATEGORY}"),
                format!("words.attributes^{ATTRIBUTE}"),
                format!("words.description^{DESCRIPTION}"),
            ],
        } })];
        if let Some(beginning) = unfinished(query) {
            any.push(json!({ "prefix": { "words.all": {
                "value": beginning,
                "boost": PREFIX_SHARE,
                "rewrite": "top_terms_blended_freqs_32",
            } } }));
        }
        let mut clauses = clauses(filter)?;
        clauses.should = any;
        let body = json!({
            "size": k.min(WINDOW_MAX),
            "track_total_hits": false,
            "_source": source(),
            "query": clauses.query(),
            "sort": [{ "_score": "desc" }, { "productId": "asc" }],
        });
        let found: Found<StoredProduct> = self.client.search(&self.index, body).await?;
        hits_of(found, |score| score)
    }

    pub(super) async fn find_page(
        &self,
        filter: &ProductFilter,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<ProductPage, StoreError> {
        if limit == 0 {
            return Ok(ProductPage { items: Vec::new(), next: None });
        }
        let limit = limit.min(PAGE_MAX);
        // One more tells whether there is a next page.
        let mut items = self.in_order(clauses(filter)?.query(), after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|product| product.product_id.clone()) } else { None };
        Ok(ProductPage { items, next })
    }

    pub(super) async fn find_unembedded(&self, limit: usize) -> Result<Vec<Arc<Product>>, StoreError> {
        let limit = limit.min(WINDOW_MAX);
        let mut items: Vec<Arc<Product>> = Vec::new();
        while items.len() < limit {
            let page = PAGE_MAX.min(limit - items.len());
            let query = json!({ "bool": { "must_not": [{ "exists": { "field": "embedding" } }] } });
            let after = items.last().map(|product| product.product_id.clone());
            let found = self.in_order(query, after.as_ref(), page).await?;
            let is_last = found.len() < page;
            items.extend(found);
            if is_last {
                break;
            }
        }
        Ok(items)
    }

    async fn in_order(
        &self,
        query: Value,
        after: Option<&ProductId>,
        size: usize,
    ) -> Result<Vec<Arc<Product>>, StoreError> {
        let mut body = json!({
            "size": size,
            "track_total_hits": false,
            "_source": source(),
            "query": query,
            "sort": [{ "productId": "asc" }],
        });
        if let Some(after) = after {
            body["search_after"] = json!([after]);
        }
        let found: Found<StoredProduct> = self.client.search(&self.index, body).await?;
        let product = |hit: SearchHit<StoredProduct>| hit.document.product().map(Arc::new);
        found.hits.hits.into_iter().map(product).collect()
    }

    pub(super) async fn counts(&self) -> Result<CatalogSummary, StoreError> {
        #[derive(Default, Deserialize)]
        struct Counts {
            embedded: Count,
            categories: Buckets,
        }
        #[derive(Default, Deserialize)]
        struct Count {
            doc_count: usize,
        }
        #[derive(Default, Deserialize)]
        struct Buckets {
            buckets: Vec<Bucket>,
        }
        #[derive(Deserialize)]
        struct Bucket {
            key: String,
            doc_count: usize,
        }
        let body = json!({
            "size": 0,
            "track_total_hits": true,
            "aggs": {
                "embedded": { "filter": { "exists": { "field": "embedding" } } },
                "categories": {
                    "terms": { "field": "category", "size": CATEGORIES_MAX, "order": { "_key": "asc" } },
                },
            },
        });
        let found: Found<serde::de::IgnoredAny, Counts> = self.client.search(&self.index, body).await?;
        let categories = found.aggregations.categories.buckets;
        Ok(CatalogSummary {
            total: usize::try_from(found.hits.total.value).unwrap_or(usize::MAX),
            embedded: found.aggregations.embedded.doc_count,
            categories: categories.into_iter().map(|bucket| (bucket.key, bucket.doc_count)).collect(),
        })
    }
}

/// Best first, equals in order of their ids.
fn hits_of(found: Found<StoredProduct>, score: impl Fn(f32) -> f32) -> Result<Vec<Hit>, StoreError> {
    let hit = |hit: SearchHit<StoredProduct>| {
        let product = Arc::new(hit.document.product()?);
        Ok(Hit { product, score: score(hit.score.unwrap_or_default()) })
    };
    let mut hits: Vec<Hit> = found.hits.hits.into_iter().map(hit).collect::<Result<_, StoreError>>()?;
    hits.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then_with(|| a.product.product_id.cmp(&b.product.product_id))
    });
    Ok(hits)
}

/// The clauses of a query, each a value of its own.
#[derive(Default)]
struct Clauses {
    must: Vec<Value>,
    must_not: Vec<Value>,
    should: Vec<Value>,
}

impl Clauses {
    fn query(self) -> Value {
        let Self { must, must_not, should } = self;
        let least = usize::from(!should.is_empty());
        json!({ "bool": {
            "filter": must,
            "must_not": must_not,
            "should": should,
            "minimum_should_match": least,
        } })
    }
}

/// What [`PriceRange::contains`] says.
fn priced(range: PriceRange) -> Vec<Value> {
    let mut all = vec![json!({ "term": { "currency": range.currency } })];
    if range.min_minor.is_none() && range.max_minor.is_none() {
        return all;
    }
    let within = |range: PriceRange| json!({ "range": { "priceMinor": { "gte": range.min_minor, "lte": range.max_minor } } });
    let Some(earlier) = range.in_earlier_units() else {
        all.push(within(range));
        return all;
    };
    let has_digits = json!({ "exists": { "field": "priceDigits" } });
    all.push(json!({ "bool": { "should": [
        { "bool": { "filter": [has_digits, within(range)] } },
        { "bool": { "filter": [within(earlier)], "must_not": [has_digits] } },
    ], "minimum_should_match": 1 } }));
    all
}

/// What [`ProductFilter::admits`] says.
fn clauses(filter: &ProductFilter) -> Result<Clauses, StoreError> {
    let mut clauses = Clauses::default();
    if let Some(category) = &filter.category {
        clauses.must.push(json!({ "term": { "category": category } }));
    }
    if let Some(range) = filter.price {
        clauses.must.extend(priced(range));
    }
    if filter.in_stock {
        clauses.must.push(json!({ "range": { "stock": { "gt": 0 } } }));
    }
    let excluded = filter.exclude.len().max(filter.exclude_groups.len());
    if excluded > EXCLUDE_MAX {
        return Err(invalid(format!("filter excludes {excluded} products or groups, at most {EXCLUDE_MAX}")));
    }
    if !filter.exclude_groups.is_empty() {
        clauses.must_not.push(json!({ "terms": { "groupId": filter.exclude_groups } }));
    }
    if !filter.exclude.is_empty() {
        clauses.must_not.push(json!({ "terms": { "productId": filter.exclude } }));
    }
    Ok(clauses)
}
