//! The reference library reads what we write, and we read what it writes.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use rep_core::avro::{Codec, Event, HEADER_BYTES, versions};
use rep_core::{ActionType, InterestReason, NotificationKind, Topic, UserAction};

use crate::events::*;

/// The newest schema of a topic, and the id that [`Codec::with_sequential_ids`] gives it.
fn newest(topic: Topic) -> (u32, Schema) {
    let (id, version) = (1..).zip(versions()).filter(|(_, v)| v.topic == topic).last().unwrap();
    (id, Schema::parse_str(version.text).unwrap())
}

fn read_by_reference<E: Event>(event: &E) -> Vec<(String, Value)> {
    let (id, schema) = newest(E::TOPIC);
    let bytes = Codec::with_sequential_ids().encode(event).unwrap();
    assert_eq!(bytes[..HEADER_BYTES], [&[0], &id.to_be_bytes()[..]].concat());
    let mut body = &bytes[HEADER_BYTES..];
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    let Value::Record(fields) = reader.read_value(&mut body).unwrap() else { panic!("not a record") };
    assert!(body.is_empty(), "{} bytes are left", body.len());
    fields
}

fn write_by_reference(topic: Topic, fields: Vec<(String, Value)>) -> Vec<u8> {
    let (id, schema) = newest(topic);
    let mut bytes = [&[0], &id.to_be_bytes()[..]].concat();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    bytes.extend(writer.write_value_to_vec(Value::Record(fields)).unwrap());
    bytes
}

fn both_ways<E: Event + PartialEq + std::fmt::Debug>(event: &E) -> Vec<(String, Value)> {
    let fields = read_by_reference(event);
    let bytes = write_by_reference(E::TOPIC, fields.clone());
    assert_eq!(Codec::with_sequential_ids().decode::<E>(&bytes).unwrap(), *event);
    fields
}

fn field<'a>(fields: &'a [(String, Value)], name: &str) -> &'a Value {
    &fields.iter().find(|(field, _)| field == name).unwrap().1
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn some(value: Value) -> Value {
    Value::Union(1, Box::new(value))
}

fn none() -> Value {
    Value::Union(0, Box::new(Value::Null))
}

#[test]
fn actions_go_both_ways() {
    let fields = both_ways(&full_action());
    assert_eq!(*field(&fields, "userId"), string("사용자-1"));
    assert_eq!(*field(&fields, "actionType"), Value::Enum(3, "SEARCH".to_owned()));
    assert_eq!(*field(&fields, "searchQuery"), some(string("red shoes")));
    assert_eq!(*field(&fields, "timestamp"), Value::TimestampMillis(1_767_225_600_007));
    let Value::Map(metadata) = field(&fields, "metadata") else { panic!("not a map") };
    assert_eq!((metadata.len(), &metadata["a"], &metadata["b"]), (2, &string("1"), &string("")));

    let fields = both_ways(&bare_action());
    assert_eq!((field(&fields, "searchQuery"), field(&fields, "sessionId")), (&none(), &none()));
    for kind in ActionType::KNOWN {
        let fields = both_ways(&UserAction { action_type: kind, ..full_action() });
        assert!(matches!(field(&fields, "actionType"), Value::Enum(_, name) if name == kind.as_str()));
    }
}

#[test]
fn inventory_changes_go_both_ways() {
    let fields = both_ways(&full_change());
    assert_eq!(*field(&fields, "priceBefore"), some(Value::Long(1990)));
    assert_eq!(*field(&fields, "currency"), string("EUR"));
    assert_eq!(*field(&both_ways(&bare_change()), "stockBefore"), none());
}

#[test]
fn notifications_go_both_ways() {
    let fields = both_ways(&full_notification());
    assert_eq!(*field(&fields, "kind"), Value::Enum(1, "PRICE_DROP".to_owned()));
    assert_eq!(*field(&fields, "reason"), Value::Enum(4, "SIMILAR".to_owned()));
    both_ways(&bare_notification());
    use NotificationKind::{BackInStock, LowStock, PriceDrop, Unknown};
    for kind in [BackInStock, LowStock, PriceDrop, Unknown] {
        both_ways(&rep_core::Notification { kind, ..full_notification() });
    }
    use InterestReason::{Carted, Similar, Viewed, Wishlisted};
    for reason in [Carted, Wishlisted, Viewed, Similar, InterestReason::Unknown] {
        both_ways(&rep_core::Notification { reason, ..full_notification() });
    }
}

#[test]
fn dead_letters_go_both_ways() {
    let fields = both_ways(&full_letter());
    assert_eq!(*field(&fields, "payload"), Value::Bytes(vec![0xff, 0x00, 0x80]));
    assert_eq!(*field(&fields, "key"), some(Value::Bytes(b"u-1".to_vec())));
    assert_eq!(*field(&fields, "offset"), Value::Long(123_456_789_012));
    assert_eq!(*field(&both_ways(&bare_letter()), "key"), none());
}

/// A number as Avro writes it: zigzag, seven bits a byte.
pub(crate) fn varint(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push((rest as u8 & 0x7f) | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn entry(key: &str, value: &str) -> Vec<u8> {
    let part = |text: &str| [varint(text.len() as i64), text.as_bytes().to_vec()].concat();
    [part(key), part(value)].concat()
}

/// An encoded action up to where its map begins.
pub(crate) fn action_before_its_map() -> Vec<u8> {
    let mut bytes = Codec::with_sequential_ids().encode(&bare_action()).unwrap();
    assert_eq!(bytes.pop(), Some(0), "an empty map is one zero");
    bytes
}

#[test]
fn maps_may_come_in_several_blocks_and_with_their_sizes() {
    let (one, two) = (entry("a", "1"), [entry("b", ""), entry("키", "값")].concat());
    let several = [varint(1), one.clone(), varint(2), two.clone(), varint(0)].concat();
    let sized = [
        varint(-1),
        varint(one.len() as i64),
        one.clone(),
        varint(-2),
        varint(two.len() as i64),
        two,
        varint(0),
    ]
    .concat();
    let (_, schema) = newest(Topic::UserAction);
    for map in [several, sized] {
        let bytes = [action_before_its_map(), map].concat();
        let action = Codec::with_sequential_ids().decode::<UserAction>(&bytes).unwrap();
        let found: Vec<(&str, &str)> =
            action.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, [("a", "1"), ("b", ""), ("키", "값")]);
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let reference = reader.read_value(&mut &bytes[HEADER_BYTES..]).unwrap();
        assert_eq!(reference, Value::Record(read_by_reference(&action)));
    }
}
