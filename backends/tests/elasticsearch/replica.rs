//! The catalogue's contract on searches in memory, and how they follow what others write.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rep_backends::elasticsearch::{ElasticsearchCatalog, IndexKind, ReplicaCatalog};
use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_core::contract::catalog::CatalogSubject;
use rep_core::contract::support::eventually;
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::ports::log::NewRecord;
use rep_core::{
    Currency, InventoryChange, ModelId, Product, ProductFilter, Timestamp, Topic, TraceId, stable_hash128,
};
use tempfile::TempDir;

use crate::catalog::{direction, product};
use crate::server::{DIMENSIONS, Space};

struct Subject {
    space: Space,
    log: Backends,
    catalog: Arc<dyn Catalog>,
    _dir: TempDir,
}

impl Subject {
    async fn fresh() -> Self {
        let (space, dir) = (Space::with(IndexKind::Product).await, TempDir::new().unwrap());
        let config = ConnectConfig::new(dir.path().to_owned(), model(), DIMENSIONS);
        let log = open_data_dir(&config, Arc::new(SystemClock)).unwrap();
        let catalog = replica(&space, &log).await;
        Self { space, log, catalog, _dir: dir }
    }

    /// Another process that writes to the same index.
    fn other(&self) -> ElasticsearchCatalog {
        ElasticsearchCatalog::new(self.space.client.clone(), &model(), DIMENSIONS)
    }
}

fn model() -> ModelId {
    ModelId::new("contract").unwrap()
}

async fn replica(space: &Space, log: &Backends) -> Arc<dyn Catalog> {
    let store = ElasticsearchCatalog::new(space.client.clone(), &model(), DIMENSIONS);
    Arc::new(ReplicaCatalog::open(store, log.log.clone(), log.codec.clone()).await.unwrap())
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
        self.catalog = replica(&self.space, &self.log).await;
    }
}

mod contract {
    rep_core::catalog_contract!(super::Subject::fresh().await);
}

fn vector_of(product: &Product, seed: u64) -> VectorWrite {
    VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector: direction(seed, DIMENSIONS),
    }
}

/// What a search for the vector of `seed` finds first.
async fn first(catalog: &dyn Catalog, seed: u64) -> Option<Product> {
    let found = catalog.nearest(&direction(seed, DIMENSIONS), 1, &ProductFilter::default()).await.unwrap();
    found.first().map(|hit| (*hit.product).clone())
}

#[tokio::test]
async fn what_another_process_writes_is_found_soon() {
    let subject = Subject::fresh().await;
    let (here, other) = (&subject.catalog, subject.other());
    let (one, two) = (product(1), product(2));
    other.put(vec![one.clone(), two.clone()]).await.unwrap();
    other.set_vectors(vec![vector_of(&one, 7), vector_of(&two, 8)]).await.unwrap();
    eventually("both are found", async || {
        let found = (first(here.as_ref(), 7).await, first(here.as_ref(), 8).await);
        (found == (Some(one.clone()), Some(two.clone()))).then_some(())
    })
    .await;

    let renamed = Product { description: "Something else".into(), ..one.clone() };
    other.put(vec![renamed.clone()]).await.unwrap();
    other.set_vectors(vec![vector_of(&renamed, 9)]).await.unwrap();
    eventually("the other text is found by its vector", async || {
        (first(here.as_ref(), 9).await == Some(renamed.clone())).then_some(())
    })
    .await;

    other.remove(&two.product_id).await.unwrap();
    eventually("what was removed is gone", async || (here.summary().await.unwrap().total == 1).then_some(()))
        .await;
    assert_eq!(first(here.as_ref(), 8).await, Some(renamed));
}

#[tokio::test]
async fn prices_and_stock_follow_the_log() {
    let subject = Subject::fresh().await;
    let here = &subject.catalog;
    let one = product(1);
    here.put(vec![one.clone()]).await.unwrap();
    let change = InventoryChange {
        trace_id: TraceId::new("t-1").unwrap(),
        product_id: one.product_id.clone(),
        currency: Currency::EUR,
        price_before: Some(one.price.minor()),
        price_after: 55,
        stock_before: Some(1),
        stock_after: 0,
        timestamp: Timestamp::from_ms(1_790_000_000_000),
        flapping: false,
    };
    let value = subject.log.codec.encode(&change).unwrap();
    let record = NewRecord::new(one.product_id.as_str().to_owned(), value);
    subject.log.log.append(Topic::ProductInventory, vec![record]).await.unwrap();
    eventually("the price is the one that was told", async || {
        let page = here.list(&ProductFilter::default(), None, 1).await.unwrap();
        (page.items[0].price.minor() == 55 && page.items[0].stock == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn many_changes_at_once_are_all_taken_over() {
    let subject = Subject::fresh().await;
    let other = subject.other();
    let products: Vec<Product> = (0..3000).map(product).collect();
    other.put(products.clone()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), async {
        while subject.catalog.summary().await.unwrap().total < products.len() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(replica(&subject.space, &subject.log).await.summary().await.unwrap().total, products.len());
}
