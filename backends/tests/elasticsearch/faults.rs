//! A server that is killed or held up, and comes back.

use std::sync::Arc;
use std::time::Duration;

use rep_backends::SystemClock;
use rep_backends::elasticsearch::{
    Client, ElasticsearchBehaviour, ElasticsearchConfig, IndexKind, Namespace,
};
use rep_core::ActionType;
use rep_core::contract::support::{action, at, eventually, new_product, new_user, position};
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome};
use rep_core::ports::{StoreError, StoreErrorKind};

use crate::server::Space;
use crate::servers::Servers;

fn documents(offsets: std::ops::Range<u64>) -> Vec<BehaviourDocument> {
    let (user, product) = (new_user(), new_product());
    let act = || action(&user, ActionType::View, &product, at(0));
    offsets
        .map(|offset| BehaviourDocument { action: act(), position: position(0, offset), appended_at: at(0) })
        .collect()
}

/// What was answered is there after kill -9; what was not is sent again and taken once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlives_the_server() {
    let servers = Servers::start(&["elasticsearch"]);
    let url = servers.address("REP_TEST_ELASTICSEARCH");
    let space = Space::at(url.clone());
    space.apply(IndexKind::Behaviour).await;
    let store = Arc::new(ElasticsearchBehaviour::new(space.client.clone(), Arc::new(SystemClock)));
    let kept = documents(0..200);
    assert_eq!(store.index(kept.clone()).await.unwrap(), vec![IndexOutcome::Created; 200]);

    servers.signal("elasticsearch", "KILL");
    let more = documents(200..300);
    let error = store.index(more.clone()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    tokio::task::block_in_place(|| servers.restart("elasticsearch"));
    let outcomes =
        eventually("it takes documents again", async || store.index(kept.clone()).await.ok()).await;
    assert_eq!(outcomes, vec![IndexOutcome::Redelivered; 200]);
    assert_eq!(store.index(more.clone()).await.unwrap(), vec![IndexOutcome::Created; 100]);

    // Held up for longer than a call waits: whether it was done is open, so it is done again, and counts once.
    let timeout = Duration::from_millis(500);
    let namespace = Namespace::new(&space.namespace).unwrap();
    let config = ElasticsearchConfig { timeout, namespace, ..ElasticsearchConfig::new(url) };
    let hasty = ElasticsearchBehaviour::new(Client::new(&config).unwrap(), Arc::new(SystemClock));
    servers.signal("elasticsearch", "STOP");
    let last = documents(300..400);
    let late: StoreError = hasty.index(last.clone()).await.unwrap_err();
    servers.signal("elasticsearch", "CONT");
    assert_eq!(late.kind(), StoreErrorKind::Unavailable);
    let outcomes = eventually("it answers again", async || store.index(last.clone()).await.ok()).await;
    assert!(
        outcomes.iter().all(|o| matches!(o, IndexOutcome::Created | IndexOutcome::Redelivered)),
        "{outcomes:?}"
    );
    eventually("all are there, once", async || (store.count().await.ok()? == 400).then_some(())).await;
}
