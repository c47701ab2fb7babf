//! Servers that fail: another takes over behind sentinels, a cluster waits until its node is back.

use rep_core::contract::support::{Subject, at, eventually, new_user};
use rep_core::ports::StoreErrorKind;
use rep_core::ports::preferences::{PreferenceStore, PreferenceWrite, StoreOutcome};
use rep_core::{ActionType, UserId};
use tokio::sync::broadcast::error::TryRecvError;

use crate::cache::{change, command_at, state};
use crate::servers::Servers;
use crate::subject::OnRedis;

async fn started(group: &'static str) -> Servers {
    tokio::task::spawn_blocking(move || Servers::start(&[group])).await.unwrap()
}

/// Stores, again while the store is away; anything but a passing fault fails the test.
async fn stored(subject: &OnRedis, write: PreferenceWrite) -> StoreOutcome {
    eventually("a write goes through", async || match subject.preferences.store(vec![write.clone()]).await {
        Ok(outcomes) => Some(outcomes[0]),
        Err(error) => {
            assert!(error.is_retryable(), "{error}");
            None
        }
    })
    .await
}

/// A write that is announced; waits until a view hears of such a one, then gives the last offset.
pub(crate) async fn heard(subject: &OnRedis, user: &UserId, mut offset: u64) -> u64 {
    let mut view = subject.preferences.changes(user);
    let action_type = eventually("views hear", async || {
        offset += 1;
        let mut write = state(user, offset);
        write.changes.push(change(user));
        stored(subject, write).await;
        match view.try_recv() {
            Ok(change) => Some(change.action_type),
            Err(TryRecvError::Empty) => None,
            // Closed while the connection was made anew: whoever looks at a view opens another.
            Err(_) => {
                view = subject.preferences.changes(user);
                None
            }
        }
    });
    assert_eq!(action_type.await, ActionType::Click);
    offset
}

async fn another_takes_over(signal: &str) {
    let servers = started("redis-sentinels").await;
    let subject = OnRedis::at(servers.address("REP_TEST_REDIS_SENTINELS")).await;
    let store = &subject.preferences;
    let user = new_user();
    heard(&subject, &user, 0).await;
    let mut before = store.changes(&user);
    assert_eq!(stored(&subject, state(&user, 100)).await, StoreOutcome::Stored);
    let replica = servers.address("REP_TEST_REDIS_REPLICA");
    let key = format!("{}user:preference:{user}", subject.config.prefix);
    eventually("the replica has it", async || {
        let there: Option<String> = command_at(&replica, &["GET", &key]).await;
        there.filter(|json| json.contains(r#""actionCount":101"#))
    })
    .await;

    servers.signal("redis-master", signal);
    let away =
        eventually("it is noticed", async || store.load(std::slice::from_ref(&user)).await.err()).await;
    assert_eq!(away.kind(), StoreErrorKind::Unavailable, "{away}");
    eventually("the views end", async || (before.try_recv() == Err(TryRecvError::Closed)).then_some(()))
        .await;
    // What the replica had stands, and so does its fence.
    assert_eq!(stored(&subject, state(&user, 100)).await, StoreOutcome::Stale);
    assert_eq!(stored(&subject, state(&user, 101)).await, StoreOutcome::Stored);
    assert_eq!(store.load(std::slice::from_ref(&user)).await.unwrap(), [Some(state(&user, 101).preference)]);
    let last = heard(&subject, &user, 101).await;
    eventually("each store finds the new master", async || {
        subject.ports().popularity.top(1, at(0)).await.ok()
    })
    .await;
    if signal == "STOP" {
        // The one that was paused still takes itself for the master.
        servers.signal("redis-master", "CONT");
        assert_eq!(stored(&subject, state(&user, last)).await, StoreOutcome::Stale);
        heard(&subject, &user, last).await;
    }
}

#[tokio::test]
async fn a_replica_takes_over_from_a_killed_master_and_views_follow() {
    another_takes_over("KILL").await;
}

#[tokio::test]
async fn a_replica_takes_over_from_a_hung_master_and_views_follow() {
    another_takes_over("STOP").await;
}

#[tokio::test]
async fn a_cluster_goes_on_once_its_node_is_back() {
    let servers = started("redis-cluster").await;
    let subject = OnRedis::at(servers.address("REP_TEST_REDIS_CLUSTER")).await;
    let users: Vec<UserId> = (0..30).map(|_| new_user()).collect();
    for user in &users {
        assert_eq!(stored(&subject, state(user, 1)).await, StoreOutcome::Stored);
    }
    heard(&subject, &users[0], 1).await;
    servers.signal("redis-node-1", "KILL");
    let away = eventually("it is noticed", async || subject.preferences.load(&users).await.err()).await;
    assert_eq!(away.kind(), StoreErrorKind::Unavailable, "{away}");
    servers.restart("redis-node-1");
    for user in &users[1..] {
        assert_eq!(
            stored(&subject, state(user, 1)).await,
            StoreOutcome::Stale,
            "what was answered is on disk"
        );
        assert_eq!(stored(&subject, state(user, 2)).await, StoreOutcome::Stored);
    }
    heard(&subject, &users[0], 100).await;
}
