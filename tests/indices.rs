//! `rep indices` on a real Elasticsearch: what is compared and made, and a change of the model under writes.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use crate::{servers, support};

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rep_backends::elasticsearch::{Client, ElasticsearchCatalog, IndexKind, Indices};
use rep_backends::places;
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::{Currency, ModelId, Money, Product, ProductFilter, ProductId, UnitVector, stable_hash128};
use serde_json::Value;
use servers::Servers;
use support::cli::{command, run};
use support::wait_until;

/// A model of eight words, eight wide.
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/embedder/tests/fixtures/tiny-e5");
const TINY_WIDTH: usize = 8;
const MINI: &str = "all-MiniLM-L6-v2";
const MINI_WIDTH: usize = 384;

fn product(number: usize) -> Product {
    Product {
        product_id: ProductId::new(format!("p{number:05}")).unwrap(),
        name: format!("Tent {number}"),
        description: "A tent for two in the rain".into(),
        category: "Tents".into(),
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

/// The server as a role of one model sees it.
struct Role {
    catalog: Arc<ElasticsearchCatalog>,
    indices: Indices,
    width: usize,
}

impl Role {
    fn of(url: &str, model: &str, width: usize) -> Self {
        let client = Client::new(&places::elasticsearch(url).unwrap()).unwrap();
        let model = ModelId::new(model).unwrap();
        let catalog = Arc::new(ElasticsearchCatalog::new(client.clone(), &model, width));
        Self { catalog, indices: Indices::new(client, model, width), width }
    }

    async fn fill(&self, count: usize) {
        let products: Vec<Product> = (0..count).map(product).collect();
        self.catalog.put(products.clone()).await.unwrap();
        let write = |product: &Product| VectorWrite {
            product_id: product.product_id.clone(),
            passage_hash: stable_hash128(product.passage().as_bytes()),
            vector: self.some_vector(),
        };
        let set = self.catalog.set_vectors(products.iter().map(write).collect()).await.unwrap();
        assert!(set.into_iter().all(|set| set));
    }

    fn some_vector(&self) -> UnitVector {
        UnitVector::normalised(vec![1.0; self.width]).unwrap()
    }

    async fn is_in_use(&self) -> bool {
        self.indices.served(IndexKind::Product).await.unwrap().unwrap().is_wanted
    }

    /// Reads by id and by vector.
    async fn reads(&self, id: &ProductId) -> bool {
        let found = self.catalog.get(std::slice::from_ref(id)).await.unwrap();
        let near = self.catalog.nearest(&self.some_vector(), 3, &ProductFilter::default()).await.unwrap();
        found[0].is_some() && near.len() == 3
    }
}

fn raw(url: &str, path: &str) -> Value {
    let (server, _) = url.split_once('?').unwrap();
    support::client().get(format!("{server}/{path}")).call().unwrap().body_mut().read_json().unwrap()
}

/// Writes products until that is refused; gives the ids of those that were answered for.
async fn write_until_refused(catalog: Arc<ElasticsearchCatalog>, from: usize) -> Vec<ProductId> {
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    let mut written = Vec::new();
    for number in from.. {
        pace.tick().await;
        // New ones, and others told anew.
        let told = Product { description: format!("told at {number}"), ..product(number % 97) };
        match catalog.put(vec![product(number), told]).await {
            Ok(_) => written.push(product(number).product_id),
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                break;
            }
        }
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_changed_under_writes_and_nothing_is_lost() {
    let servers = Servers::start(&["elasticsearch"]);
    let url = format!("{}?prefix=shop-", servers.address("REP_TEST_ELASTICSEARCH"));
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let indices = |verb: &[&str], model: &str| {
        tokio::task::block_in_place(|| {
            run(here, &[&["indices"], verb, &["--search", &url, "--model", model]].concat())
        })
    };
    let (old, new) = (Role::of(&url, "tiny-e5", TINY_WIDTH), Role::of(&url, MINI, MINI_WIDTH));

    indices(&["switch"], TINY).expect(1, &["`rep indices apply` makes them"]);
    let plan = indices(&["plan"], TINY);
    plan.expect(2, &["+ shop-product_index-v1-tiny-e5-", "+ shop-user_behavior_index-v1"]);
    assert_eq!(plan.out.lines().count(), 4, "{}", plan.out);
    indices(&["apply"], TINY).expect(0, &["+ shop-notification_history_index-v1"]);
    indices(&["plan"], TINY).expect(0, &["the indices are as they should be"]);
    indices(&["switch"], TINY).expect(0, &["products are of `tiny-e5` already"]);
    indices(&["switch", "--undo"], TINY).expect(1, &["nothing to undo"]);
    old.fill(400).await;
    let kept = product(1).product_id;

    indices(&["plan"], MINI).expect(2, &["beside the one in use", "`rep indices switch` fills that"]);

    // Killed while it embeds: the model in use stays, and what was done is found done.
    let mut child = command(here)
        .args(["indices", "switch", "--search", &url, "--model", MINI])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let index = "shop-product_index-v1-all-minilm-l6-v2-*";
    let embedded = || {
        // An index that is being made has no answer yet.
        raw(&url, &format!("{index}/_count?q=_exists_:embedding"))["count"].as_u64().unwrap_or(0)
    };
    tokio::task::block_in_place(|| {
        wait_until("it has begun to embed", Duration::from_secs(60), || embedded() > 0);
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let done = embedded();
    assert!(old.is_in_use().await && old.reads(&kept).await);
    old.catalog.put(vec![product(400)]).await.unwrap();

    // Broken off after writes were stopped: that is said, and can be taken back.
    new.indices.freeze(IndexKind::Product).await.unwrap();
    let refused = old.catalog.put(vec![product(401)]).await.unwrap_err();
    assert!(refused.is_retryable() && old.reads(&kept).await);
    indices(&["plan"], TINY).expect(2, &["takes no writes"]);
    indices(&["apply"], TINY).expect(2, &["takes no writes"]);
    indices(&["switch"], TINY).expect(1, &["take no writes", "--undo"]);
    indices(&["switch", "--undo"], MINI).expect(0, &["as before, and take writes again"]);
    old.catalog.put(vec![product(401)]).await.unwrap();

    // To the end, while a role of the old model writes: what was answered for is there.
    let writer = tokio::spawn(write_until_refused(Arc::clone(&old.catalog), 1000));
    let switched = indices(&["switch"], MINI);
    switched.expect(0, &["from `tiny-e5` to `all-MiniLM-L6-v2`", "took no writes for", "can be removed"]);
    let written = writer.await.unwrap();
    println!("{} written beside it; {done} were embedded before: {}", written.len(), switched.out);
    assert!(new.is_in_use().await);
    let summary = new.catalog.summary().await.unwrap();
    assert_eq!((summary.total, summary.embedded), (402 + written.len(), 402 + written.len()));
    assert!(new.catalog.get(&written).await.unwrap().iter().all(Option::is_some));
    let same: Vec<ProductId> = (0..97).map(|number| product(number).product_id).collect();
    assert_eq!(new.catalog.get(&same).await.unwrap(), old.catalog.get(&same).await.unwrap());

    // A role that still runs with the old model reads on, and is told to try again when it writes.
    assert!(old.reads(&kept).await);
    assert!(old.catalog.put(vec![product(5)]).await.unwrap_err().is_retryable());
    new.catalog.put(vec![product(5000)]).await.unwrap();

    // And back, by a switch that was broken off after it had stopped the writes: the old index is used again, with the
    // vectors that it has.
    old.indices.freeze(IndexKind::Product).await.unwrap();
    let back = indices(&["switch"], TINY);
    back.expect(0, &["switched to `tiny-e5`", "in this run, and since an earlier one"]);
    assert!(old.is_in_use().await);
    let summary = old.catalog.summary().await.unwrap();
    assert_eq!((summary.total, summary.embedded), (403 + written.len(), 403 + written.len()));
    old.catalog.put(vec![product(5001)]).await.unwrap();
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let indices = |args: &[&str]| run(folder.path(), &[&["indices"], args].concat());
    let nobody = ["plan", "--model", TINY, "--search", "http://127.0.0.1:1"];
    indices(&["plan", "--model", TINY]).expect(1, &["`--search http://host:9200`"]);
    indices(&["plan", "--model", TINY, "--search", "kafka://h:1"]).expect(1, &["looks like"]);
    indices(&["plan", "--model", "none", "--search", "http://127.0.0.1:1"]).expect(1, &["rep model list"]);
    let away = indices(&nobody);
    away.expect(1, &["127.0.0.1:1"]);
}
