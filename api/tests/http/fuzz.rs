//! Whatever is sent, the edge answers, and never with a failure of its own.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Answer, World};

/// One world for all cases: what a case leaves behind is one more thing that the next must stand.
static WORLD: LazyLock<World> = LazyLock::new(World::new);

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn sound(answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(answer.status.as_u16() < 500, "{}: {}", answer.status, answer.text);
    Ok(())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Nearly an event: right names, and values that may be anything.
fn near_event() -> impl Strategy<Value = Value> {
    let value = || prop_oneof![any_json(), "[a-z]{1,5}".prop_map(Value::from)];
    let action = prop_oneof![Just(json!("CLICK")), Just(json!("SEARCH")), Just(json!("VIEW")), any_json()];
    let time = prop_oneof![Just(json!("2026-09-21T14:13:20Z")), ".{0,30}".prop_map(Value::from), any_json()];
    (value(), action, value(), value(), time, value()).prop_map(
        |(user, action, product, query, time, more)| {
            json!({
                "userId": user, "actionType": action, "productId": product, "searchQuery": query,
                "timestamp": time, "metadata": more,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_as_events(bytes in prop::collection::vec(any::<u8>(), 0..300), lines in any::<bool>()) {
        let kind = if lines { "application/x-ndjson" } else { "application/json" };
        let answer = run(WORLD.send("POST", "/events", &[("content-type", kind)], bytes));
        sound(&answer)?;
    }

    #[test]
    fn any_json_as_events_and_products(value in any_json()) {
        sound(&run(WORLD.post("/events", &value)))?;
        sound(&run(WORLD.post("/products", &value)))?;
        sound(&run(WORLD.json("PUT", "/products/p", &value)))?;
        sound(&run(WORLD.json("PATCH", "/products/p", &value)))?;
        sound(&run(WORLD.json("PUT", "/users/u/notification-settings", &value)))?;
        sound(&run(WORLD.post("/dead-letters/0-0/replay", &value)))?;
        sound(&run(WORLD.post("/recommendations?userId=u", &value)))?;
    }

    #[test]
    fn nearly_events(events in prop::collection::vec(near_event(), 1..4)) {
        let answer = run(WORLD.post("/events", &json!(events)));
        sound(&answer)?;
        if answer.status == 202 {
            prop_assert_eq!(answer.body["results"].as_array().unwrap().len(), events.len());
        }
    }

    #[test]
    fn any_query(route in 0_usize..9, bytes in prop::collection::vec(any::<u8>(), 0..40), name in 0_usize..11) {
        let routes = [
            "/recommendations", "/search", "/products", "/users", "/users/u/history", "/notifications",
            "/products/p/similar", "/events/recent", "/dead-letters",
        ];
        let names = [
            "userId", "limit", "q", "cursor", "minPrice", "maxPrice", "inStock", "category", "excludeProductIds",
            "placement", "reason",
        ];
        let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("{}?userId=u&q=tent&{}={encoded}", routes[route], names[name]);
        sound(&run(WORLD.get(&path)))?;
    }
}
