//! A record as one line for people.

use rep_core::{ActionType, InventoryChange, Money, Notification, UserAction};
use serde_json::Value;

use crate::client::printable;

/// When, where, whose, what, and of which trace.
pub(super) fn of(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("?");
    let what = match &record["error"] {
        Value::Null => event(text("topic"), &record["event"]),
        error => format!(
            "cannot be decoded: {} {} ({} bytes)",
            error["reason"].as_str().unwrap_or("?"),
            error["message"].as_str().unwrap_or("?"),
            record["bytes"]
        ),
    };
    let place = format!("{}/{}", record["partition"], record["offset"]);
    let trace = record["traceparent"].as_str().and_then(|text| text.split('-').nth(1));
    let trace = trace.map(|id| format!(" [trace {id}]")).unwrap_or_default();
    printable(&format!("{} {place:<9} {:<14} {what}{trace}", text("appendedAt"), text("key")))
}

/// What an event says in short; as JSON where this version does not know it.
fn event(topic: &str, event: &Value) -> String {
    let said = match topic {
        "user.action.v1" => serde_json::from_value(event.clone()).ok().map(|event| action(&event)),
        "product.inventory.v1" => serde_json::from_value(event.clone()).ok().map(|event| change(&event)),
        "notification.push.v1" => {
            serde_json::from_value(event.clone()).ok().map(|event: Notification| event.title())
        }
        "user.action.v1.dlq" => dead_letter(event),
        _ => None,
    };
    said.unwrap_or_else(|| event.to_string())
}

fn action(action: &UserAction) -> String {
    let name = action.action_type.as_str();
    match (&action.product_id, &action.search_query) {
        (_, Some(query)) if action.action_type == ActionType::Search => format!("{name} \"{query}\""),
        (Some(product), _) => format!("{name} {product}"),
        _ => name.to_owned(),
    }
}

fn change(change: &InventoryChange) -> String {
    let money =
        |minor| Money::from_minor(minor, change.currency).map_or_else(|_| "?".to_owned(), |m| m.to_string());
    let price = match change.price_before {
        Some(before) if before != change.price_after => {
            format!("{} → {}", money(before), money(change.price_after))
        }
        _ => money(change.price_after),
    };
    let stock = match change.stock_before {
        Some(before) if before != change.stock_after => format!("{before} → {}", change.stock_after),
        _ => change.stock_after.to_string(),
    };
    format!("{price}, stock {stock}")
}

fn dead_letter(letter: &Value) -> Option<String> {
    let text = |name: &str| letter[name].as_str();
    let place = format!("{}/{}@{}", text("topic")?, letter["partition"], letter["offset"]);
    Some(format!("{} {} {place}: {}", text("id")?, text("reason")?, text("error")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_topic_has_its_line() {
        let record = |topic: &str, event: Value| {
            json!({"topic": topic, "partition": 3, "offset": 12, "appendedAt": "2026-01-01T00:00:00.000Z",
                   "key": "u-1", "bytes": 7, "event": event})
        };
        let at = "2026-01-01T00:00:00.000Z 3/12      u-1            ";
        let action = json!({"traceId": "t", "userId": "u-1", "actionType": "SEARCH", "searchQuery": "red\u{1b}[2J",
                            "timestamp": "2026-01-01T00:00:00.000Z", "metadata": {}});
        assert_eq!(of(&record("user.action.v1", action)), format!("{at}SEARCH \"red [2J\""));
        let change = json!({"traceId": "t", "productId": "p", "currency": "EUR", "priceBefore": 1990,
                            "priceAfter": 1490, "stockAfter": 4, "timestamp": "2026-01-01T00:00:00.000Z"});
        assert_eq!(
            of(&record("product.inventory.v1", change)),
            format!("{at}19.90 EUR → 14.90 EUR, stock 4")
        );
        assert_eq!(of(&record("new.topic.v1", json!({"a": 1}))), format!("{at}{{\"a\":1}}"));
        let mut traced = record("new.topic.v1", json!({"a": 1}));
        traced["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".into();
        let line = format!("{at}{{\"a\":1}} [trace 4bf92f3577b34da6a3ce929d0e0e4736]");
        assert_eq!(of(&traced), line);
        let mut broken = record("user.action.v1", Value::Null);
        broken["error"] = json!({"reason": "BAD_MAGIC", "message": "begins with byte 0xff"});
        assert_eq!(of(&broken), format!("{at}cannot be decoded: BAD_MAGIC begins with byte 0xff (7 bytes)"));
    }
}
