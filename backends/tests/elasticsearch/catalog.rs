//! The catalogue's contract, and what only one on Elasticsearch can be asked.

use std::sync::Arc;

use async_trait::async_trait;
use rep_backends::elasticsearch::{ElasticsearchCatalog, IndexKind};
use rep_core::contract::catalog::CatalogSubject;
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::{
    Currency, ModelId, Money, PriceRange, Product, ProductFilter, ProductId, UnitVector, stable_hash128,
};

use crate::server::{DIMENSIONS, Space};

struct Subject {
    space: Space,
    catalog: Arc<dyn Catalog>,
}

impl Subject {
    async fn fresh() -> Self {
        let space = Space::with(IndexKind::Product).await;
        let catalog = open(&space);
        Self { space, catalog }
    }
}

fn open(space: &Space) -> Arc<dyn Catalog> {
    let model = ModelId::new("contract").unwrap();
    Arc::new(ElasticsearchCatalog::new(space.client.clone(), &model, DIMENSIONS))
}

#[async_trait]
impl CatalogSubject for Subject {
    fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(&self.catalog)
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn reopen(&mut self) {
        self.catalog = open(&self.space);
    }
}

mod contract {
    rep_core::catalog_contract!(super::Subject::fresh().await);
}

/// A product of no special kind.
pub(crate) fn product(number: usize) -> Product {
    Product {
        product_id: ProductId::new(format!("p{number:05}")).unwrap(),
        name: format!("Thing {number}"),
        description: "One of many things".into(),
        category: format!("Category {}", number % 10),
        brand: None,
        price: Money::from_minor(100, Currency::EUR).unwrap(),
        stock: 1,
        image_url: None,
        attributes: Default::default(),
        name_ko: None,
        description_ko: None,
        changed_at: None,
        history: Default::default(),
        group_id: None,
    }
}

/// A direction by chance, the same for each `seed`; hard for a graph, as there are no groups.
pub(crate) fn direction(seed: u64, dimensions: usize) -> UnitVector {
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        (bits >> 40) as f32 / (1_u32 << 24) as f32
    };
    // The sum of four is nearly normal: no corner of the cube is preferred.
    let part = |_| next() + next() + next() + next() - 2.0;
    UnitVector::normalised((0..dimensions).map(part).collect()).unwrap()
}

/// Puts products and their vectors.
pub(crate) async fn fill(catalog: &dyn Catalog, count: usize, dimensions: usize) {
    let products: Vec<Product> = (0..count).map(product).collect();
    catalog.put(products.clone()).await.unwrap();
    let write = |(product, seed): (&Product, u64)| VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector: direction(seed, dimensions),
    };
    let set = catalog.set_vectors(products.iter().zip(1..).map(write).collect()).await.unwrap();
    assert!(set.into_iter().all(|set| set));
}

/// Beyond the number of candidates the search is approximate: it finds nearly all of the nearest, filtered or not, and
/// never fewer than were asked for.
#[tokio::test(flavor = "multi_thread")]
async fn approximate_search_finds_nearly_all_and_never_too_few() {
    const COUNT: usize = 3000;
    let subject = Subject::fresh().await;
    let catalog = subject.catalog();
    fill(&*catalog, COUNT, DIMENSIONS).await;
    let everything = ProductFilter::default();
    let few = ProductFilter { category: Some("Category 3".into()), ..Default::default() };
    for (filter, k) in [(&everything, 10), (&everything, 50), (&few, 10), (&few, 250)] {
        let (mut found, mut wanted) = (0, 0);
        for seed in 0..20 {
            let query = direction(1_000_000 + seed, DIMENSIONS);
            let hits = catalog.nearest(&query, k, filter).await.unwrap();
            assert_eq!(hits.len(), k);
            let mut exact: Vec<(f32, usize)> = (0..COUNT)
                .filter(|number| filter.admits(&product(*number)))
                .map(|number| (query.cosine(&direction(number as u64 + 1, DIMENSIONS)), number))
                .collect();
            exact.sort_by(|a, b| b.0.total_cmp(&a.0));
            let last = exact[k - 1].0 - 1e-5;
            found += hits.iter().filter(|hit| hit.score >= last).count();
            wanted += k;
        }
        let recall = found as f64 / wanted as f64;
        println!("recall of {k}: {recall:.4}");
        assert!(recall > 0.97, "{recall} of {k}");
    }
}

/// A document of an earlier release has its price in hundredths also in a currency without a minor unit.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_of_an_earlier_release_stays_what_it_was_and_filters_know_it() {
    let subject = Subject::fresh().await;
    let catalog = subject.catalog();
    let guaranies = "PYG".parse().unwrap();
    let price = |minor| Money::from_minor(minor, guaranies).unwrap();
    let (old, new) =
        (Product { price: price(3_500_000), ..product(1) }, Product { price: price(36_000), ..product(2) });
    catalog.put(vec![old.clone(), new.clone()]).await.unwrap();
    // The server takes null for a field that is not there.
    let path = format!("{}product_index/_update/{}?refresh=true", subject.space.namespace, old.product_id);
    let forget = serde_json::json!({ "doc": { "priceDigits": null } });
    assert_eq!(subject.space.raw("POST", &path, Some(forget))["result"], "updated");
    let found = catalog.get(std::slice::from_ref(&old.product_id)).await.unwrap().remove(0).unwrap();
    assert_eq!(found.price, price(35_000));
    let (cheap, dear) = (PriceRange::up_to(35_000, guaranies), PriceRange::from(35_001, guaranies));
    for (range, expected) in [
        (cheap, vec![&old]),
        (dear, vec![&new]),
        (PriceRange::from(100_000, guaranies), vec![]),
        (PriceRange::of(guaranies), vec![&old, &new]),
        (PriceRange::up_to(35_000, Currency::EUR), vec![]),
    ] {
        let filter = ProductFilter { price: Some(range), ..Default::default() };
        let page = catalog.list(&filter, None, 10).await.unwrap();
        let ids: Vec<_> = page.items.iter().map(|found| &found.product_id).collect();
        assert_eq!(ids, expected.iter().map(|product| &product.product_id).collect::<Vec<_>>(), "{range:?}");
    }
    // Written again, it is like any other.
    catalog.put(vec![Product { price: price(35_000), ..old.clone() }]).await.unwrap();
    let filter = ProductFilter { price: Some(cheap), ..Default::default() };
    let page = catalog.list(&filter, None, 10).await.unwrap();
    assert_eq!(page.items.iter().map(|found| found.price).collect::<Vec<_>>(), [price(35_000)]);
}

/// More equals than a first search asks for come in order of their ids all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_equals_is_in_order() {
    let subject = Subject::fresh().await;
    let catalog = subject.catalog();
    let mut products: Vec<Product> = (0..400).map(product).collect();
    products.sort_by_key(|product| stable_hash128(product.product_id.as_str().as_bytes()));
    catalog.put(products.clone()).await.unwrap();
    let write = |product: &Product| VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector: direction(1, DIMENSIONS),
    };
    catalog.set_vectors(products.iter().map(write).collect()).await.unwrap();
    let hits = catalog.nearest(&direction(2, DIMENSIONS), 30, &ProductFilter::default()).await.unwrap();
    let expected: Vec<ProductId> = (0..30).map(|number| product(number).product_id).collect();
    assert_eq!(hits.iter().map(|hit| hit.product.product_id.clone()).collect::<Vec<_>>(), expected);
}

/// What writes of several processes leave is one of them, whole: no vector outlives its text.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_write_at_once_leave_no_vector_of_another_text() {
    let subject = Subject::fresh().await;
    let told = |round: u64| Product { description: format!("told {round}"), ..product(1) };
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            // Each with a connection and a memory of its own, as in another process.
            let catalog = open(&subject.space);
            tokio::spawn(async move {
                for round in 0..6 {
                    let number = writer * 100 + round;
                    catalog.put(vec![told(number)]).await.unwrap();
                    let write = VectorWrite {
                        product_id: product(1).product_id,
                        passage_hash: stable_hash128(told(number).passage().as_bytes()),
                        vector: direction(number, DIMENSIONS),
                    };
                    catalog.set_vectors(vec![write]).await.unwrap();
                    let id = [product(1).product_id];
                    // The vector is read between two equal texts, or another text came between.
                    let before = catalog.get(&id).await.unwrap().remove(0).unwrap();
                    let vector = catalog.vectors(&id).await.unwrap().remove(0);
                    let after = catalog.get(&id).await.unwrap().remove(0).unwrap();
                    if let (Some(vector), true) = (vector, before == after) {
                        let number: u64 = before.description["told ".len()..].parse().unwrap();
                        assert!(vector.cosine(&direction(number, DIMENSIONS)) > 0.999);
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}
