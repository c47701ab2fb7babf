//! Inbox and settings.

use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn an_inbox_is_read_page_by_page() {
    let world = World::new();
    for number in 1..=3 {
        world.notifications.tell("ann", number).await;
    }
    let page = world.get("/notifications?userId=ann&limit=2").await.expect(200);
    assert_eq!(page["unread"], 3);
    assert_eq!(
        page["items"][0],
        json!({
            "notificationId": "ann-n3", "sequence": 3, "userId": "ann", "productId": "p3",
            "productName": "Product 3", "kind": "PRICE_DROP", "reason": "CARTED",
            "title": "Price drop: Product 3",
            "body": "Now 15.00 EUR instead of 20.00 EUR (−25 %). It is in your cart.",
            "priceBefore": "20.00", "priceAfter": "15.00", "currency": "EUR", "stockAfter": 4,
            "channels": ["in-app"],
            "createdAt": "2026-09-21T14:13:20.000Z", "deliveredAt": "2026-09-21T14:13:20.005Z",
        })
    );
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = world.get(&format!("/notifications?userId=ann&limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(rest["items"][0]["sequence"], 1);
    assert!(rest.get("nextCursor").is_none());
}

#[tokio::test]
async fn reading_is_for_the_owner_and_the_first_time_stands() {
    let world = World::new();
    world.notifications.tell("ann", 1).await;
    let path = "/notifications/ann-n1/read?userId=ann";
    let read = world.post(path, &json!({})).await.expect(200);
    world.clock.advance(60_000);
    assert_eq!(world.post(path, &json!({})).await.expect(200)["readAt"], read["readAt"]);
    assert_eq!(world.get("/notifications?userId=ann").await.expect(200)["unread"], 0);
    world.post("/notifications/ann-n1/read?userId=ben", &json!({})).await.expect(404);
    assert_eq!(world.post("/notifications/ann-n1/read", &json!({})).await.bad_fields(), ["userId"]);
}

#[tokio::test]
async fn settings_are_kept_whole() {
    let world = World::new();
    let path = "/users/ann/notification-settings";
    let default = world.get(path).await.expect(200);
    assert_eq!(default["inApp"], true);
    let wanted = json!({
        "inApp": true, "push": false, "sms": false,
        "kinds": {"priceDrop": true, "backInStock": false, "lowStock": false},
    });
    world.json("PUT", path, &wanted).await.expect(200);
    assert_eq!(world.get(path).await.expect(200), wanted);
    let bad = world.json("PUT", path, &json!({"inApp": true})).await;
    assert_eq!(bad.bad_fields(), ["push"]);
    world.json("PUT", path, &json!([1])).await.expect(400);
}
