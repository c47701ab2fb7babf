//! Parquet's types, and files that break off.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
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

/// One product whose price in `currency` is 1.29 by the column's type.
fn product_with(price: &str, currency: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = file("products.parquet", b"");
    let (physical, logical) = price.split_once(' ').unwrap_or((price, ""));
    let schema = format!(
        "message products {{
            required binary productId (UTF8); required binary name (UTF8); required binary category (UTF8);
            required {physical} price {logical}; required binary currency (UTF8); required int32 stock;
        }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for column in 0.. {
        let Some(mut next) = group.next_column().unwrap() else { break };
        let text = |text: &str| [ByteArray::from(text.as_bytes().to_vec())];
        match column {
            0..=2 => next.typed::<ByteArrayType>().write_batch(&text("p"), None, None),
            3 if price.starts_with("double") => next.typed::<DoubleType>().write_batch(&[1.29], None, None),
            3 if price.starts_with("float") => next.typed::<FloatType>().write_batch(&[1.29], None, None),
            3 if price.ends_with("(18,3))") => next.typed::<Int64Type>().write_batch(&[1290], None, None),
            3 => next.typed::<Int64Type>().write_batch(&[129], None, None),
            4 => next.typed::<ByteArrayType>().write_batch(&text(currency), None, None),
            _ => next.typed::<Int32Type>().write_batch(&[1], None, None),
        }
        .unwrap();
        next.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    (folder, path)
}

#[test]
fn a_price_is_a_decimal_of_the_digits_of_its_currency() {
    for (price, currency, accepted) in [
        ("int64 (DECIMAL(18,2))", "EUR", 1),
        ("int64 (DECIMAL(18,3))", "KWD", 1),
        ("int64 (DECIMAL(18,3))", "EUR", 0),
        ("int64 (DECIMAL(18,2))", "KRW", 0),
        ("int64", "EUR", 0),
        ("double", "EUR", 0),
        ("float", "EUR", 0),
    ] {
        let (_folder, path) = product_with(price, currency);
        let outcome = done(&dry(&path));
        assert_eq!((outcome.accepted, outcome.refused), (accepted, 1 - accepted), "{price} {currency}");
    }
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
