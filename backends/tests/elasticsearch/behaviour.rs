//! The behaviour store's contract, with the embedded log beside it, and what only one on Elasticsearch can be asked.

use std::sync::Arc;

use async_trait::async_trait;
use rep_backends::elasticsearch::{ElasticsearchBehaviour, IndexKind};
use rep_backends::{Backends, ConnectConfig, SystemClock, open_data_dir};
use rep_core::contract::support::{Ports, Subject, action, at, eventually, new_product, new_user, position};
use rep_core::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome};
use rep_core::{ActionType, ModelId, UserAction, UserId};
use serde_json::json;
use tempfile::TempDir;

use crate::server::{DIMENSIONS, Space};

struct Cluster {
    space: Space,
    ports: Ports,
    _dir: TempDir,
}

impl Cluster {
    async fn fresh() -> Self {
        let (space, dir) = (Space::with(IndexKind::Behaviour).await, TempDir::new().unwrap());
        let model = ModelId::new("contract").unwrap();
        let config = ConnectConfig::new(dir.path().to_owned(), model, DIMENSIONS);
        let Backends { log, preferences, popularity, notifications, tickets, .. } =
            open_data_dir(&config, Arc::new(SystemClock)).unwrap();
        let behaviour = Arc::new(store(&space));
        let ports = Ports { log, behaviour, preferences, popularity, notifications, tickets };
        Self { space, ports, _dir: dir }
    }
}

fn store(space: &Space) -> ElasticsearchBehaviour {
    ElasticsearchBehaviour::new(space.client.clone(), Arc::new(SystemClock))
}

#[async_trait]
impl Subject for Cluster {
    fn ports(&self) -> &Ports {
        &self.ports
    }

    async fn reopen(&mut self) {
        self.ports.behaviour = Arc::new(store(&self.space));
    }
}

mod contract {
    rep_core::behaviour_contract!(super::Cluster::fresh().await);
}

fn document(action: UserAction, offset: u64) -> BehaviourDocument {
    BehaviourDocument { action, position: position(0, offset), appended_at: at(0) }
}

/// Ids are data: whatever they hold, they name one document of ours and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn ids_and_texts_are_never_taken_for_queries_or_paths() {
    let space = Space::with(IndexKind::Behaviour).await;
    let store = store(&space);
    let product = new_product();
    let hostile = [
        "*",
        "_all",
        "../_cluster/settings",
        "a/b?refresh=true&routing=x#y",
        "\"}}\u{7d}{\"delete\":{\"_id\":\"x\"}}",
        "OR(userId:*)",
        "<script>",
        "%2e%2e%2f",
        "쇼핑객",
    ];
    let other = document(action(&new_user(), ActionType::View, &product, at(0)), 99);
    assert_eq!(store.index(vec![other.clone()]).await.unwrap(), [IndexOutcome::Created]);
    for (offset, text) in (0..).zip(hostile) {
        let user = UserId::new(text).unwrap();
        let mut act = action(&user, ActionType::Search, &product, at(1));
        act.trace_id = rep_core::TraceId::new(format!("{}{text}", act.trace_id)).unwrap();
        act.search_query = Some(format!("{text}\n{{\"delete\":{{\"_id\":\"x\"}}}}\n"));
        act.metadata = [(text.to_owned(), text.to_owned()), ("a.b".to_owned(), "\u{1}".to_owned())].into();
        let kept = document(act, offset);
        assert_eq!(store.index(vec![kept.clone()]).await.unwrap(), [IndexOutcome::Created], "{text}");
        assert_eq!(
            store.positions(&[kept.action.event_id()]).await.unwrap(),
            [Some(kept.position)],
            "{text}"
        );
        eventually("its history is there", async || {
            let page = store.history(&user, None, 10).await.unwrap();
            (page.items == [kept.clone()]).then_some(())
        })
        .await;
    }
    let star = UserId::new("*").unwrap();
    assert_eq!(store.erase(&star).await.unwrap(), 1);
    assert_eq!(store.count().await.unwrap(), hostile.len() as u64);
    assert_eq!(store.positions(&[other.action.event_id()]).await.unwrap(), [Some(other.position)]);
}

/// Documents of release 0.1 stand under their trace ids. They are found for their own shopper, who alone repeats them, and
/// erasing moves them under the key of their event.
#[tokio::test(flavor = "multi_thread")]
async fn documents_of_before_are_known_by_their_shoppers() {
    let space = Space::with(IndexKind::Behaviour).await;
    let (ann, ben, product) = (new_user(), new_user(), new_product());
    let of_ann = document(action(&ann, ActionType::Click, &product, at(1)), 1);
    let of_ben = UserAction {
        trace_id: of_ann.action.trace_id.clone(),
        ..action(&ben, ActionType::Purchase, &product, at(2))
    };
    let of_ben = document(of_ben, 2);
    let mut of_before = serde_json::to_value(&of_ann.action).unwrap();
    of_before["position"] = json!(of_ann.position);
    of_before["appendedAt"] = json!(of_ann.appended_at);
    of_before["taken"] = json!(1);
    let path = format!("{}user_behavior_index/_doc/{}?refresh=true", space.namespace, of_ann.action.trace_id);
    assert_eq!(space.raw("PUT", &path, Some(of_before))["result"], "created");
    let store = store(&space);
    let both = [of_ann.action.event_id(), of_ben.action.event_id()];
    assert_eq!(store.positions(&both).await.unwrap(), [Some(of_ann.position), None]);
    let outcomes = store.index(vec![of_ann.clone(), of_ben.clone()]).await.unwrap();
    assert_eq!(outcomes, [IndexOutcome::Redelivered, IndexOutcome::Created]);
    assert_eq!(store.erase(&ann).await.unwrap(), 1);
    let positions = [Some(of_ann.position), Some(of_ben.position)];
    assert_eq!(store.positions(&both).await.unwrap(), positions);
    let again = store.index(vec![of_ann, of_ben.clone()]).await.unwrap();
    assert_eq!(again, [IndexOutcome::Redelivered, IndexOutcome::Redelivered]);
    eventually("the other's history is as it was", async || {
        (store.history(&ben, None, 10).await.unwrap().items == [of_ben.clone()]).then_some(())
    })
    .await;
}

/// A document that the index cannot hold is refused alone, and for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_indexed_is_refused_alone() {
    let space = Space::with(IndexKind::Behaviour).await;
    let store = store(&space);
    let (user, product) = (new_user(), new_product());
    let good = |offset| document(action(&user, ActionType::View, &product, at(0)), offset);
    // An offset beyond what a field of numbers holds.
    let documents = vec![good(1), good(u64::MAX), good(3)];
    let outcomes = store.index(documents).await.unwrap();
    assert_eq!(outcomes[0], IndexOutcome::Created);
    assert!(
        matches!(&outcomes[1], IndexOutcome::Failed { retryable: false, reason } if reason.contains("400")),
        "{:?}",
        outcomes[1]
    );
    assert_eq!(outcomes[2], IndexOutcome::Created);
}

/// What is left of a shopper names nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_erased_document_keeps_its_key_and_position_only() {
    let space = Space::with(IndexKind::Behaviour).await;
    let store = store(&space);
    let (user, product) = (new_user(), new_product());
    let documents: Vec<_> = (0..1203)
        .map(|offset| document(action(&user, ActionType::AddToCart, &product, at(0)), offset))
        .collect();
    let first = documents[0].clone();
    store.index(documents).await.unwrap();
    assert_eq!(store.erase(&user).await.unwrap(), 1203);
    let index = format!("{}user_behavior_index", space.namespace);
    space.raw("POST", &format!("{index}/_refresh"), None);
    let left = space.raw(
        "POST",
        &format!("{index}/_search"),
        Some(json!({ "query": { "ids": { "values": [first.action.event_id().key().to_string()] } } })),
    );
    let source = &left["hits"]["hits"][0]["_source"];
    assert_eq!(*source, json!({ "position": first.position, "identity": 2 }));
    assert_eq!(store.count().await.unwrap(), 0);
}

/// A full disk holds everything up and loses nothing: each document is to be sent again, and taken once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn at_flood_stage_documents_are_to_be_sent_again() {
    let space = Space::with(IndexKind::Behaviour).await;
    let store = store(&space);
    let (user, product) = (new_user(), new_product());
    let documents: Vec<_> =
        (0..3).map(|offset| document(action(&user, ActionType::View, &product, at(0)), offset)).collect();
    let settings = format!("{}user_behavior_index-v1/_settings", space.namespace);
    let block = |on: Option<bool>| json!({ "index.blocks.read_only_allow_delete": on });
    space.raw("PUT", &settings, Some(block(Some(true))));
    for outcome in store.index(documents.clone()).await.unwrap() {
        assert!(
            matches!(&outcome, IndexOutcome::Failed { retryable: true, reason } if reason.contains("block")),
            "{outcome:?}"
        );
    }
    space.raw("PUT", &settings, Some(block(None)));
    assert_eq!(store.index(documents).await.unwrap(), vec![IndexOutcome::Created; 3]);
}

/// An index that is not there is an error that passes, and never made by writing.
#[tokio::test(flavor = "multi_thread")]
async fn writing_never_makes_an_index() {
    let space = Space::empty().await;
    let store = store(&space);
    let outcomes =
        store.index(vec![document(action(&new_user(), ActionType::View, &new_product(), at(0)), 1)]).await;
    match outcomes {
        Ok(outcomes) => {
            assert!(matches!(outcomes[0], IndexOutcome::Failed { retryable: true, .. }), "{outcomes:?}");
        }
        Err(error) => assert!(error.is_retryable(), "{error}"),
    }
    assert!(store.count().await.unwrap_err().is_retryable());
    let there = space.raw("GET", &format!("_cat/indices/{}*?format=json", space.namespace), None);
    assert_eq!(there, json!([]));
}
