//! The embedder under concurrent callers: order, coalescing, priority, bounds, shutdown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rep_core::ports::embedder::{EmbedError, Embedder, TextKind, Urgency};
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
    let vectors = embedder.embed(&all, TextKind::Passage, Urgency::Backlog).await.unwrap();
    assert_eq!(vectors.dim(), (100, 384));
    for row in [0, 31, 32, 63, 64, 99] {
        let alone = embedder.embed(&all[row..=row], TextKind::Passage, Urgency::Backlog).await.unwrap();
        assert!(alone.row(0).dot(&vectors.row(row)) > 0.999_999, "row {row}");
    }
    assert_eq!(embedder.embed(&[], TextKind::Query, Urgency::Urgent).await.unwrap().dim(), (0, 384));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_each_get_their_own() {
    let embedder = embedder(EmbedderOptions::default());
    let calls = (0..40).map(|number| {
        let embedder = embedder.clone();
        tokio::spawn(async move {
            let text = texts(&[&format!("query number {number}")]);
            (text.clone(), embedder.embed(&text, TextKind::Query, Urgency::Urgent).await.unwrap())
        })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        let (text, vector) = call.await.unwrap();
        let again = embedder.embed(&text, TextKind::Query, Urgency::Urgent).await.unwrap();
        assert!(again.row(0).dot(&vector.row(0)) > 0.999_999);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_search_overtakes_a_bulk_load() {
    let embedder = embedder(EmbedderOptions::default());
    let bulk = tokio::spawn({
        let embedder = embedder.clone();
        async move {
            embedder.embed(&many(300), TextKind::Passage, Urgency::Backlog).await.unwrap();
            Instant::now()
        }
    });
    // On one thread this lets the bulk run up to its first wait, with two chunks queued.
    tokio::task::yield_now().await;
    embedder.embed(&texts(&["boots"]), TextKind::Query, Urgency::Urgent).await.unwrap();
    let searched = Instant::now();
    assert!(bulk.await.unwrap() > searched, "the search waited for the whole bulk");
}

/// Texts of the backlog that are answered one by one, and how many of them were when `urgent` was.
async fn done_before(embedder: &Arc<OnnxEmbedder>, urgent: &str, kind: TextKind) -> (usize, usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let backlog: Vec<_> = many(200)
        .into_iter()
        .map(|text| {
            let (embedder, done) = (embedder.clone(), done.clone());
            tokio::spawn(async move {
                embedder.embed(&[text], TextKind::Passage, Urgency::Backlog).await.unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    // On one thread this lets each run up to its wait: all are queued.
    tokio::task::yield_now().await;
    embedder.embed(&texts(&[urgent]), kind, Urgency::Urgent).await.unwrap();
    let before = done.load(Ordering::SeqCst);
    for text in backlog {
        text.await.unwrap();
    }
    (before, done.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "current_thread")]
async fn urgent_texts_overtake_the_backlog_also_where_one_thread_does_both() {
    for backlog_workers in [0, 1] {
        let options = EmbedderOptions { backlog_workers, ..EmbedderOptions::default() };
        let embedder = embedder(options);
        for kind in [TextKind::Passage, TextKind::Query] {
            let (before, all) = done_before(&embedder, &format!("boots {kind:?}"), kind).await;
            assert!(before < all && all == 200, "{before} of {all} went before, {backlog_workers} workers");
        }
    }
}

#[tokio::test]
async fn the_backlog_has_a_model_of_its_own_while_it_lasts() {
    let options = EmbedderOptions { backlog_kept: Duration::from_millis(50), ..EmbedderOptions::default() };
    let embedder = embedder(options);
    assert_eq!(embedder.models_in_memory(), 1, "nothing was in the backlog yet");
    let urgent = embedder.embed(&many(3), TextKind::Passage, Urgency::Urgent).await.unwrap();
    assert_eq!(embedder.models_in_memory(), 1);
    for _ in 0..2 {
        let vectors = embedder.embed(&many(3), TextKind::Passage, Urgency::Backlog).await.unwrap();
        for (a, b) in urgent.outer_iter().zip(vectors.outer_iter()) {
            assert!(a.dot(&b) > 0.999_999, "urgency does not change a vector");
        }
        while embedder.models_in_memory() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Nice values of this process's threads of that name.
#[cfg(target_os = "linux")]
fn nice_of(name: &str) -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let named = stats.filter(|stat| stat.contains(&format!("({name})")));
    // Field 19, counted behind the name's closing bracket.
    named.map(|stat| stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse().unwrap()).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_backlog_gives_way_to_whoever_else_wants_the_machine() {
    let options = EmbedderOptions { backlog_intra_threads: 3, ..EmbedderOptions::default() };
    let embedder = embedder(options);
    embedder.embed(&many(40), TextKind::Passage, Urgency::Backlog).await.unwrap();
    let (urgent, backlog) = (nice_of("embed-0"), nice_of("backlog-0"));
    // Other tests of this program may have threads of the same names.
    assert!(urgent.iter().all(|nice| *nice < 10) && !urgent.is_empty(), "{urgent:?}");
    assert!(backlog.iter().all(|nice| *nice >= 10) && backlog.len() >= 3, "{backlog:?}");
}

#[tokio::test]
async fn waiting_is_bounded_and_says_so() {
    let options = EmbedderOptions { query_wait_max: Duration::from_nanos(1), ..EmbedderOptions::default() };
    let embedder = embedder(options);
    let error = embedder.embed(&many(64), TextKind::Query, Urgency::Urgent).await.unwrap_err();
    assert!(matches!(error, EmbedError::Overloaded(_)) && error.is_retryable(), "{error}");
    // What the caller gave up on is dropped; the lane is free again.
    embedder.embed(&many(2), TextKind::Passage, Urgency::Backlog).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let options = EmbedderOptions { queue_texts_max: 64, ..EmbedderOptions::default() };
    let embedder = embedder(options);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let embedder = embedder.clone();
            tokio::spawn(async move { embedder.embed(&many(64), TextKind::Passage, Urgency::Backlog).await })
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
    let error = embedder.embed(&texts(&["a"]), TextKind::Query, Urgency::Urgent).await.unwrap_err();
    assert!(matches!(error, EmbedError::Unavailable(_)), "{error}");
}

#[test]
fn options_are_checked() {
    let options = EmbedderOptions { workers: 0, ..EmbedderOptions::default() };
    let error = OnnxEmbedder::load(&support::english_model(), options).err().unwrap();
    assert!(matches!(error, LoadError::BadOption { option: "workers", .. }), "{error}");
    let options = EmbedderOptions { backlog_kept: Duration::ZERO, ..EmbedderOptions::default() };
    let error = OnnxEmbedder::load(&support::model(), options).err().unwrap();
    assert!(error.to_string().contains("backlog_kept"), "{error}");
}
