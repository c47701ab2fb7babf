//! The embedder under concurrent callers: order, coalescing, priority, bounds, shutdown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rep_core::ports::embedder::{EmbedError, Embedder, TextKind};
use rep_embedder::{EmbedderOptions, LoadError, OnnxEmbedder};

fn embedder(options: EmbedderOptions) -> Arc<OnnxEmbedder> {
    let options = EmbedderOptions { runtime: Some(support::runtime()), ..options };
    Arc::new(OnnxEmbedder::load(&support::english_model(), options).unwrap())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("product {number} {}", "soft cotton shirt ".repeat(number % 7))).collect()
}

#[tokio::test]
async fn keeps_the_order_of_many_texts_of_mixed_length() {
    let embedder = embedder(EmbedderOptions::default());
    assert_eq!((embedder.model().as_str(), embedder.dimensions()), ("all-MiniLM-L6-v2", 384));
    let all = many(100);
    let vectors = embedder.embed(&all, TextKind::Passage).await.unwrap();
    assert_eq!(vectors.dim(), (100, 384));
    for row in [0, 31, 32, 63, 64, 99] {
        let alone = embedder.embed(&all[row..=row], TextKind::Passage).await.unwrap();
        assert!(alone.row(0).dot(&vectors.row(row)) > 0.999_999, "row {row}");
    }
    assert_eq!(embedder.embed(&[], TextKind::Query).await.unwrap().dim(), (0, 384));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_each_get_their_own() {
    let embedder = embedder(EmbedderOptions::default());
    let calls = (0..40).map(|number| {
        let embedder = embedder.clone();
        tokio::spawn(async move {
            let text = texts(&[&format!("query number {number}")]);
            (text.clone(), embedder.embed(&text, TextKind::Query).await.unwrap())
        })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        let (text, vector) = call.await.unwrap();
        let again = embedder.embed(&text, TextKind::Query).await.unwrap();
        assert!(again.row(0).dot(&vector.row(0)) > 0.999_999);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_search_overtakes_a_bulk_load() {
    let embedder = embedder(EmbedderOptions::default());
    let bulk = tokio::spawn({
        let embedder = embedder.clone();
        async move {
            embedder.embed(&many(300), TextKind::Passage).await.unwrap();
            Instant::now()
        }
    });
    // On one thread this lets the bulk run up to its first wait, with two chunks queued.
    tokio::task::yield_now().await;
    embedder.embed(&texts(&["boots"]), TextKind::Query).await.unwrap();
    let searched = Instant::now();
    assert!(bulk.await.unwrap() > searched, "the search waited for the whole bulk");
}

#[tokio::test]
async fn waiting_is_bounded_and_says_so() {
    let options = EmbedderOptions { query_wait_max: Duration::from_nanos(1), ..EmbedderOptions::default() };
    let embedder = embedder(options);
    let error = embedder.embed(&many(64), TextKind::Query).await.unwrap_err();
    assert!(matches!(error, EmbedError::Overloaded(_)) && error.is_retryable(), "{error}");
    // What the caller gave up on is dropped; the lane is free again.
    embedder.embed(&many(2), TextKind::Passage).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let options = EmbedderOptions { queue_texts_max: 64, ..EmbedderOptions::default() };
    let embedder = embedder(options);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let embedder = embedder.clone();
            tokio::spawn(async move { embedder.embed(&many(64), TextKind::Passage).await })
        })
        .collect();
    let mut refused = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(vectors) => assert_eq!(vectors.nrows(), 64),
            Err(EmbedError::Overloaded(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1..8).contains(&refused), "{refused} of 8 were refused");
}

#[tokio::test]
async fn after_shut_down_callers_are_told() {
    let embedder = embedder(EmbedderOptions::default());
    embedder.shut_down();
    embedder.shut_down();
    let error = embedder.embed(&texts(&["a"]), TextKind::Query).await.unwrap_err();
    assert!(matches!(error, EmbedError::Unavailable(_)), "{error}");
}

#[test]
fn options_are_checked() {
    let options = EmbedderOptions { workers: 0, ..EmbedderOptions::default() };
    let error = OnnxEmbedder::load(&support::english_model(), options).err().unwrap();
    assert!(matches!(error, LoadError::BadOption { option: "workers", .. }), "{error}");
}
