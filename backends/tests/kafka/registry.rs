//! Schemas in a real registry, and a registry that is away.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rep_backends::registry::{
    COMPATIBILITY, Compatibility, Outcome, Registry, RegistryConfig, RegistryError,
};
use rep_core::avro::{Codec, versions};
use rep_core::contract::support::{WAIT_MAX, action, at, new_product, new_user, unique};
use rep_core::ports::{StoreError, StoreErrorKind};
use rep_core::{ActionType, UserAction};
use tempfile::TempDir;

async fn config() -> RegistryConfig {
    let url = crate::subject::registry().await;
    RegistryConfig { prefix: format!("{}.", unique("test")), ..RegistryConfig::new(url) }
}

/// A field of another type, and a new one without a default.
const INCOMPATIBLE: &str = r#"{"type": "record", "name": "DeadLetter", "namespace": "rep.events.v1",
    "fields": [{"name": "topic", "type": "int"}, {"name": "colour", "type": "string"}]}"#;

#[tokio::test]
async fn every_schema_is_registered_once_and_its_events_come_back() {
    let registry = Registry::new(config().await).unwrap();
    let error = registry.ids().await.unwrap_err();
    assert!(
        matches!(error, RegistryError::Missing { .. }) && error.to_string().contains("rep schemas apply")
    );
    let planned = registry.plan().await.unwrap();
    assert_eq!((planned.compatibility.len(), planned.schemas.len()), (4, versions().len()));
    assert!(planned.schemas.iter().all(|schema| schema.outcome == Outcome::Registered { id: None }));
    let applied = registry.apply().await.unwrap();
    assert!(applied.is_complete() && !applied.is_unchanged());
    assert_eq!(applied.compatibility, planned.compatibility);
    for again in [registry.apply().await.unwrap(), registry.plan().await.unwrap()] {
        assert!(again.is_unchanged(), "{again:?}");
    }
    let ids = registry.ids().await.unwrap();
    assert!(!ids.remembered);
    for (schema, version) in applied.schemas.iter().zip(versions()) {
        let Outcome::Registered { id: Some(id) } = schema.outcome else { panic!("{schema}") };
        assert_eq!(ids.ids[&(version.topic, version.version)], id);
        assert_eq!(registry.compatibility(&schema.subject).await.unwrap().as_deref(), Some(COMPATIBILITY));
        let (kept, ours): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&registry.schema(id).await.unwrap().unwrap()).unwrap(),
            serde_json::from_str(version.text).unwrap(),
        );
        assert_eq!(kept["fields"].as_array().unwrap().len(), ours["fields"].as_array().unwrap().len());
    }
    assert_eq!(registry.schema(u32::MAX >> 1).await.unwrap(), None);
    let codec = Codec::new(&ids.ids).unwrap();
    let event = action(&new_user(), ActionType::View, &new_product(), at(0));
    assert_eq!(codec.decode::<UserAction>(&codec.encode(&event).unwrap()).unwrap(), event);
}

#[tokio::test]
async fn several_operators_apply_at_once() {
    let registry = Registry::new(config().await).unwrap();
    let applied = futures::future::join_all((0..4).map(|_| registry.apply())).await;
    for applied in applied {
        assert!(applied.unwrap().is_complete());
    }
    assert!(registry.plan().await.unwrap().is_unchanged());
}

#[tokio::test]
async fn what_cannot_follow_is_refused_with_reasons_and_changes_nothing() {
    let config = config().await;
    let registry = Registry::new(config.clone()).unwrap();
    registry.apply().await.unwrap();
    let subject = format!("{}user.action.v1.dlq-value", config.prefix);
    assert!(matches!(registry.check(&subject, INCOMPATIBLE).await.unwrap(), Compatibility::Incompatible(_)));
    let Outcome::Incompatible { reasons } = registry.ensure(&subject, INCOMPATIBLE).await.unwrap() else {
        panic!("it was taken");
    };
    assert!(reasons.iter().any(|reason| reason.contains("/fields/")), "{reasons:?}");
    assert_eq!(registry.id_of(&subject, INCOMPATIBLE).await.unwrap(), None);
    let first = versions().iter().find(|version| version.subject() == "user.action.v1.dlq-value").unwrap();
    assert_eq!(registry.check(&subject, first.text).await.unwrap(), Compatibility::Compatible);
    let error = registry.register(&subject, "{no schema").await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 422, .. }), "{error}");
    assert_eq!(StoreError::from(error).kind(), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn a_start_without_the_registry_takes_the_remembered_ids_and_no_others() {
    let dir = TempDir::new().unwrap();
    let file: PathBuf = dir.path().join("state/schema-ids.json");
    let config = RegistryConfig { remembered: Some(file.clone()), ..config().await };
    let registry = Registry::new(config.clone()).unwrap();
    registry.apply().await.unwrap();
    let known = registry.ids().await.unwrap();

    // The same registry, away: a file of it, where nothing listens.
    let away = RegistryConfig { url: "http://127.0.0.1:1".into(), ..config.clone() };
    let error = Registry::new(away.clone()).unwrap().ids().await.unwrap_err();
    assert!(error.is_retryable(), "the ids of another registry are not ours: {error}");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(config.url.reveal(), away.url.reveal())).unwrap();
    let recalled = Registry::new(away.clone()).unwrap().ids().await.unwrap();
    assert!(recalled.remembered);
    assert_eq!(recalled.ids, known.ids);

    let other = RegistryConfig { prefix: "other.".to_owned(), ..away.clone() };
    assert!(Registry::new(other).unwrap().ids().await.unwrap_err().is_retryable());
    std::fs::write(&file, "{").unwrap();
    assert!(Registry::new(away).unwrap().ids().await.unwrap_err().is_retryable(), "a torn file is no file");
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_told_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in silent.incoming() {
            // Reads and never answers, until the client hangs up.
            std::thread::spawn(move || stream.unwrap().read_to_end(&mut Vec::new()));
        }
    });
    let config = RegistryConfig { answer_max: Duration::from_millis(300), ..RegistryConfig::new(url) };
    let began = Instant::now();
    let error = Registry::new(config).unwrap().ids().await.unwrap_err();
    assert_eq!(StoreError::from(error).kind(), StoreErrorKind::Unavailable);
    assert!(began.elapsed() < WAIT_MAX / 4, "{:?}", began.elapsed());
    let error = Registry::new(RegistryConfig::new("registry:8081")).map(drop).unwrap_err();
    assert!(error.to_string().contains("`url` must begin with"), "{error}");
}
