//! A consumer in small: what the behaviour role does to preferences, popularity and documents, with counts
//! for vectors, so that each event that is lost or counted twice shows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rep_core::contract::support::Ports;
use rep_core::ports::behaviour::{BehaviourDocument, IndexOutcome};
use rep_core::ports::log::{EventLog, GroupReader, NewRecord, Polled, Record};
use rep_core::ports::popularity::PopularityEvent;
use rep_core::ports::preferences::PreferenceWrite;
use rep_core::{ActionType, ModelId, Preference, ProductId, Timestamp, Topic, TraceId, UserAction, UserId};

pub(crate) const GROUP: &str = "behaviour";

/// A half-life in which nothing decays while a test runs.
pub(crate) const FOREVER: Duration = Duration::from_secs(1 << 40);

/// A record of `user`; its value names the event.
pub(crate) fn record(user: &str, event: impl Into<String>) -> NewRecord {
    NewRecord::new(user.to_owned(), event.into().into_bytes())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn action(record: &Record) -> UserAction {
    let user = text(&record.key);
    UserAction {
        trace_id: TraceId::new(text(&record.value)).unwrap(),
        user_id: UserId::new(&user).unwrap(),
        action_type: ActionType::Click,
        product_id: Some(product_of(&user)),
        search_query: None,
        session_id: None,
        timestamp: Timestamp::from_ms(1),
        metadata: BTreeMap::new(),
    }
}

/// The product that a shopper clicks on: their own.
fn product_of(user: &str) -> ProductId {
    ProductId::new(format!("of-{user}")).unwrap()
}

/// Does to the stores what `records` say; commits nothing.
pub(crate) async fn fold(ports: &Ports, records: &[Record]) -> Vec<IndexOutcome> {
    let actions: Vec<UserAction> = records.iter().map(action).collect();
    let documents = actions.iter().zip(records);
    let documents = documents.map(|(action, record)| BehaviourDocument {
        action: action.clone(),
        position: record.position,
        appended_at: record.appended_at,
    });
    let outcomes = ports.behaviour.index(documents.collect()).await.unwrap();
    let users: Vec<UserId> = actions.iter().map(|action| action.user_id.clone()).collect();
    let loaded = ports.preferences.load(&users).await.unwrap();
    let mut states: BTreeMap<UserId, Preference> = BTreeMap::new();
    for ((action, record), loaded) in actions.iter().zip(records).zip(loaded) {
        let state = states.entry(action.user_id.clone()).or_insert_with(|| {
            loaded.unwrap_or_else(|| Preference::new(action.user_id.clone(), ModelId::new("m").unwrap()))
        });
        state.fold(action, record.position, rep_core::Embedding::None, rep_core::TasteRules::default());
    }
    let writes = states.into_values().map(|preference| PreferenceWrite { preference, changes: Vec::new() });
    ports.preferences.store(writes.collect()).await.unwrap();
    let events = actions.iter().zip(records).map(|(action, record)| PopularityEvent {
        product_id: action.product_id.clone().unwrap(),
        weight: 1.0,
        at: action.timestamp,
        position: record.position,
    });
    ports.popularity.record(events.collect()).await.unwrap();
    outcomes
}

/// The offsets behind `records`.
pub(crate) fn offsets(records: &[Record]) -> Vec<(u32, u64)> {
    let mut next = BTreeMap::new();
    for record in records {
        next.insert(record.position.partition, record.position.offset + 1);
    }
    next.into_iter().collect()
}

/// Polls once, releases what is revoked.
pub(crate) async fn poll(reader: &mut dyn GroupReader, max: usize) -> Vec<Record> {
    match reader.poll(max, Duration::from_millis(20)).await.unwrap() {
        Polled::Records(records) => records,
        Polled::Revoking(partitions) => {
            reader.release(&partitions).await.unwrap();
            Vec::new()
        }
    }
}

/// Folds and commits until the group has no lag.
pub(crate) async fn drain(ports: &Ports) {
    let mut reader = ports.log.subscribe(GROUP, Topic::UserAction).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while lag(&*ports.log).await > 0 {
        assert!(Instant::now() < deadline, "the group does not catch up");
        let records = poll(&mut *reader, 500).await;
        fold(ports, &records).await;
        reader.commit(&offsets(&records)).await.unwrap();
    }
}

async fn lag(log: &dyn EventLog) -> u64 {
    log.offsets(Topic::UserAction, GROUP).await.unwrap().iter().map(|standing| standing.lag()).sum()
}

/// Every record of the topic.
pub(crate) async fn whole_log(log: &dyn EventLog) -> Vec<Record> {
    let mut all = Vec::new();
    for standing in log.offsets(Topic::UserAction, GROUP).await.unwrap() {
        let mut next = standing.begin;
        while next < standing.end {
            let found = log.read(Topic::UserAction, standing.partition, next, 1000).await.unwrap();
            assert!(
                !found.is_empty(),
                "partition {} ends at {next}, not {}",
                standing.partition,
                standing.end
            );
            for record in &found {
                assert_eq!(record.position.offset, next, "offsets have no gaps");
                next += 1;
            }
            all.extend(found);
        }
    }
    all
}

/// Checks that each record of the log has had its effect once, in every store.
pub(crate) async fn assert_folded_once(ports: &Ports) {
    let all = whole_log(&*ports.log).await;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for record in &all {
        *counts.entry(text(&record.key)).or_default() += 1;
    }
    for (user, count) in &counts {
        let id = UserId::new(user).unwrap();
        let state = ports.preferences.load(std::slice::from_ref(&id)).await.unwrap().remove(0).unwrap();
        assert_eq!(state.action_count, *count, "preference of {user}");
        let sum = ports.popularity.scores(&[product_of(user)], Timestamp::from_ms(1)).await.unwrap()[0];
        assert!((sum - *count as f64).abs() < 1e-3, "popularity of {user}: {sum}, not {count}");
        let mut documents = 0;
        let mut cursor = None;
        loop {
            let page = ports.behaviour.history(&id, cursor.as_deref(), 1000).await.unwrap();
            documents += page.items.len();
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(documents as u64, *count, "documents of {user}");
    }
    assert_eq!(ports.behaviour.count().await.unwrap(), all.len() as u64);
}
