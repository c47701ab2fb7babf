//! The catalogue: what changes is told to the log first, once, and in order.

use std::sync::atomic::Ordering;

use rep_api::Shop;
use rep_core::ports::catalog::Catalog;
use rep_core::{Currency, InventoryChange, Money, Topic};
use serde_json::{Value, json};

use crate::support::{World, id};

fn tent() -> Value {
    json!({
        "name": "Trail tent", "description": "For two.", "category": "tents", "brand": "Fjell",
        "price": "199.9", "currency": "EUR", "stock": 12, "imageUrl": "/img/tent.svg",
        "attributes": {"colour": "green"}, "nameKo": "텐트",
    })
}

fn told(world: &World) -> Vec<InventoryChange> {
    let records = world.log.all(Topic::ProductInventory);
    records.iter().map(|record| world.codec.decode(&record.value).unwrap()).collect()
}

#[tokio::test]
async fn a_product_is_put_read_changed_and_removed() {
    let world = World::new();
    let created = world.json("PUT", "/products/t1", &tent()).await.expect(201);
    assert_eq!(
        created,
        json!({
            "productId": "t1", "name": "Trail tent", "description": "For two.", "category": "tents",
            "brand": "Fjell", "price": "199.90", "currency": "EUR", "stock": 12,
            "imageUrl": "/img/tent.svg", "attributes": {"colour": "green"}, "nameKo": "텐트",
        })
    );
    assert_eq!(world.get("/products/t1").await.expect(200), created);
    world.json("PUT", "/products/t1", &tent()).await.expect(200);
    let patched =
        world.json("PATCH", "/products/t1", &json!({"price": "149.90", "stock": 3})).await.expect(200);
    assert_eq!((&patched["price"], &patched["stock"]), (&json!("149.90"), &json!(3)));
    let changes = told(&world);
    assert_eq!(changes.len(), 2, "an unchanged product is not told");
    assert_eq!((changes[0].price_before, changes[0].stock_before), (None, None));
    assert_eq!((changes[1].price_before, changes[1].price_after), (Some(19990), 14990));
    assert_eq!((changes[1].stock_before, changes[1].stock_after), (Some(12), 3));
    assert_eq!(world.send("DELETE", "/products/t1", &[], "").await.status, 204);
    world.send("DELETE", "/products/t1", &[], "").await.expect(404);
    world.get("/products/t1").await.expect(404);
    world.json("PATCH", "/products/t1", &json!({"stock": 1})).await.expect(404);
}

#[tokio::test]
async fn nothing_changes_that_could_not_be_told() {
    let world = World::stocked().await;
    world.log.is_away.store(true, Ordering::SeqCst);
    let answer = world.json("PATCH", "/products/tent-1", &json!({"price": "1.00"})).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.expect(503);
    assert_eq!(world.get("/products/tent-1").await.expect(200)["price"], "19.90");
}

#[tokio::test]
async fn changes_of_one_product_form_a_chain() {
    let world = World::stocked().await;
    let shop = world.state.shop();
    let product = id("tent-1");
    let changes = (1..=40).map(|i| {
        let (shop, product) = (shop.clone(), product.clone());
        async move {
            let price = Money::from_minor(1000 + i, Currency::EUR).unwrap();
            shop.change_price_or_stock(&product, Some(price), None).await.unwrap();
        }
    });
    futures::future::join_all(changes).await;
    let changes = told(&world);
    assert_eq!(changes.len(), 40);
    for pair in changes.windows(2) {
        assert_eq!(pair[1].price_before, Some(pair[0].price_after));
    }
    let product = world.catalog.get(&[product]).await.unwrap().remove(0).unwrap();
    assert_eq!(product.price.minor(), changes.last().unwrap().price_after);
    let other = Money::from_minor(5, Currency::USD).unwrap();
    assert!(shop.change_price_or_stock(&id("tent-1"), Some(other), None).await.is_err());
}

#[tokio::test]
async fn bad_products_are_named_field_by_field() {
    let world = World::stocked().await;
    let bad =
        json!({"productId": "other", "name": 5, "category": " ", "price": 19.9, "stock": -1, "colour": "x"});
    let answer = world.json("PUT", "/products/t1", &bad).await;
    assert_eq!(answer.bad_fields(), ["productId", "name", "price", "stock", "colour"]);
    answer.expect(400);
    for (patch, field) in [
        (json!({}), ""),
        (json!({"price": 5}), "price"),
        (json!({"price": "-1"}), "price"),
        (json!({"price": "1.005"}), "price"),
        (json!({"price": "2.000"}), "price"),
        (json!({"price": "1,29"}), "price"),
        (json!({"price": "1."}), "price"),
        (json!({"price": ".5"}), "price"),
        (json!({"price": "+5"}), "price"),
        (json!({"price": "1e3"}), "price"),
        (json!({"price": " 5"}), "price"),
        (json!({"price": "１９"}), "price"),
        (json!({"stock": 1.5}), "stock"),
        (json!({"stock": 4_000_000_000_u64}), "stock"),
        (json!({"name": "x"}), "name"),
    ] {
        let answer = world.json("PATCH", "/products/tent-1", &patch).await;
        assert_eq!((answer.status.as_u16(), answer.bad_fields()), (400, vec![field]), "{patch}");
    }
    assert!(told(&world).is_empty());
}

#[tokio::test]
async fn prices_have_the_digits_of_their_currency() {
    let world = World::new();
    let priced = |price: &str, currency: &str| {
        let mut product = tent();
        product["productId"] = json!("t1");
        (product["price"], product["currency"]) = (json!(price), json!(currency));
        product
    };
    for (price, currency, bad) in [
        ("1.290", "EUR", "price"),
        ("129.000", "KRW", "price"),
        ("129000.00", "KRW", "price"),
        ("35.000", "PYG", "price"),
        ("1.2905", "IQD", "price"),
        ("19.90", "ABC", "currency"),
        ("19.90", "XAU", "currency"),
        ("19.90", "CLF", "currency"),
        ("19.90", "eur", "currency"),
    ] {
        let answer = world.json("PUT", "/products/t1", &priced(price, currency)).await;
        assert_eq!((answer.status.as_u16(), answer.bad_fields()), (400, vec![bad]), "{price} {currency}");
        let body = world.post("/products", &json!([priced(price, currency)])).await.expect(200);
        assert_eq!(body["results"][0]["errors"][0]["field"], bad, "{price} {currency}");
    }
    assert!(told(&world).is_empty());
    for (price, currency, shown) in [
        ("35000", "PYG", "35000"),
        ("1.290", "IQD", "1.290"),
        ("129000", "KRW", "129000"),
        ("1290", "EUR", "1290.00"),
    ] {
        world.json("PUT", "/products/t1", &priced(price, currency)).await;
        let product = world.get("/products/t1").await.expect(200);
        assert_eq!((&product["price"], &product["currency"]), (&json!(shown), &json!(currency)));
    }
}

#[tokio::test]
async fn a_product_in_a_currency_of_before_can_be_kept_and_moved_but_not_priced() {
    let world = World::stocked().await;
    let old = Money::from_minor(1990, Currency::recorded("ABC").unwrap()).unwrap();
    let mut product = (*world.catalog.get(&[id("tent-1")]).await.unwrap().remove(0).unwrap()).clone();
    product.price = old;
    world.add(product).await;
    assert_eq!(world.get("/products/tent-1").await.expect(200)["currency"], "ABC");
    let answer = world.json("PATCH", "/products/tent-1", &json!({"price": "5.00"})).await;
    assert_eq!(answer.bad_fields(), ["price"]);
    answer.expect(400);
    let kept = world.json("PATCH", "/products/tent-1", &json!({"stock": 2})).await.expect(200);
    assert_eq!(
        (&kept["price"], &kept["currency"], &kept["stock"]),
        (&json!("19.90"), &json!("ABC"), &json!(2))
    );
    assert_eq!(told(&world)[0].currency, old.currency());
    world.json("PUT", "/products/tent-1", &tent()).await.expect(200);
    assert_eq!(world.get("/products/tent-1").await.expect(200)["currency"], "EUR");
}

#[tokio::test]
async fn an_import_answers_for_each_product() {
    let world = World::stocked().await;
    let with_id = |id: &str| {
        let mut product = tent();
        product["productId"] = json!(id);
        product
    };
    let array = json!([with_id("n1"), {"productId": "n2"}, with_id("tent-1"), with_id("n1")]);
    let body = world.post("/products", &array).await.expect(200);
    let statuses: Vec<_> = body["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(statuses, ["created", "rejected", "replaced", "replaced"]);
    assert_eq!((&body["created"], &body["replaced"], &body["rejected"]), (&json!(1), &json!(2), &json!(1)));
    let lines = format!("{}\n\nnonsense\n{}\n", with_id("n3"), with_id("n4"));
    let answer = world.send("POST", "/products", &[("content-type", "application/x-ndjson")], lines).await;
    let body = answer.expect(200);
    assert_eq!((&body["created"], &body["rejected"]), (&json!(2), &json!(1)));
    world.post("/products", &json!([])).await.expect(400);
    world.post("/products", &json!({"productId": "x"})).await.expect(400);
    let many: Vec<Value> = (0..1001).map(|_| json!({})).collect();
    world.post("/products", &json!(many)).await.expect(413);
}

#[tokio::test]
async fn pages_follow_each_other_and_categories_count() {
    let world = World::stocked().await;
    let mut seen = Vec::new();
    let mut path = "/products?limit=10".to_owned();
    loop {
        let answer = world.get(&path).await;
        assert_eq!(answer.body["total"], 24);
        seen.extend(answer.ids().iter().map(ToString::to_string));
        let Some(cursor) = answer.body["nextCursor"].as_str() else { break };
        path = format!("/products?limit=10&cursor={cursor}");
    }
    assert_eq!(seen.len(), 24);
    assert!(seen.is_sorted());
    let lamps = world.get("/products?category=lamps&limit=3").await;
    assert_eq!((lamps.ids().len(), &lamps.body["total"]), (3, &json!(8)));
    assert_eq!(world.get("/products?cursor=zz").await.bad_fields(), ["cursor"]);
    let categories = world.get("/categories").await.expect(200);
    assert_eq!(
        categories,
        json!({"items": [
            {"category": "lamps", "count": 8}, {"category": "stoves", "count": 8}, {"category": "tents", "count": 8},
        ]})
    );
}

#[tokio::test]
async fn a_repeat_with_the_same_key_has_the_first_answer_and_no_effect() {
    let world = World::stocked().await;
    let patch = |key: &'static str, body: Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let world = &world;
        async move { world.send("PATCH", "/products/tent-1", &headers, body.to_string()).await }
    };
    let first = patch("k1", json!({"stock": 5})).await.expect(200);
    world.json("PATCH", "/products/tent-1", &json!({"stock": 9})).await.expect(200);
    let again = patch("k1", json!({"stock": 5})).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(200), first);
    assert_eq!(world.get("/products/tent-1").await.expect(200)["stock"], 9);
    assert_eq!(
        patch("k1", json!({"stock": 6})).await.expect(422)["type"],
        "urn:rep:problem:idempotency-key-reused"
    );
    let refused = patch("k2", json!({"stock": -1})).await.expect(400);
    let again = patch("k2", json!({"stock": -1})).await.expect(400);
    assert_eq!(refused["errors"], again["errors"]);
    world.log.is_away.store(true, Ordering::SeqCst);
    patch("k3", json!({"stock": 1})).await.expect(503);
    world.log.is_away.store(false, Ordering::SeqCst);
    patch("k3", json!({"stock": 1})).await.expect(200);
    patch("", json!({"stock": 1})).await.expect(400);
}

#[tokio::test]
async fn a_change_tried_again_while_the_catalogue_takes_no_writes_is_told_once() {
    let world = World::stocked().await;
    let set = async |price: &str, status: u16| {
        world.json("PATCH", "/products/tent-1", &json!({ "price": price })).await.expect(status);
    };
    world.catalog.is_read_only.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        set("1.00", 503).await;
    }
    world.catalog.is_read_only.store(false, Ordering::SeqCst);
    set("1.00", 200).await;
    set("2.00", 200).await;
    set("1.00", 200).await;
    let prices: Vec<i64> = told(&world).iter().map(|change| change.price_after).collect();
    assert_eq!(prices, [100, 200, 100], "once each time it is made");
}

#[tokio::test]
async fn what_one_process_told_and_did_not_make_another_tells_as_the_same_change() {
    let world = World::stocked().await;
    let tent = id("tent-1");
    let shop =
        || Shop::new(world.log.clone(), world.catalog.clone(), world.codec.clone(), world.clock.clone());
    let (first, second) = (shop(), shop());
    let euros = |minor| Some(Money::from_minor(minor, Currency::EUR).unwrap());
    world.catalog.is_read_only.store(true, Ordering::SeqCst);
    first.change_price_or_stock(&tent, euros(100), None).await.unwrap_err();
    world.catalog.is_read_only.store(false, Ordering::SeqCst);
    for (shop, minor) in [(&second, 100), (&first, 200), (&second, 100)] {
        shop.change_price_or_stock(&tent, euros(minor), None).await.unwrap();
    }
    let told = told(&world);
    let prices: Vec<i64> = told.iter().map(|change| change.price_after).collect();
    assert_eq!(prices, [100, 100, 200, 100]);
    assert_eq!(told[0].trace_id, told[1].trace_id, "another attempt");
    let changes: std::collections::BTreeSet<_> = told.iter().map(|change| &change.trace_id).collect();
    assert_eq!(changes.len(), 3, "down, up, and down again");
}
