//! Every version of a schema can be read by every later one (BACKWARD_TRANSITIVE).

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use apache_avro::types::Value;
use rep_core::avro::{Codec, HEADER_BYTES, SchemaVersion, versions};
use rep_core::{ActionType, Topic, UserAction};

use crate::events::bare_action;

fn readable(writer: &Schema, reader: &Schema) -> bool {
    SchemaCompatibility::can_read(writer, reader) == Ok(Compatibility::Full)
}

#[test]
fn later_versions_read_all_earlier_ones() {
    for topic in Topic::ALL {
        let of_topic: Vec<_> = versions().iter().filter(|version| version.topic == topic).collect();
        assert!(of_topic.iter().map(|v| v.version).eq(1..=of_topic.len() as u32), "{topic}");
        let schemas: Vec<Schema> = of_topic.iter().map(|v| Schema::parse_str(v.text).unwrap()).collect();
        for (i, reader) in schemas.iter().enumerate() {
            for (j, writer) in schemas[..=i].iter().enumerate() {
                assert!(readable(writer, reader), "{topic}: version {} does not read {}", i + 1, j + 1);
            }
        }
    }
}

#[test]
fn schemas_of_a_topic_keep_their_name() {
    for version in versions() {
        let schema = Schema::parse_str(version.text).unwrap();
        let name = schema.name().unwrap().fullname(None);
        assert!(name.starts_with("rep.events.v1."), "{name}");
    }
}

/// A consumer that has the first schema only reads what it does not know as `UNKNOWN`, and all else as it is.
#[test]
fn a_consumer_of_version_1_reads_a_newer_action_as_unknown() {
    let text = |number: u32| {
        let of_actions = |v: &&SchemaVersion| v.topic == Topic::UserAction && v.version == number;
        Schema::parse_str(versions().iter().find(of_actions).unwrap().text).unwrap()
    };
    let (old, new) = (text(1), text(2));
    for (kind, read_as) in [(ActionType::RemoveFromWishlist, "UNKNOWN"), (ActionType::Dislike, "DISLIKE")] {
        let bytes = Codec::with_sequential_ids().encode(&UserAction { action_type: kind, ..bare_action() });
        let bytes = bytes.unwrap();
        let reader = GenericDatumReader::builder(&new).reader_schema(&old).build().unwrap();
        let Value::Record(fields) = reader.read_value(&mut &bytes[HEADER_BYTES..]).unwrap() else {
            panic!("not a record")
        };
        let read = fields.iter().find(|(name, _)| name == "actionType").unwrap();
        assert!(matches!(&read.1, Value::Enum(_, name) if name == read_as), "{read:?}");
    }
}

/// The check above is worth something: it refuses what would break readers.
#[test]
fn incompatible_changes_are_found() {
    let text = versions().iter().find(|v| v.topic == Topic::UserAction).unwrap().text;
    let old = Schema::parse_str(text).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Schema::parse_str(&text.replacen(from, to, 1)).unwrap()
    };
    let first = r#"{"name": "traceId", "type": "string""#;
    let without_default = edit(first, &format!(r#"{{"name": "added", "type": "string"}}, {first}"#));
    let with_default =
        edit(first, &format!(r#"{{"name": "added", "type": "string", "default": ""}}, {first}"#));
    assert!(!readable(&old, &without_default), "a new field needs a default");
    assert!(readable(&old, &with_default));
    assert!(!readable(&old, &edit(first, r#"{"name": "traceId", "type": "long""#)), "a type was changed");
    assert!(!readable(&old, &edit(r#""name": "userId""#, r#""name": "customerId""#)), "a field was renamed");
}
