//! What calls cost. Run it alone, on an idle machine, for honest figures:
//! `cargo test --release --workspace --all-features --test elasticsearch -- --ignored --nocapture speed`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rep_backends::SystemClock;
use rep_backends::elasticsearch::{ElasticsearchBehaviour, ElasticsearchCatalog};
use rep_core::contract::support::{action, at, new_product, new_user, position};
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore};
use rep_core::ports::catalog::Catalog;
use rep_core::{ActionType, ModelId, Product, ProductFilter};

use crate::catalog::{direction, fill, product};
use crate::server::Space;

const WIDTH: usize = 384;
const PRODUCTS: usize = 5000;

async fn percentiles(what: &str, mut call: impl AsyncFnMut(u64)) {
    let mut took = Vec::new();
    for round in 0..100 {
        let begin = Instant::now();
        call(round).await;
        took.push(begin.elapsed());
    }
    took.sort();
    println!("{what}: p50 {:?}, p95 {:?}", took[50], took[95]);
}

#[ignore = "a measurement"]
#[tokio::test(flavor = "multi_thread")]
async fn speed() {
    let space = Space::empty().await;
    space.indices("speed", WIDTH).apply().await.unwrap();
    let catalog = ElasticsearchCatalog::new(space.client.clone(), &ModelId::new("speed").unwrap(), WIDTH);
    let filter = ProductFilter::default();
    let narrow = ProductFilter { category: Some("Category 3".into()), ..Default::default() };
    let begin = Instant::now();
    fill(&catalog, PRODUCTS, WIDTH).await;
    println!("products with vectors: {:.0}/s", PRODUCTS as f64 / begin.elapsed().as_secs_f64());
    catalog.summary().await.unwrap();
    let change = async |round: u64| {
        let changed = Product { stock: round as u32, ..product(round as usize * 7) };
        catalog.put(vec![changed]).await.unwrap();
    };
    let nearest = async |round: u64, filter| {
        let hits = catalog.nearest(&direction(90_000 + round, WIDTH), 20, filter).await.unwrap();
        assert_eq!(hits.len(), 20);
    };
    percentiles("put of one", change).await;
    percentiles("20 nearest", async |round| nearest(round, &filter).await).await;
    percentiles("20 nearest of a tenth", async |round| nearest(round, &narrow).await).await;
    percentiles("put of one, then 20 nearest", async |round| {
        change(round).await;
        nearest(round, &filter).await;
    })
    .await;
    percentiles("20 by words", async |_| {
        assert_eq!(catalog.search_text("many thing", 20, &filter).await.unwrap().len(), 20);
    })
    .await;

    let store = Arc::new(ElasticsearchBehaviour::new(space.client.clone(), Arc::new(SystemClock)));
    let (product, begin) = (new_product(), Instant::now());
    for bulk in 0..40_u64 {
        let document = |offset| BehaviourDocument {
            action: action(&new_user(), ActionType::View, &product, at(0)),
            position: position(0, bulk * 500 + offset),
            appended_at: at(0),
        };
        store.index((0..500).map(document).collect()).await.unwrap();
    }
    println!("actions in bulks of 500: {:.0}/s", 20_000.0 / begin.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let begin = Instant::now();
    let found = store.interested(&product, at(-1), 1000).await.unwrap();
    println!("interest of 20,000 shoppers, 1,000 wanted: {:?}", begin.elapsed());
    assert_eq!(found.len(), 1000);
}
