//! Variants of one product share a `groupId`, and take one place.

use rep_core::ports::catalog::Catalog as _;
use rep_core::{ActionType, GroupId, Product};
use serde_json::json;

use crate::support::{Answer, World, product};

/// The stocked world, and sixteen hoodies of one group beside five of none.
async fn world() -> World {
    let world = World::stocked().await;
    for number in 0..16 {
        let group_id = GroupId::new("hoodie").ok();
        let id = format!("hoodie-{number:02}");
        world.add(Product { group_id, ..product(&id, "tent hoodie arctic", "tops") }).await;
    }
    for number in 0..5 {
        world.add(product(&format!("shirt-{number}"), &format!("tent shirt sol{number}"), "tops")).await;
    }
    world
}

fn hoodies(answer: &Answer) -> usize {
    answer.ids().iter().filter(|id| id.starts_with("hoodie-")).count()
}

#[tokio::test]
async fn one_of_a_group_is_shown_and_the_list_is_as_long_as_asked() {
    let world = world().await;
    world.act("ann", ActionType::Click, "hoodie-00").await;
    for (path, count) in [
        ("/recommendations?userId=ann&limit=6&category=tops", 6),
        ("/recommendations?userId=ann&limit=10", 10),
        ("/recommendations?userId=ann&limit=100", 24 + 5 + 1),
        ("/recommendations?userId=stranger&limit=100", 24 + 5 + 1),
        ("/search?q=hoodie%20arctic&limit=10", 10),
        ("/search?q=hoodie%20arctic&limit=6&category=tops", 6),
        ("/search?q=hoodie%20arctic&limit=6&category=tops&userId=ann", 6),
        ("/products/shirt-0/similar?limit=10", 10),
        ("/products/shirt-0/similar?limit=100&category=tops", 4 + 1),
    ] {
        let answer = world.get(path).await;
        assert_eq!((answer.ids().len(), hoodies(&answer)), (count, 1), "{path}: {:?}", answer.ids());
    }
    let found = world.get("/search?q=hoodie%20arctic&limit=3").await;
    assert_eq!((&found.body["items"][0]["groupId"], found.ids()[0]), (&json!("hoodie"), "hoodie-00"));
    let own = world.get("/products/hoodie-03/similar?limit=100&category=tops").await;
    assert_eq!((own.ids().len(), hoodies(&own)), (5, 0), "its variants are not like it, they are it");
    // The catalogue itself lists all.
    assert_eq!(hoodies(&world.get("/products?category=tops&limit=100").await), 16);
}

#[tokio::test]
async fn without_groups_a_name_comes_again_only_behind_all_others() {
    let world = World::new();
    for number in 0..12 {
        world.add(product(&format!("hoodie-{number:02}"), "tent hoodie arctic", "tops")).await;
    }
    for number in 0..8 {
        world.add(product(&format!("shirt-{number}"), &format!("stove shirt {number}"), "tops")).await;
    }
    world.act("ann", ActionType::Click, "hoodie-00").await;
    let answer = world.get("/recommendations?userId=ann&limit=10").await;
    assert_eq!((answer.ids().len(), hoodies(&answer)), (10, 2), "{:?}", answer.ids());
    let all = world.get("/recommendations?userId=ann&limit=100").await;
    assert_eq!(all.ids().len(), 19, "none is hidden");
}

#[tokio::test]
async fn what_is_popular_is_not_all_of_one_group() {
    let world = world().await;
    for number in 0..16 {
        for _ in 0..3 {
            world.act("someone", ActionType::Purchase, &format!("hoodie-{number:02}")).await;
        }
    }
    world.act("someone", ActionType::Click, "lamp-7").await;
    let answer = world.get("/recommendations?userId=stranger&limit=1").await;
    assert_eq!(hoodies(&answer), 1);
    let answer = world.get("/recommendations?userId=stranger&limit=2").await;
    assert_eq!((hoodies(&answer), answer.ids()[1]), (1, "lamp-7"));
}

#[tokio::test]
async fn of_a_group_that_was_bought_nothing_is_recommended() {
    let world = world().await;
    world.act("ann", ActionType::Purchase, "hoodie-05").await;
    world.act("ann", ActionType::Purchase, "shirt-0").await;
    for limit in [5, 100] {
        let answer = world.get(&format!("/recommendations?userId=ann&limit={limit}")).await;
        assert_eq!(hoodies(&answer), 0, "{:?}", answer.ids());
        assert!(!answer.ids().contains(&"shirt-0"));
        assert_eq!(answer.ids().len(), limit.min(24 + 4));
    }
    let searched = world.get("/search?q=hoodie&limit=3&userId=ann").await;
    assert_eq!(hoodies(&searched), 1, "who searches finds it again");
    let ben = world.get("/recommendations?userId=ben&limit=100").await;
    assert_eq!(hoodies(&ben), 1);
    // Disliked or seen is a variant alone.
    world.act("ben", ActionType::Dislike, "hoodie-00").await;
    let ben = world.get("/recommendations?userId=ben&limit=100").await;
    assert!(hoodies(&ben) == 1 && !ben.ids().contains(&"hoodie-00"));
}

#[tokio::test]
async fn a_group_is_put_read_changed_and_refused() {
    let world = World::new();
    let put = async |body: serde_json::Value| world.json("PUT", "/products/p", &body).await;
    let plain = json!({"name": "p", "category": "c", "price": "1.00", "stock": 1});
    let grouped = |group: serde_json::Value| {
        let mut body = plain.clone();
        body["groupId"] = group;
        body
    };
    assert_eq!(put(grouped(json!("g"))).await.expect(201)["groupId"], "g");
    world.json("PATCH", "/products/p", &json!({"stock": 5})).await.expect(200);
    assert_eq!(world.get("/products/p").await.expect(200)["groupId"], "g");
    assert_eq!(put(plain.clone()).await.expect(200).get("groupId"), None);
    assert_eq!(put(grouped(json!(null))).await.expect(200).get("groupId"), None);
    for wrong in [json!(""), json!("a b"), json!(7), json!("x".repeat(129))] {
        let refused = put(grouped(wrong.clone())).await;
        assert_eq!((refused.status.as_u16(), refused.bad_fields()), (400, vec!["groupId"]), "{wrong}");
    }
    assert_eq!(world.catalog.summary().await.unwrap().total, 1);
}
