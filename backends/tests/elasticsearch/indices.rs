//! Making and checking the indices.

use rep_backends::elasticsearch::{Block, ElasticsearchCatalog, Finding, IndexKind, Remedy};
use rep_core::ports::catalog::{Catalog, VectorWrite};
use rep_core::{Currency, ModelId, Money, Product, ProductFilter, ProductId, UnitVector, stable_hash128};
use serde_json::json;

use crate::server::Space;

fn product(id: usize) -> Product {
    Product {
        product_id: ProductId::new(format!("p{id:03}")).unwrap(),
        name: format!("thing {id}"),
        description: "a thing".into(),
        category: "Things".into(),
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

fn catalog(space: &Space, model: &str, dimensions: usize) -> ElasticsearchCatalog {
    ElasticsearchCatalog::new(space.client.clone(), &ModelId::new(model).unwrap(), dimensions)
}

async fn embed(catalog: &ElasticsearchCatalog, product: &Product, vector: Vec<f32>) {
    let write = VectorWrite {
        product_id: product.product_id.clone(),
        passage_hash: stable_hash128(product.passage().as_bytes()),
        vector: UnitVector::normalised(vector).unwrap(),
    };
    assert_eq!(catalog.set_vectors(vec![write]).await.unwrap(), [true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_what_is_missing_and_applying_it_leaves_nothing() {
    let space = Space::empty().await;
    let indices = space.indices("m", 8);
    let plans = indices.plan().await.unwrap();
    assert_eq!(plans.len(), 4);
    for plan in &plans {
        assert!(matches!(&plan.findings[..], [Finding::IndexMissing { served: true, .. }]), "{plan:?}");
    }
    // Several at once are as good as one.
    let together = [indices.clone(), indices.clone(), indices.clone()];
    let together = together.map(|indices| tokio::spawn(async move { indices.apply().await }));
    for applied in together {
        assert!(applied.await.unwrap().unwrap().left.is_empty());
    }
    for plan in indices.plan().await.unwrap() {
        assert_eq!(plan.findings, [], "{:?}", plan.kind);
    }
    let again = indices.apply().await.unwrap();
    assert!(again.mended.is_empty() && again.left.is_empty(), "{again:?}");
    let shards = |kind: IndexKind| {
        let settings = space.raw("GET", &format!("{}{}/_settings", space.namespace, kind.alias()), None);
        let index = settings.as_object().unwrap().values().next().unwrap();
        index["settings"]["index"]["number_of_shards"].as_str().unwrap().to_owned()
    };
    assert_eq!(IndexKind::ALL.map(shards), ["1", "3", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_added_is_added_and_the_rest_is_named() {
    let space = Space::empty().await;
    let name = |kind: IndexKind| format!("{}{}", space.namespace, kind.alias());
    // Made by hand, in haste: fields missing, one of another type, not strict, too few shards, refreshing rarely.
    let made = json!({
        "settings": { "number_of_shards": 1, "refresh_interval": "30s" },
        "mappings": { "properties": { "traceId": { "type": "keyword" }, "userId": { "type": "text" } } },
        "aliases": { name(IndexKind::Behaviour): {} },
    });
    space.raw("PUT", &format!("{}-v1", name(IndexKind::Behaviour)), Some(made));
    // Written to before there was an alias.
    space.raw("PUT", &name(IndexKind::Preference), None);
    let indices = space.indices("m", 8);
    let applied = indices.apply().await.unwrap();
    let mended = |wanted: &str| applied.mended.iter().any(|finding| finding.to_string().contains(wanted));
    assert!(mended("lacks the field `timestamp`") && mended("refresh_interval"), "{:?}", applied.mended);
    let plans = indices.plan().await.unwrap();
    let left = |kind| &plans.iter().find(|plan| plan.kind == kind).unwrap().findings;
    let behaviour = left(IndexKind::Behaviour);
    assert!(behaviour.iter().all(|finding| finding.remedy() == Remedy::Person), "{behaviour:?}");
    let is_named = |named: fn(&Finding) -> bool| behaviour.iter().any(named);
    assert!(is_named(|f| matches!(f, Finding::NotStrict { .. })));
    assert!(is_named(|f| matches!(f, Finding::ShardsDiffer { wanted: 3, .. })));
    assert!(is_named(|f| matches!(f, Finding::FieldDiffers { field, .. } if field == "userId.type")));
    assert_eq!(behaviour.len(), 3, "{behaviour:?}");
    assert_eq!(left(IndexKind::Preference), &[Finding::NameTaken { alias: name(IndexKind::Preference) }]);
    assert_eq!(left(IndexKind::Product), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_of_another_width_or_model_are_named() {
    let space = Space::empty().await;
    let indices = space.indices("m", 8);
    indices.apply().await.unwrap();
    let plan = indices.plan().await.unwrap().remove(0);
    let made = space.raw("GET", &plan.index, None);
    space.raw("DELETE", &plan.index, None);
    let mut mappings = made[&plan.index]["mappings"].clone();
    mappings["_meta"]["model"] = "other".into();
    mappings["properties"]["embedding"]["dims"] = 16.into();
    let aliases = made[&plan.index]["aliases"].clone();
    space.raw("PUT", &plan.index, Some(json!({ "mappings": mappings, "aliases": aliases })));
    let findings = indices.plan().await.unwrap().remove(0).findings;
    assert!(
        findings.iter().any(|f| matches!(f, Finding::DimensionsDiffer { wanted: 8, .. })),
        "{findings:?}"
    );
    assert!(findings.iter().any(|f| matches!(f, Finding::ModelDiffers { .. })), "{findings:?}");
    assert!(findings.iter().all(|f| f.to_string().contains(&plan.index)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_changed_beside_the_one_in_use_and_switched_at_once() {
    let space = Space::empty().await;
    space.indices("old", 8).apply().await.unwrap();
    let (old, new) = (catalog(&space, "old", 8), catalog(&space, "new", 4));
    old.put((0..300).map(product).collect()).await.unwrap();
    embed(&old, &product(1), vec![1.0; 8]).await;

    let indices = space.indices("new", 4);
    let applied = indices.apply().await.unwrap();
    assert!(matches!(&applied.mended[..], [Finding::IndexMissing { served: false, .. }]), "{applied:?}");
    assert!(matches!(&applied.left[..], [Finding::NotServed { .. }]), "{applied:?}");
    assert_eq!(applied.left[0].remedy(), Remedy::Switch);
    assert_eq!(old.copy_to(&new, &mut |_| {}).await.unwrap().written, 300);
    embed(&new, &product(2), vec![1.0; 4]).await;
    assert_eq!(new.summary().await.unwrap().embedded, 1);

    // What another process changes meanwhile is carried over, and vectors stay where the text did.
    let other = catalog(&space, "old", 8);
    let retold = Product { description: "retold".into(), ..product(3) };
    other.put(vec![retold.clone(), Product { stock: 9, ..product(2) }]).await.unwrap();
    other.remove(&product(4).product_id).await.unwrap();
    indices.freeze(IndexKind::Product).await.unwrap();
    assert!(old.put(vec![product(5), product(999)]).await.unwrap_err().is_retryable());
    let report = old.copy_to(&new, &mut |_| {}).await.unwrap();
    assert_eq!((report.written, report.removed), (2, 1));
    assert_eq!(new.summary().await.unwrap().embedded, 1);
    let before = indices.served(IndexKind::Product).await.unwrap().unwrap();
    assert_eq!((before.model.as_deref(), before.dimensions), (Some("old"), Some(8)));
    assert!(before.is_frozen && !before.is_wanted);
    assert_eq!(indices.blocked().await.unwrap(), [(before.index.clone(), Block::Writes)]);
    let served = indices.switch(IndexKind::Product).await.unwrap().unwrap();
    assert_eq!(served, before.index);
    assert_ne!(served, indices.plan().await.unwrap()[0].index);
    assert_eq!(indices.switch(IndexKind::Product).await.unwrap(), None);
    assert_eq!(indices.plan().await.unwrap()[0].findings, []);

    let filter = ProductFilter::default();
    let query = UnitVector::normalised(vec![1.0; 4]).unwrap();
    let hits = new.nearest(&query, 5, &filter).await.unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].product.stock, 9);
    let count = space.raw("GET", &format!("{}product_index/_count", space.namespace), None);
    assert_eq!(count["count"], 299);
    // Who still has the old model reads on what there was, and never meets the new vectors.
    let query = UnitVector::normalised(vec![1.0; 8]).unwrap();
    assert_eq!(old.nearest(&query, 5, &filter).await.unwrap()[0].product.product_id, product(1).product_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_frozen_is_let_go_again() {
    let space = Space::empty().await;
    space.indices("old", 8).apply().await.unwrap();
    let (old, indices) = (catalog(&space, "old", 8), space.indices("new", 4));
    indices.apply().await.unwrap();
    let is_frozen = async || indices.served(IndexKind::Product).await.unwrap().unwrap().is_frozen;
    for _ in 0..2 {
        // Twice is as good as once.
        indices.freeze(IndexKind::Product).await.unwrap();
    }
    assert!(is_frozen().await && old.put(vec![product(1)]).await.unwrap_err().is_retryable());
    // Its own index, were it in use, is not meant.
    space.indices("old", 8).freeze(IndexKind::Product).await.unwrap();
    indices.reopen(IndexKind::Product).await.unwrap();
    assert!(is_frozen().await);
    indices.unfreeze(IndexKind::Product).await.unwrap();
    assert!(!is_frozen().await);
    old.put(vec![product(1)]).await.unwrap();
    indices.freeze(IndexKind::Product).await.unwrap();
    indices.switch(IndexKind::Product).await.unwrap();
    // What was left is taken into use again.
    let back = space.indices("old", 8);
    back.reopen(IndexKind::Product).await.unwrap();
    old.put(vec![product(2)]).await.unwrap();
    assert!(back.switch(IndexKind::Product).await.unwrap().is_some() && !is_frozen().await);
    assert_eq!(indices.blocked().await.unwrap(), []);
}
