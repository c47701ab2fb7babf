//! Events that other programs write by schemas of their own, written here by the reference library.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use async_trait::async_trait;
use rep_core::avro::{Codec, DecodeError, SCHEMA_BYTES_MAX, versions};
use rep_core::ports::schemas::{Schemas, WriterSchema};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{ActionType, InventoryChange, Topic, UserAction};
use serde_json::{Value as Json, json};

use crate::events::*;

const TOPIC: Topic = Topic::UserAction;

/// A registry that counts its questions, and is away where it holds nothing.
struct Holds {
    topic: Topic,
    schemas: Vec<(u32, String)>,
    asked: AtomicUsize,
}

#[async_trait]
impl Schemas for Holds {
    async fn of(&self, topic: Topic) -> Result<Vec<WriterSchema>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.schemas.is_empty() {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "away"));
        }
        let of_topic = self.schemas.iter().filter(|_| topic == self.topic);
        Ok(of_topic.map(|(id, text)| WriterSchema { id: *id, text: text.as_str().into() }).collect())
    }
}

fn codec(schemas: &[(u32, &str)]) -> (Codec, Arc<Holds>) {
    let schemas = schemas.iter().map(|(id, text)| (*id, (*text).to_owned())).collect();
    let holds = Arc::new(Holds { topic: TOPIC, schemas, asked: AtomicUsize::new(0) });
    (Codec::with_sequential_ids().learning_from(holds.clone()), holds)
}

/// The schema of actions after an edit of its fields.
fn edited(edit: impl FnOnce(&mut Vec<Json>)) -> String {
    let ours = versions().iter().rfind(|version| version.topic == TOPIC).unwrap();
    let mut schema: Json = serde_json::from_str(ours.text).unwrap();
    edit(schema["fields"].as_array_mut().unwrap());
    schema.to_string()
}

fn field<'a>(fields: &'a mut [Json], name: &str) -> &'a mut Json {
    fields.iter_mut().find(|field| field["name"] == name).unwrap()
}

fn value_of(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::String(text) => Value::String(text),
        Json::Number(number) if number.is_i64() => Value::Long(number.as_i64().unwrap()),
        Json::Number(number) => Value::Double(number.as_f64().unwrap()),
        Json::Array(items) => Value::Array(items.into_iter().map(value_of).collect()),
        Json::Object(entries) => {
            Value::Map(entries.into_iter().map(|(name, value)| (name, value_of(value))).collect())
        }
        Json::Bool(value) => Value::Boolean(value),
    }
}

/// A record by `schema`, its fields as JSON.
fn written(id: u32, schema: &str, fields: Json) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    let value = value_of(fields).resolve(&schema).unwrap();
    let mut bytes = [&[0], &id.to_be_bytes()[..]].concat();
    bytes.extend(GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap());
    bytes
}

fn json_of(action: &UserAction) -> Json {
    json!({
        "traceId": action.trace_id.as_str(), "userId": action.user_id.as_str(),
        "actionType": action.action_type.as_str(),
        "productId": action.product_id.as_ref().map(|id| id.as_str()),
        "searchQuery": action.search_query, "sessionId": action.session_id.as_ref().map(|id| id.as_str()),
        "timestamp": action.timestamp.as_ms(), "metadata": action.metadata,
    })
}

fn with(action: &UserAction, extra: Json) -> Json {
    let mut fields = json_of(action);
    fields.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    fields
}

async fn read(schema: &str, fields: Json) -> Result<UserAction, DecodeError> {
    let (codec, _) = codec(&[(77, schema)]);
    let bytes = written(77, schema, fields);
    assert!(matches!(codec.decode::<UserAction>(&bytes), Err(DecodeError::UnknownSchema(77))));
    codec.learn(TOPIC, [&bytes[..]].into_iter()).await.unwrap();
    codec.decode(&bytes)
}

#[tokio::test]
async fn what_a_compatible_writer_adds_is_passed_over() {
    let campaign = json!({"name": "campaign", "default": null, "type": ["null", {
        "type": "record", "name": "Campaign", "fields": [
            {"name": "id", "type": "string"}, {"name": "weights", "type": {"type": "array", "items": "double"}},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
            {"name": "key", "type": {"type": "fixed", "name": "Key", "size": 4}}]}]});
    // In the middle: what comes after it must be found all the same.
    let schema = edited(|fields| fields.insert(2, campaign));
    for action in [full_action(), bare_action()] {
        let given = json!({"campaign": {"id": "봄", "weights": [0.5, 1.5], "kind": "B", "key": "1234"}});
        assert_eq!(read(&schema, with(&action, given)).await.unwrap(), action);
        assert_eq!(read(&schema, with(&action, json!({"campaign": null}))).await.unwrap(), action);
    }
}

/// Only REP's own version 1 is of release 0.1, which counted some currencies in other units.
#[tokio::test]
async fn prices_of_another_writer_are_in_the_digits_of_today() {
    let topic = Topic::ProductInventory;
    let first = versions().iter().find(|version| version.topic == topic).unwrap();
    let schemas = vec![(77, first.text.to_owned())];
    let holds = Holds { topic, schemas, asked: AtomicUsize::new(0) };
    let codec = Codec::with_sequential_ids().learning_from(Arc::new(holds));
    let change = json!({
        "traceId": "t", "productId": "p", "currency": "PYG", "priceBefore": 40_000, "priceAfter": 35_000,
        "stockBefore": null, "stockAfter": 1, "timestamp": 1,
    });
    let bytes = written(77, first.text, change);
    codec.learn(topic, [&bytes[..]].into_iter()).await.unwrap();
    let read: InventoryChange = codec.decode(&bytes).unwrap();
    assert_eq!((read.price_before, read.price_after), (Some(40_000), 35_000));
}

#[tokio::test]
async fn order_unions_and_widths_may_be_others() {
    let turned = edited(|fields| {
        fields.reverse();
        field(fields, "searchQuery")["type"] = json!(["string", "null"]);
        field(fields, "searchQuery").as_object_mut().unwrap().remove("default");
        field(fields, "productId")["type"] = json!("string");
        field(fields, "productId").as_object_mut().unwrap().remove("default");
    });
    for action in [full_action(), bare_action()] {
        assert_eq!(read(&turned, json_of(&action)).await.unwrap(), action);
    }
    let narrow = edited(|fields| field(fields, "timestamp")["type"] = json!("int"));
    let action = UserAction { timestamp: rep_core::Timestamp::from_ms(1_000), ..full_action() };
    assert_eq!(read(&narrow, json_of(&action)).await.unwrap(), action);
}

#[tokio::test]
async fn what_a_writer_leaves_out_takes_our_default_or_is_malformed() {
    let without = |name: &'static str| edited(|fields| fields.retain(|field| field["name"] != name));
    let bare = bare_action();
    for name in ["searchQuery", "sessionId", "metadata"] {
        assert_eq!(read(&without(name), json_of(&bare)).await.unwrap(), bare, "{name}");
    }
    let error = read(&without("userId"), json_of(&bare)).await.unwrap_err();
    assert!(error.reason() == "MALFORMED" && error.to_string().contains("userId"), "{error}");
    let text = edited(|fields| field(fields, "timestamp")["type"] = json!("string"));
    let error = read(&text, with(&bare, json!({"timestamp": "noon"}))).await.unwrap_err();
    assert_eq!(error.reason(), "MALFORMED");
}

#[tokio::test]
async fn a_symbol_of_a_newer_writer_is_unknown() {
    let schema = edited(|fields| {
        let symbols = field(fields, "actionType")["type"]["symbols"].as_array_mut().unwrap();
        symbols.insert(0, json!("RATE"));
    });
    let read = read(&schema, with(&bare_action(), json!({"actionType": "RATE"}))).await.unwrap();
    assert_eq!(read, UserAction { action_type: ActionType::Unknown, ..bare_action() });
}

#[tokio::test]
async fn one_question_is_asked_where_an_id_is_unknown_and_none_elsewhere() {
    let schema = edited(|_| {});
    let huge = " ".repeat(SCHEMA_BYTES_MAX + 1);
    let (codec, holds) = codec(&[(77, &schema), (78, r#"{"type": "protobuf?"}"#), (79, &huge)]);
    let asked = || holds.asked.load(Ordering::SeqCst);
    let record = |id: u32| [&[0], &id.to_be_bytes()[..], b"body"].concat();
    let ours = codec.encode(&full_action()).unwrap();
    let learn = async |values: &[&[u8]]| codec.learn(TOPIC, values.iter().copied()).await.unwrap();
    // Neither ours, nor what has no id.
    learn(&[&ours, b"", b"\0abc", br#"{"userId": "me"}"#]).await;
    assert_eq!(asked(), 0);
    let many: Vec<Vec<u8>> = (70..90).map(record).collect();
    learn(&many.iter().map(Vec::as_slice).collect::<Vec<_>>()).await;
    assert_eq!(asked(), 1);
    learn(&[&record(77), &record(78), &record(79)]).await;
    assert_eq!(asked(), 1, "known by now, usable or not");
    for (id, says) in [(78, "does not parse"), (79, "bytes, more than")] {
        let error = codec.decode::<UserAction>(&record(id)).unwrap_err();
        assert_eq!(error.reason(), "UNKNOWN_SCHEMA");
        assert!(error.to_string().contains(says), "{error}");
    }
    // Not registered: asked for again, it may be by then.
    learn(&[&record(80)]).await;
    assert_eq!(asked(), 2);
    assert!(matches!(codec.decode::<UserAction>(&record(80)), Err(DecodeError::UnknownSchema(80))));
    // Another topic's schemas are none of this one.
    codec.learn(Topic::ProductInventory, [&record(77)[..]].into_iter()).await.unwrap();
    let error = codec.decode::<InventoryChange>(&record(77)).unwrap_err();
    assert!(matches!(error, DecodeError::UnknownSchema(77)));
}

#[tokio::test]
async fn a_registry_that_is_away_says_nothing_about_a_record() {
    let (codec, _) = codec(&[]);
    let unknown = [0, 0, 0, 0, 77, 1];
    assert!(codec.learn(TOPIC, [&unknown[..]].into_iter()).await.unwrap_err().is_retryable());
    let alone = Codec::with_sequential_ids();
    alone.learn(TOPIC, [&unknown[..]].into_iter()).await.unwrap();
}
