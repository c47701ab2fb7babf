//! What the cache forgets comes back from the backup; what stands is fenced whatever the cache knows.

use rep_backends::SystemClock;
use rep_backends::redis::{RedisConfig, RedisLink};
use rep_backends::saving::Saves;
use rep_core::contract::support::{
    Subject, action, at, erasure, eventually, new_product, new_trace, new_user, position,
};
use rep_core::likeness::Probe;
use rep_core::ports::StoreErrorKind;
use rep_core::ports::preferences::{
    Fold, FoldRules, FoldStep, Folded, PreferenceChange, PreferenceStore, PreferenceWrite, Recall,
    StoreOutcome,
};
use rep_core::{ActionType, Clock as _, ModelId, Preference, TasteRules, UnitVector, UserId};
use tokio::sync::broadcast::error::TryRecvError;

use crate::failover::heard;
use crate::servers::Servers;
use crate::subject::OnRedis;

pub(crate) fn state(user: &UserId, offset: u64) -> PreferenceWrite {
    let preference = Preference {
        vector: Some(UnitVector::normalised((1..=16).map(|n| (n as f32).cos()).collect()).unwrap()),
        action_count: offset + 1,
        updated_at: at(0),
        position: Some(position(3, offset)),
        ..Preference::new(user.clone(), ModelId::new("contract-model").unwrap())
    };
    PreferenceWrite { preference, changes: Vec::new() }
}

pub(crate) async fn command<T: redis::FromRedisValue>(subject: &OnRedis, parts: &[&str]) -> T {
    command_at(subject.config.url.reveal(), parts).await
}

/// What one server answers.
pub(crate) async fn command_at<T: redis::FromRedisValue>(url: &str, parts: &[&str]) -> T {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd(parts[0]);
    command.arg(&parts[1..]);
    command.query_async(&mut connection).await.unwrap()
}

/// As Redis does after the time to live, or when it lost its data.
pub(crate) async fn forget(subject: &OnRedis, user: &UserId) {
    let gone: i64 =
        command(subject, &["DEL", &format!("{}user:preference:{user}", subject.config.prefix)]).await;
    assert_eq!(gone, 1);
}

#[tokio::test]
async fn the_key_and_its_fields_are_those_that_others_read() {
    let subject = OnRedis::fresh().await;
    let user = new_user();
    subject.preferences.store(vec![state(&user, 4)]).await.unwrap();
    let key = format!("{}user:preference:{user}", subject.config.prefix);
    let json: String = command(&subject, &["GET", &key]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["preferenceVector"].as_array().unwrap().len(), 16);
    assert_eq!(json["actionCount"], 5);
    assert_eq!(json["updatedAt"], "2026-01-01T12:00:00.000Z");
    let ttl: i64 = command(&subject, &["TTL", &key]).await;
    assert!((24 * 3600 - 60..=24 * 3600).contains(&ttl), "{ttl} s");
}

#[tokio::test]
async fn a_state_that_left_the_cache_comes_back_with_its_fence() {
    let subject = OnRedis::fresh().await;
    let store = &subject.preferences;
    let (read, written, gone) = (new_user(), new_user(), new_user());
    let users = [&read, &written, &gone];
    store.store(users.map(|user| state(user, 7)).into()).await.unwrap();
    store.save().await.unwrap();
    store.erase(&gone, erasure(0, None)).await.unwrap();
    for user in [&read, &written] {
        forget(&subject, user).await;
    }
    assert_eq!(store.load(std::slice::from_ref(&read)).await.unwrap(), [Some(state(&read, 7).preference)]);
    // Whoever writes without having read meets the fence all the same.
    assert_eq!(store.store(vec![state(&written, 7)]).await.unwrap(), [StoreOutcome::Stale]);
    assert_eq!(store.store(vec![state(&written, 8)]).await.unwrap(), [StoreOutcome::Stored]);
    assert_eq!(store.load(&[gone]).await.unwrap(), [None]);
    // The backup takes the later state, and not the earlier one again.
    store.save().await.unwrap();
    let versions = |user| subject.kept.states.lock()[user].1;
    assert_eq!((versions(&read), versions(&written)), (1, 2));
}

#[tokio::test]
async fn what_happens_in_the_background_fills_no_cache() {
    let subject = OnRedis::fresh().await;
    let (store, prefix) = (&subject.preferences, &subject.config.prefix);
    let (idle, active) = (new_user(), new_user());
    let key = |user: &UserId| format!("{prefix}user:preference:{user}");
    let now = SystemClock.now();
    let of_another_model = |user: &UserId, updated_at| {
        let model = ModelId::new("former-model").unwrap();
        let preference = Preference { model, updated_at, ..state(user, 7).preference };
        PreferenceWrite { preference, changes: Vec::new() }
    };
    store.store(vec![of_another_model(&idle, at(0)), of_another_model(&active, now)]).await.unwrap();
    store.flush().await.unwrap();
    forget(&subject, &idle).await;
    let _: i64 = command(&subject, &["EXPIRE", &key(&active), "5000"]).await;
    let changed = format!("{prefix}preferences:changed");
    let _: i64 = command(&subject, &["DEL", &changed]).await;

    let model = ModelId::new("contract-model").unwrap();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: now };
    let folds = [&idle, &active].map(|user| Fold::recalling(user, Recall::TakeModel));
    let folded = store.fold(&folds, &rules).await.unwrap();
    assert!(folded.iter().all(|folded| folded.restarted && !folded.stale));
    let ttl = async |user: &UserId| command::<i64>(&subject, &["TTL", &key(user)]).await;
    let (of_idle, of_active) = (ttl(&idle).await, ttl(&active).await);
    assert!((1..=600).contains(&of_idle) && (4000..=5000).contains(&of_active), "{of_idle}, {of_active}");
    let listed: Vec<String> = command(&subject, &["ZRANGE", &changed, "0", "-1"]).await;
    assert_eq!(listed, [active.to_string()], "the other did nothing for long");
    store.flush().await.unwrap();
    assert!(
        subject.kept.states.lock().values().all(|(state, version)| state.model == model && *version == 2)
    );
}

#[tokio::test]
async fn what_was_not_saved_is_saved_later() {
    let subject = OnRedis::fresh().await;
    let users: Vec<UserId> = (0..600).map(|_| new_user()).collect();
    subject.preferences.store(users.iter().map(|user| state(user, 1)).collect()).await.unwrap();
    assert!(subject.kept.states.lock().is_empty());
    subject.preferences.save().await.unwrap();
    assert_eq!(subject.kept.states.lock().len(), 600);
    subject.kept.states.lock().clear();
    subject.preferences.save().await.unwrap();
    assert!(subject.kept.states.lock().is_empty(), "nothing changed since");
}

/// A crash between storing and saving: what was folded in already is saved all the same when it comes again.
#[tokio::test]
async fn what_was_stored_before_a_crash_is_saved_after_it() {
    let mut subject = OnRedis::fresh().await;
    let user = new_user();
    let action = action(&user, ActionType::Click, &new_product(), at(0));
    let embedding = state(&user, 0).preference.vector.unwrap();
    let model = ModelId::new("contract-model").unwrap();
    let rules = FoldRules { model: &model, taste: TasteRules::default(), applied_at: at(0) };
    let step =
        FoldStep { action: &action, position: position(3, 1), logged_at: at(0), embedding: Some(&embedding) };
    let fold = [Fold::of(&user, vec![step])];
    for _ in 0..2 {
        assert_eq!(subject.preferences.fold(&fold, &rules).await.unwrap(), [Folded::default()]);
        assert!(subject.kept.states.lock().is_empty());
        subject.reopen().await;
    }
    subject.preferences.fold(&fold, &rules).await.unwrap();
    subject.preferences.save().await.unwrap();
    let there = subject.preferences.load(std::slice::from_ref(&user)).await.unwrap().remove(0).unwrap();
    assert_eq!(there.action_count, 1);
    assert_eq!(subject.kept.states.lock()[&user].0, there);
}

#[tokio::test]
async fn a_value_that_is_not_ours_is_corrupt_and_is_not_overwritten() {
    let subject = OnRedis::fresh().await;
    let user = new_user();
    let key = format!("{}user:preference:{user}", subject.config.prefix);
    let _: () = command(&subject, &["SET", &key, "something else"]).await;
    assert!(subject.preferences.load(std::slice::from_ref(&user)).await.is_err());
    assert!(subject.preferences.store(vec![state(&user, 1)]).await.is_err());
    let there: String = command(&subject, &["GET", &key]).await;
    assert_eq!(there, "something else");
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be_within_the_bound() {
    let began = std::time::Instant::now();
    let refused = RedisLink::connect(&RedisConfig::new("redis://127.0.0.1:1")).await.err().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    // Connected, but without an answer: as from a server that is stopped.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let late = RedisLink::connect(&RedisConfig::new(url)).await.err().unwrap();
    assert_eq!(late.kind(), StoreErrorKind::Unavailable);
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn two_instances_hear_of_each_others_changes_and_find_each_others_shoppers() {
    let mut subject = OnRedis::fresh().await;
    let first = subject.ports().clone();
    subject.reopen().await;
    let second = subject.ports();
    let user = new_user();
    let near = Probe::by_cosine(state(&user, 1).preference.vector.unwrap(), 0.9);
    for offset in 1..4 {
        first.preferences.store(vec![state(&user, offset)]).await.unwrap();
        let found = second.preferences.nearest(&near, 5, at(0)).await.unwrap();
        assert_eq!(found.len(), 1);
    }
    first.preferences.erase(&user, erasure(0, None)).await.unwrap();
    assert!(second.preferences.nearest(&near, 5, at(0)).await.unwrap().is_empty());
    // No list names who was erased.
    let listed: Vec<String> =
        command(&subject, &["ZRANGE", &format!("{}preferences:changed", subject.config.prefix), "0", "-1"])
            .await;
    assert!(!listed.is_empty() && !listed.contains(&user.to_string()), "{listed:?}");
    second.preferences.store(vec![state(&user, 4)]).await.unwrap();
    for ports in [&first, second] {
        assert_eq!(
            ports.preferences.nearest(&near, 5, at(0)).await.unwrap().len(),
            1,
            "who came back is found"
        );
    }
}

#[tokio::test]
async fn a_killed_server_is_a_passing_fault() {
    let servers = tokio::task::spawn_blocking(|| Servers::start(&["redis"])).await.unwrap();
    let subject = OnRedis::at(servers.address("REP_TEST_REDIS")).await;
    let store = &subject.preferences;
    let (user, mut before) = (new_user(), store.changes(&new_user()));
    store.store(vec![state(&user, 3)]).await.unwrap();
    servers.signal("redis", "KILL");
    let away = store.load(std::slice::from_ref(&user)).await.unwrap_err();
    assert_eq!(away.kind(), StoreErrorKind::Unavailable);
    // Live views end, so that each looks for what it may have missed.
    eventually("the views end", async || (before.try_recv() == Err(TryRecvError::Closed)).then_some(()))
        .await;

    servers.restart("redis");
    let there =
        eventually("it comes back", async || store.load(std::slice::from_ref(&user)).await.ok()).await;
    assert_eq!(there, [Some(state(&user, 3).preference)], "what was answered is on disk");
    heard(&subject, &user, 3).await;
}

pub(crate) fn change(user: &UserId) -> PreferenceChange {
    PreferenceChange {
        trace_id: new_trace(),
        user_id: user.clone(),
        action_type: ActionType::Click,
        product_id: None,
        event_at: at(0),
        logged_at: at(0),
        applied_at: at(0),
        action_count: 1,
    }
}
