//! A broker that wants TLS and a password.

use std::time::{Duration, Instant};

use rep_backends::kafka::{KafkaConfig, KafkaLog, topics};
use rep_core::Topic;
use rep_core::contract::support::{eventually, unique};
use rep_core::ports::log::{EventLog, NewRecord, Polled};
use rep_core::ports::{StoreError, StoreErrorKind};

use crate::subject::{SERVERS, TOPICS};

async fn url() -> (String, String) {
    let url = crate::servers::shared("REP_TEST_KAFKA_SECURED", SERVERS).await;
    (url, crate::servers::shared("REP_TEST_KAFKA_CA", SERVERS).await)
}

fn config(url: &str) -> KafkaConfig {
    let config = KafkaConfig::from_url(&format!("{url}&prefix={}.", unique("test"))).unwrap();
    KafkaConfig { delivery_max: Duration::from_secs(2), answer_max: Duration::from_secs(2), ..config }
}

fn record() -> NewRecord {
    NewRecord::new("shopper", "value")
}

/// What each way into the log says, where none may succeed.
async fn refusals(config: &KafkaConfig) -> Vec<StoreError> {
    let began = Instant::now();
    let log = KafkaLog::connect(config.clone()).unwrap();
    let topic = Topic::UserAction;
    let errors = vec![
        topics::plan(config, &TOPICS).await.map(drop).unwrap_err(),
        log.append(topic, vec![record()]).await.map(drop).unwrap_err(),
        log.subscribe("group", topic).await.map(drop).unwrap_err(),
        log.offsets(topic, "group").await.map(drop).unwrap_err(),
    ];
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    for error in &errors {
        assert_eq!(
            error.kind(),
            StoreErrorKind::Unavailable,
            "somebody mends it, and no record is parked: {error}"
        );
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    errors
}

#[tokio::test]
async fn records_go_through_with_either_mechanism() {
    let (url, ca) = url().await;
    let config = config(&format!("{url}&ca={ca}"));
    topics::apply(&config, &TOPICS).await.unwrap();
    let plain = {
        let mut plain = config.clone();
        plain.settings.0.insert("sasl.mechanism".to_owned(), "PLAIN".to_owned());
        KafkaLog::connect(plain).unwrap()
    };
    let log = KafkaLog::connect(config).unwrap();
    let mut reader = log.subscribe("group", Topic::UserAction).await.unwrap();
    let written = plain.append(Topic::UserAction, vec![record()]).await.unwrap();
    let read = loop {
        match reader.poll(10, Duration::from_millis(100)).await.unwrap() {
            Polled::Records(records) if !records.is_empty() => break records,
            Polled::Records(_) => {}
            Polled::Revoking(partitions) => reader.release(&partitions).await.unwrap(),
        }
    };
    assert_eq!((read[0].position, &read[0].value[..]), (written[0], &b"value"[..]));
    reader.commit(&[(written[0].partition, written[0].offset + 1)]).await.unwrap();
    let standing = eventually("the commit shows", async || {
        let offsets = log.offsets(Topic::UserAction, "group").await.unwrap();
        offsets.into_iter().find(|found| found.committed.is_some())
    });
    assert_eq!(standing.await.lag(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_said_to_be_one() {
    let (url, ca) = url().await;
    let wrong = url.replacen("hush", "hush-hush", 1);
    assert_ne!(wrong, url);
    for error in refusals(&config(&format!("{wrong}&ca={ca}"))).await {
        let text = error.to_string();
        assert!(text.contains("Authentication failed") && text.contains("check user, password"), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_said_to_be_one() {
    let (url, ca) = url().await;
    // Signed by another authority, and by none that the system knows.
    for trusted in [format!("&ca={}", ca.replace("ca.pem", "other-ca.pem")), String::new()] {
        for error in refusals(&config(&format!("{url}{trusted}"))).await {
            let text = error.to_string();
            assert!(text.contains("certificate") && text.contains("`ca` names who signed it"), "{text}");
        }
    }
    let missing = config(&format!("{url}&ca=/nowhere/ca.pem"));
    let error = KafkaLog::connect(missing).map(drop).unwrap_err().to_string();
    assert!(error.contains("ssl.ca.location"), "{error}");
}
