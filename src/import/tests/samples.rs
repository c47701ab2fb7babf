//! The samples of the documentation.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::double::Double;
use super::{args, done, dry, file, import};
use crate::import::args::{Format, ImportArgs, Kind};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/samples").join(name)
}

#[test]
fn products_are_the_same_in_every_format() {
    let contents: Vec<_> = ["products.csv", "products.jsonl", "products.parquet"]
        .into_iter()
        .map(|name| {
            let double = Double::start([]);
            let outcome = done(&args(&sample(name), &double.url));
            assert_eq!(
                (outcome.kind, outcome.accepted, outcome.refused),
                (Some(Kind::Products), 30, 0),
                "{name}"
            );
            let seen = double.seen();
            seen.effects.clone()
        })
        .collect();
    assert_eq!(contents[0], contents[1]);
    assert_eq!(contents[0], contents[2]);
    let shoe = &contents[0]["SHO-1001"].0;
    assert_eq!((&shoe["price"], &shoe["stock"]), (&"119.00".into(), &42.into()));
    assert_eq!(shoe["nameKo"], "한라산 트레일 러닝화");
}

#[test]
fn events_are_the_same_in_every_format() {
    let contents: Vec<_> = ["events.csv", "events.jsonl"]
        .into_iter()
        .map(|name| {
            let double = Double::start([]);
            let outcome = done(&args(&sample(name), &double.url));
            assert_eq!(
                (outcome.kind, outcome.accepted, outcome.refused),
                (Some(Kind::Events), 200, 0),
                "{name}"
            );
            let mut contents: Vec<_> = double.seen().effects.values().map(|(item, _)| item.clone()).collect();
            for item in &mut contents {
                item.as_object_mut().unwrap().remove("traceId");
            }
            contents.sort_by_key(ToString::to_string);
            contents
        })
        .collect();
    assert_eq!(contents[0], contents[1]);
}

/// The API dates events without a time back from the present, so a batch waits until its own do not reach into the
/// one before.
#[test]
fn batches_of_events_without_a_time_do_not_overlap() {
    let event = r#"{"userId": "u", "actionType": "CLICK", "productId": "p"}"#;
    let (_folder, path) = file("events.jsonl", format!("{event}\n").repeat(1_600).as_bytes());
    let double = Double::start([]);
    let outcome = done(&ImportArgs { batch: 400, ..args(&path, &double.url) });
    assert_eq!((outcome.accepted, double.seen().requests.len()), (1_600, 4));
    assert!(outcome.took >= Duration::from_millis(3 * 400), "{:?}", outcome.took);
}

#[test]
fn a_dry_run_sends_nothing() {
    let outcome = done(&dry(&sample("events.csv")));
    assert_eq!((outcome.accepted, outcome.dry_run), (200, true));
}

#[test]
fn files_that_cannot_be_right_are_refused_as_a_whole() {
    for (name, content, part) in [
        ("a.csv", "productId,name,category,prise,currency,stock\n", "did you mean `price`?"),
        ("a.csv", "productId,name,category,currency,stock\n", "need the columns `price`"),
        ("a.csv", "a,b\n1,2\n", "give `--kind`"),
        ("a.csv", "", "column names"),
        ("a.jsonl", "{\"a\":1}\n", "give `--kind`"),
        ("a.parquet", "PAR1", "no readable Parquet file"),
        ("a.txt", "[{}]", "jq"),
    ] {
        let (_folder, path) = file(name, content.as_bytes());
        let message = format!("{:#}", import(&dry(&path)).1.unwrap_err());
        assert!(message.contains(part) && message.contains(name), "{message}");
    }
    let missing = format!("{:#}", import(&dry(Path::new("/nowhere/x.csv"))).1.unwrap_err());
    assert!(missing.contains("cannot open /nowhere/x.csv"), "{missing}");
}

#[test]
fn kind_and_format_can_be_said() {
    let (_folder, path) =
        file("data", b"{\"userId\":\"u\",\"actionType\":\"SEARCH\",\"searchQuery\":\"\xec\xb0\xa8\"}\n");
    let said = ImportArgs { kind: Some(Kind::Events), format: Some(Format::Jsonl), ..dry(&path) };
    assert_eq!(done(&said).accepted, 1);
    assert_eq!(done(&ImportArgs { kind: Some(Kind::Products), ..said }).refused, 1);
    let (_folder, empty) = file("empty.jsonl", b"\n\n");
    assert_eq!(done(&dry(&empty)).read, 0);
}
