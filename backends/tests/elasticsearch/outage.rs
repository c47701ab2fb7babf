//! A server that is away, deaf or late: an error that passes, in bounded time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rep_backends::SystemClock;
use rep_backends::elasticsearch::{
    Client, ElasticsearchBehaviour, ElasticsearchCatalog, ElasticsearchConfig, Indices,
};
use rep_core::contract::support::{WAIT_MAX, at, new_product, new_user};
use rep_core::ports::StoreErrorKind;
use rep_core::ports::behaviour::BehaviourStore;
use rep_core::ports::catalog::Catalog;
use rep_core::{ModelId, ProductFilter, UnitVector};
use tokio::net::TcpListener;

async fn every_call_fails_within(url: &str, bound: Duration) {
    let timeout = Duration::from_millis(400);
    let client = Client::new(&ElasticsearchConfig { timeout, ..ElasticsearchConfig::new(url) }).unwrap();
    let model = ModelId::new("m").unwrap();
    let catalog = ElasticsearchCatalog::new(client.clone(), &model, 2);
    let behaviour = ElasticsearchBehaviour::new(client.clone(), Arc::new(SystemClock));
    let vector = UnitVector::normalised(vec![1.0, 0.0]).unwrap();
    let filter = ProductFilter::default();
    let begin = Instant::now();
    let errors = [
        catalog.get(&[new_product()]).await.err(),
        catalog.nearest(&vector, 1, &filter).await.err(),
        catalog.search_text("word", 1, &filter).await.err(),
        catalog.summary().await.err(),
        behaviour.history(&new_user(), None, 1).await.err(),
        behaviour.interested(&new_product(), at(0), 1).await.err(),
        behaviour.erase(&new_user()).await.err(),
        behaviour.count().await.err(),
        Indices::new(client, model, 2).plan().await.err(),
    ];
    let took = begin.elapsed();
    for (call, error) in errors.into_iter().enumerate() {
        assert_eq!(error.map(|error| error.kind()), Some(StoreErrorKind::Unavailable), "call {call}");
    }
    assert!(took < bound, "{took:?}");
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    every_call_fails_within(&url, WAIT_MAX / 4).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_an_error_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    every_call_fails_within(&url, WAIT_MAX / 4).await;
}

#[tokio::test]
async fn requests_at_once_are_bounded_and_waiting_is_part_of_the_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_secs(3);
    let config = ElasticsearchConfig { timeout, requests_max: 2, ..ElasticsearchConfig::new(url) };
    let behaviour =
        Arc::new(ElasticsearchBehaviour::new(Client::new(&config).unwrap(), Arc::new(SystemClock)));
    let begin = Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let behaviour = Arc::clone(&behaviour);
            tokio::spawn(async move { behaviour.count().await })
        })
        .collect();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(tokio::time::timeout(WAIT_MAX, listener.accept()).await.unwrap().unwrap().0);
    }
    // While these two are held nobody else gets through; those who wait give up when they do.
    let third = tokio::time::timeout_at((begin + timeout / 2).into(), listener.accept()).await;
    assert!(third.is_err(), "a third request was let through");
    for call in calls {
        assert!(call.await.unwrap().unwrap_err().is_retryable());
    }
    assert!(begin.elapsed() < WAIT_MAX / 4);
}
