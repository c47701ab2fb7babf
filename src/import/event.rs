//! A record as an event.

use std::collections::BTreeMap;

use rep_core::{ProductId, SessionId, Timestamp, TraceId, UserAction, UserId, stable_hash128};
use serde::Serialize;
use serde_json::Value;

use super::args::Kind;
use super::batch::Outgoing;
use super::entry::{Problem, Row};
use super::fields::Fields;
use super::value;

/// An event as `POST /events` takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventItem<'a> {
    trace_id: &'a TraceId,
    user_id: &'a UserId,
    action_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<&'a ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
}

/// The JSON of the event that `row` describes, or everything that is wrong with it; `fallback_id` is its
/// trace id if it has none of its own.
pub(super) fn item(row: Row, fallback_id: &str) -> Result<Outgoing, Vec<Problem>> {
    let mut fields = Fields::sort(Kind::Events, row);
    let user_id = fields.required("userId", |value| id(value, UserId::new));
    let action_type = fields.required("actionType", value::action);
    let product_id = fields.optional("productId", |value| id(value, ProductId::new));
    let search_query = fields.optional("searchQuery", value::text);
    let session_id = fields.optional("sessionId", |value| id(value, SessionId::new));
    let timestamp = fields.optional("timestamp", value::timestamp);
    let trace_id = match fields.optional("traceId", |value| id(value, TraceId::new)) {
        Some(own) => Some(own),
        None => TraceId::new(fallback_id).map_err(|error| fields.refuse("traceId", error.to_string())).ok(),
    };
    let metadata = std::mem::take(&mut fields.entries);
    let action = (|| {
        Some(UserAction {
            trace_id: trace_id?,
            user_id: user_id?,
            action_type: action_type?,
            product_id,
            search_query,
            session_id,
            // The API sets the time of an event without one; the rules checked here do not look at it.
            timestamp: timestamp.unwrap_or_default(),
            metadata,
        })
    })();
    let action = fields.finish(action)?;
    action.validate().map_err(|error| vec![Problem::of(error.field, error.message)])?;
    let item = EventItem {
        trace_id: &action.trace_id,
        user_id: &action.user_id,
        action_type: action.action_type.as_str(),
        product_id: action.product_id.as_ref(),
        search_query: action.search_query.as_deref(),
        session_id: action.session_id.as_ref(),
        timestamp,
        metadata: &action.metadata,
    };
    let json = serde_json::to_vec(&item).map_err(|error| vec![Problem::of_record(error.to_string())])?;
    let untimed = timestamp.is_none().then(|| stable_hash128(action.user_id.as_str().as_bytes()));
    Ok(Outgoing { json, untimed })
}

fn id<T>(value: &Value, new: impl FnOnce(String) -> Result<T, rep_core::IdError>) -> Result<T, String> {
    new(value::key(value)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        let Value::Object(fields) = value else { panic!("an object") };
        fields.into_iter().collect()
    }

    #[test]
    fn an_event_is_sent_in_the_shape_of_the_api() {
        let timed = item(
            row(json!({
                "user_id": "u1", "action_type": "CLICK", "product_id": 9, "timestamp": 1_767_225_600_007_i64,
                "metadata.page": "home", "sessionId": null
            })),
            "import-1",
        )
        .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&timed.json).unwrap(),
            json!({
                "traceId": "import-1", "userId": "u1", "actionType": "CLICK", "productId": "9",
                "timestamp": "2026-01-01T00:00:00.007Z", "metadata": {"page": "home"}
            })
        );
        assert_eq!(timed.untimed, None);
        let own = item(
            row(json!({"traceId": "mine", "userId": "u", "actionType": "SEARCH", "searchQuery": "tea"})),
            "x",
        );
        let own = own.unwrap();
        assert!(String::from_utf8(own.json).unwrap().contains("\"traceId\":\"mine\""));
        assert_eq!(own.untimed, Some(stable_hash128(b"u")));
    }

    #[test]
    fn the_rules_of_the_edge_hold_here() {
        let refused = |value| item(row(value), "t").unwrap_err()[0].field.clone();
        assert_eq!(refused(json!({"userId": "u", "actionType": "CLICK"})), Some("productId".into()));
        assert_eq!(refused(json!({"userId": "u", "actionType": "SEARCH"})), Some("searchQuery".into()));
        assert_eq!(refused(json!({"actionType": "VIEW", "productId": "p"})), Some("userId".into()));
        // A wrong id of its own is refused, never replaced.
        let wrong = json!({"traceId": "a b", "userId": "u", "actionType": "VIEW", "productId": "p"});
        assert_eq!(refused(wrong), Some("traceId".into()));
    }
}
