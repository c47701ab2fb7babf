//! Parquet's types, and files that break off.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::double::Double;
use super::{args, done, dry, file, import};

/// Two events with a time in nanoseconds and no zone, as data frames are written, and metadata as a map.
fn write_events(path: &Path) {
    let schema = parse_message_type(
        "message events {
            required int64 user_id; required binary action_type (UTF8); required int32 product_id;
            required int64 timestamp (TIMESTAMP(NANOS,false));
            optional group metadata (MAP) {
                repeated group key_value { required binary key (UTF8); optional binary value (UTF8); }
            }
        }",
    )
    .unwrap();
    let properties = Arc::new(WriterProperties::default());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), Arc::new(schema), properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = |words: [&str; 2]| words.map(|word| ByteArray::from(word.as_bytes().to_vec()));
    for column in 0.. {
        let Some(mut next) = group.next_column().unwrap() else { break };
        let nanos = 1_767_225_600_007_000_000;
        // The first event has one metadata entry, the second none.
        let (definition, repetition) = (Some(&[2, 1][..]), Some(&[0, 0][..]));
        match column {
            0 => next.typed::<Int64Type>().write_batch(&[11, 12], None, None),
            1 => next.typed::<ByteArrayType>().write_batch(&texts(["VIEW", "CLICK"]), None, None),
            2 => next.typed::<Int32Type>().write_batch(&[7, 8], None, None),
            3 => next.typed::<Int64Type>().write_batch(&[nanos, nanos], None, None),
            4 => next.typed::<ByteArrayType>().write_batch(&texts(["page", ""])[..1], definition, repetition),
            _ => {
                let definition = Some(&[3, 1][..]);
                next.typed::<ByteArrayType>().write_batch(&texts(["home", ""])[..1], definition, repetition)
            }
        }
        .unwrap();
        next.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn types_are_mapped_and_a_second_run_has_no_effect() {
    let (_folder, path) = file("events.parquet", b"");
    write_events(&path);
    let double = Double::start([]);
    assert_eq!(done(&args(&path, &double.url)).accepted, 2);
    assert_eq!(done(&args(&path, &double.url)).duplicates, 2);
    let seen = double.seen();
    let first = seen.effects.values().find(|(item, _)| item["userId"] == "11").unwrap();
    assert_eq!((&first.0["productId"], &first.0["metadata"]["page"]), (&"7".into(), &"home".into()));
    assert_eq!(first.0["timestamp"], "2026-01-01T00:00:00.007Z");
    let second = seen.effects.values().find(|(item, _)| item["userId"] == "12").unwrap();
    assert!(second.0.get("metadata").is_none());
}

#[test]
fn a_file_cut_short_or_flipped_is_an_error_and_no_panic() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/samples/products.parquet");
    let whole = std::fs::read(sample).unwrap();
    let mut random = super::arbitrary::Random::new(7);
    let (mut failed, cases) = (0, 200);
    for case in 0..cases {
        let mut bytes = whole.clone();
        if case % 4 == 0 {
            bytes.truncate(random.below(whole.len()));
        } else {
            for _ in 0..=case % 3 {
                let at = random.below(bytes.len());
                bytes[at] = random.byte();
            }
        }
        let (_folder, path) = file("damaged.parquet", &bytes);
        failed += usize::from(import(&dry(&path)).1.is_err());
    }
    assert!(failed > cases / 4, "{failed}");
}
