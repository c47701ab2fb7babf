//! `/recommendations` and `/products/{id}/similar`.

use std::sync::atomic::Ordering;

use rep_core::ports::catalog::Catalog;
use rep_core::{ActionType, Money};
use serde_json::json;

use crate::support::{World, product};

#[tokio::test]
async fn an_unknown_shopper_gets_what_is_popular_and_as_many_as_asked() {
    let world = World::stocked().await;
    for _ in 0..3 {
        world.act("someone", ActionType::Purchase, "lamp-5").await;
    }
    let answer = world.get("/recommendations?userId=stranger&limit=7").await;
    assert_eq!(answer.body["strategy"], "popular");
    let ids = answer.ids();
    assert_eq!((ids[0], ids.len()), ("lamp-5", 7));
    assert_eq!(answer.body["items"][0]["reasons"], json!([{"kind": "POPULAR", "text": "Popular now"}]));
    assert_eq!(answer.body["items"][1]["reasons"][0]["kind"], "CATALOGUE");
    assert!(answer.body.get("preference").is_none());
    assert_eq!(answer.body["generatedAt"], "2026-09-21T14:13:20.000Z");
    assert_eq!(answer.body["traceId"].as_str().unwrap(), answer.headers["x-trace-id"].to_str().unwrap());
}

#[tokio::test]
async fn an_action_changes_what_is_recommended_and_says_why() {
    let world = World::stocked().await;
    world.act("ann", ActionType::Click, "tent-1").await;
    let answer = world.get("/recommendations?userId=ann&limit=5&explain=true&placement=home").await;
    assert_eq!(answer.body["strategy"], "personalized");
    assert_eq!(answer.body["preference"]["actionCount"], 1);
    assert_eq!(answer.body["placement"], "home");
    let ids = answer.ids();
    assert!(ids[0].starts_with("tent-") && !ids.contains(&"tent-1"), "{ids:?}");
    let first = &answer.body["items"][0];
    assert_eq!(
        first["reasons"][0],
        json!({
            "kind": "SIMILAR_TO_ACTION",
            "text": "Because you looked at tent model1",
            "productId": "tent-1",
            "productName": "tent model1",
            "actionType": "CLICK",
        })
    );
    assert_eq!(
        (&first["price"], &first["currency"], &first["stock"]),
        (&json!("19.90"), &json!("EUR"), &json!(12))
    );
    let part = |name: &str| first["explain"][name].as_f64().unwrap();
    let sum = part("similarity") + part("popularity") + part("matching") + part("diversity");
    assert!((sum - part("final")).abs() < 1e-4);
    assert_eq!(part("final") as f32, first["score"].as_f64().unwrap() as f32);
}

#[tokio::test]
async fn a_visit_to_a_product_without_a_vector_changes_the_list_at_once() {
    let world = World::stocked().await;
    let new = product("new", "tent model9", "tents");
    world.catalog.put(vec![new.clone()]).await.unwrap();
    world.act("ann", ActionType::Click, "new").await;
    let vectors =
        async || world.catalog.vectors(std::slice::from_ref(&new.product_id)).await.unwrap().remove(0);
    assert_eq!(vectors().await, None, "nothing has embedded it yet");
    let answer = world.get("/recommendations?userId=ann&limit=3").await;
    assert_eq!(answer.body["strategy"], "personalized");
    assert!(answer.ids()[0].starts_with("tent-"), "{:?}", answer.ids());
    assert!(vectors().await.is_some(), "and it is kept");
}

#[tokio::test]
async fn bought_disliked_and_just_seen_are_left_out() {
    let world = World::stocked().await;
    world.act("ann", ActionType::Purchase, "tent-0").await;
    world.act("ann", ActionType::Dislike, "tent-1").await;
    world.act("ann", ActionType::View, "tent-2").await;
    let answer = world.get("/recommendations?userId=ann&limit=100").await;
    let ids = answer.ids();
    assert_eq!(ids.len(), 24 - 3);
    assert!(ids.iter().all(|id| !["tent-0", "tent-1", "tent-2"].contains(id)));
    world.clock.advance(31 * 60 * 1000);
    let later = world.get("/recommendations?userId=ann&limit=100").await;
    assert!(later.ids().contains(&"tent-2"));
    assert!(!later.ids().contains(&"tent-0") && !later.ids().contains(&"tent-1"));
}

#[tokio::test]
async fn filters_hold_and_never_shorten_while_there_are_eligible_products() {
    let world = World::stocked().await;
    let mut gone = product("tent-9", "tent gone", "tents");
    gone.stock = 0;
    world.add(gone).await;
    world.act("ann", ActionType::Click, "tent-1").await;
    let ids =
        |answer: &crate::support::Answer| answer.ids().iter().map(ToString::to_string).collect::<Vec<_>>();
    let lamps = world.get("/recommendations?userId=ann&limit=8&category=lamps").await;
    assert_eq!(lamps.ids().len(), 8);
    assert!(ids(&lamps).iter().all(|id| id.starts_with("lamp-")));
    let in_stock = world.get("/recommendations?userId=ann&limit=100&inStock=true").await;
    assert!(!ids(&in_stock).contains(&"tent-9".to_owned()));
    assert_eq!(in_stock.ids().len(), 23);
    let dear = world.get("/recommendations?userId=ann&minPrice=20.00").await;
    assert!(dear.ids().is_empty());
    let some = world.get("/recommendations?userId=ann&limit=100&excludeProductIds=tent-0,%20lamp-0").await;
    assert!(!ids(&some).contains(&"tent-0".to_owned()) && !ids(&some).contains(&"lamp-0".to_owned()));
}

#[tokio::test]
async fn a_price_filter_is_of_one_currency() {
    let world = World::stocked().await;
    for (id, code, minor) in [("tent-k", "KRW", 900), ("tent-j", "JPY", 1500)] {
        let mut other = product(id, "tent elsewhere", "tents");
        other.price = Money::from_minor(minor, code.parse().unwrap()).unwrap();
        world.add(other).await;
    }
    for path in ["/recommendations?userId=u&limit=100&", "/search?q=tent&limit=100&", "/products?limit=100&"]
    {
        let found = async |filter: &str| {
            let answer = world.get(&format!("{path}category=tents&{filter}")).await;
            answer.ids().iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>()
        };
        // 900 won are fewer than 19.90 euros in minor units, and not cheap for it.
        assert_eq!(found("maxPrice=19.90").await.len(), 8, "{path}");
        assert!(found("maxPrice=10").await.is_empty(), "{path}");
        assert_eq!(found("").await.len(), 10, "{path}");
        assert_eq!(found("maxPrice=1000&currency=KRW").await, ["tent-k".to_owned()].into(), "{path}");
        assert!(found("minPrice=1000&currency=KRW").await.is_empty(), "{path}");
        assert_eq!(found("currency=JPY").await, ["tent-j".to_owned()].into(), "{path}");
        assert_eq!(found("currency=EUR").await.len(), 8, "{path}");
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let world = World::new();
    for (query, field) in [
        ("", "userId"),
        ("userId=", "userId"),
        ("userId=a%20b", "userId"),
        ("userId=u&limit=0", "limit"),
        ("userId=u&limit=101", "limit"),
        ("userId=u&limit=-1", "limit"),
        ("userId=u&limit=ten", "limit"),
        ("userId=u&inStock=perhaps", "inStock"),
        ("userId=u&minPrice=NaN", "minPrice"),
        ("userId=u&maxPrice=1e3", "maxPrice"),
        ("userId=u&minPrice=5&maxPrice=1", "minPrice"),
        ("userId=u&maxPrice=1.000", "maxPrice"),
        ("userId=u&minPrice=1,5", "minPrice"),
        ("userId=u&maxPrice=5.00&currency=KRW", "maxPrice"),
        ("userId=u&maxPrice=5&currency=ABC", "currency"),
        ("userId=u&currency=eur", "currency"),
        ("userId=u&excludeProductIds=a%00b", "excludeProductIds"),
    ] {
        let answer = world.get(&format!("/recommendations?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.bad_fields()),
            (400, vec![field]),
            "{query}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_said_so() {
    let world = World::stocked().await;
    world.preferences.is_away.store(true, Ordering::SeqCst);
    let answer = world.get("/recommendations?userId=ann").await;
    assert_eq!(answer.headers["retry-after"], "1");
    let body = answer.expect(503);
    assert_eq!(body["type"], "urn:rep:problem:unavailable");
}

#[tokio::test]
async fn what_was_just_written_is_what_is_shown() {
    let world = World::stocked().await;
    world.act("ann", ActionType::Click, "tent-1").await;
    world.json("PATCH", "/products/tent-2", &json!({"price": "5.00"})).await.expect(200);
    let answer = world.get("/recommendations?userId=ann&maxPrice=10").await;
    assert_eq!(answer.ids(), ["tent-2"]);
    world.catalog.remove(&crate::support::id("tent-2")).await.unwrap();
    assert!(world.get("/recommendations?userId=ann&maxPrice=10").await.ids().is_empty());
}

#[tokio::test]
async fn neighbours_of_a_product() {
    let world = World::stocked().await;
    let answer = world.get("/products/stove-3/similar?limit=4").await;
    assert_eq!(answer.body["strategy"], "similar");
    assert_eq!(answer.ids().len(), 4);
    assert!(answer.ids().iter().all(|id| id.starts_with("stove-") && *id != "stove-3"));
    assert_eq!(answer.body["items"][0]["reasons"][0]["text"], "Similar to stove model3");
    world.get("/products/nothing/similar").await.expect(404);
    world.catalog.put(vec![product("tent-new", "tent new", "tents")]).await.unwrap();
    let by_words = world.get("/products/tent-new/similar?limit=3").await;
    assert_eq!((by_words.body["strategy"].as_str(), by_words.ids().len()), (Some("lexical"), 3));
}

#[tokio::test]
async fn neighbours_obey_the_filters() {
    let world = World::stocked().await;
    for (id, stock, minor) in [("stove-8", 0, 1990), ("stove-9", 1, 9990)] {
        let mut other = product(id, "stove model3", "stoves");
        (other.stock, other.price) = (stock, Money::from_minor(minor, "EUR".parse().unwrap()).unwrap());
        world.add(other).await;
    }
    let found = async |filter: &str| {
        let answer = world.get(&format!("/products/stove-3/similar?limit=100&{filter}")).await;
        answer.ids().iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>()
    };
    let shown = found("").await;
    assert!(shown.len() == 24 && shown.contains("stove-9") && !shown.contains("stove-8"), "{shown:?}");
    assert_eq!(found("inStock=true").await, shown);
    assert!(found("inStock=false").await.contains("stove-8"), "unless it is asked for");
    assert!(found("category=stoves").await.iter().all(|id| id.starts_with("stove-")));
    assert_eq!(found("minPrice=50").await, ["stove-9".to_owned()].into());
    assert!(found("minPrice=50&currency=USD").await.is_empty());
    let left = found("excludeProductIds=stove-9,stove-0").await;
    assert_eq!(left.len(), 22);
    assert!(!left.contains("stove-9") && !left.contains("stove-0"));
    // By words the same: it has no vector.
    world.catalog.put(vec![product("stove-new", "stove model", "stoves")]).await.unwrap();
    let by_words = world.get("/products/stove-new/similar?limit=100").await;
    assert_eq!(by_words.body["strategy"], "lexical");
    assert!(!by_words.ids().contains(&"stove-8") && by_words.ids().contains(&"stove-9"));
    for (query, field) in
        [("minPrice=x", "minPrice"), ("inStock=perhaps", "inStock"), ("currency=eur", "currency")]
    {
        let answer = world.get(&format!("/products/stove-3/similar?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.bad_fields()), (400, vec![field]), "{query}");
    }
    world.get("/products/stove-3/similar?utm_source=mail").await.expect(200);
}

#[tokio::test]
async fn ids_in_a_body_are_excluded_whatever_they_hold_and_however_many() {
    let world = World::stocked().await;
    world.add(product("tent,red", "tent model1", "tents")).await;
    for path in [
        "/recommendations?userId=u&limit=100",
        "/search?q=tent&limit=100",
        "/products/tent-0/similar?limit=100",
    ] {
        let all = world.get(path).await;
        assert!(all.ids().contains(&"tent,red"), "{path}");
        let body = json!({ "excludeProductIds": ["tent,red", "tent-2"] });
        let fewer = world.post(&format!("{path}&excludeProductIds=tent-3"), &body).await;
        let left = fewer.ids();
        assert_eq!(left.len(), all.ids().len() - 3, "{path}");
        assert!(left.iter().all(|id| !["tent,red", "tent-2", "tent-3"].contains(id)), "{path}");
        assert!(left.contains(&"tent-4"));
        let many: Vec<String> = (0..1_000).map(|n| format!("{n:080}")).collect();
        world.post(path, &json!({ "excludeProductIds": many })).await.expect(200);
        let bad = world.post(path, &json!({ "excludeProductIds": ["a b"] })).await;
        assert_eq!(bad.bad_fields(), ["excludeProductIds"], "{path}");
        bad.expect(400);
        let unknown = world.post(path, &json!({ "productIds": [] })).await;
        assert_eq!(unknown.bad_fields(), ["productIds"], "{path}");
        world.send("POST", path, &[("content-type", "application/x-ndjson")], "{}").await.expect(415);
    }
}
