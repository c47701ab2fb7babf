//! Keeps `docs/openapi.json` what the routes say: the dashboard's client is generated from it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

/// Rewrite the file with `UPDATE_OPENAPI=1 cargo test -p rep-api --test openapi`.
#[test]
fn the_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let current = rep_api::openapi_json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, current).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == current, "docs/openapi.json is stale: run with UPDATE_OPENAPI=1 and commit it");
}

#[test]
fn every_reference_and_operation_is_sound() {
    let document: Value = serde_json::from_str(rep_api::openapi_json()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = HashSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} names two operations");
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
            assert!(operation["x-rep-callers"].is_string(), "{method} {path} does not say who may call");
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
