//! Inboxes: what release 0.1 kept under other keys, and items that are another shopper's.

use rep_core::contract::support::{Subject, at, new_user, notification};
use rep_core::ports::notifications::{Delivery, DeliveryOutcome, IN_APP};
use rep_core::{NotificationSettings, UserId};

use crate::cache::command;
use crate::subject::OnRedis;

fn delivery(user: &UserId) -> Delivery {
    Delivery { notification: notification(user, 0), channels: vec![IN_APP.to_owned()], at: at(1) }
}

async fn keys(subject: &OnRedis) -> Vec<String> {
    command(subject, &["KEYS", &format!("{}notifications:*", subject.config.prefix)]).await
}

/// Gives each key the name that release 0.1 gave it: without SHA-256 of the shopper.
async fn as_release_0_1_named_them(subject: &OnRedis) {
    for key in keys(subject).await {
        let (slot, rest) = key.split_once("}:").unwrap();
        let (_, name) = rest.split_once(':').unwrap();
        let () = command(subject, &["RENAME", &key, &format!("{slot}}}:{name}")]).await;
    }
}

#[tokio::test]
async fn what_release_0_1_kept_is_taken_over() {
    let mut subject = OnRedis::fresh().await;
    let user = new_user();
    let told: Vec<Delivery> = (0..3).map(|_| delivery(&user)).collect();
    let store = &subject.ports().notifications;
    store.deliver(told.clone()).await.unwrap();
    let read = &told[1].notification.notification_id;
    store.mark_read(&user, read, at(2)).await.unwrap().unwrap();
    let quiet = NotificationSettings { sms: true, push: false, ..NotificationSettings::default() };
    store.put_settings(&user, quiet.clone()).await.unwrap();
    let outside = Delivery { channels: vec!["push".to_owned()], ..delivery(&user) };
    store.deliver(vec![outside.clone()]).await.unwrap();
    let before = store.inbox(&user, None, 10).await.unwrap().items;
    as_release_0_1_named_them(&subject).await;

    subject.reopen().await;
    let store = &subject.ports().notifications;
    // The first call, be it a read or a delivery, takes it over.
    assert_eq!(store.deliver(vec![told[0].clone()]).await.unwrap(), [DeliveryOutcome::Duplicate]);
    assert_eq!(store.deliver(vec![outside]).await.unwrap(), [DeliveryOutcome::Duplicate]);
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!((page.items, page.unread), (before, 2));
    assert_eq!(store.settings(&user).await.unwrap(), quiet);
    assert_eq!(store.recent(&user, 10).await.unwrap().len(), 4);
    assert!(store.mark_read(&user, &told[2].notification.notification_id, at(3)).await.unwrap().is_some());

    // A process of release 0.1 delivers meanwhile, to an inbox of its own.
    let other = OnRedis::at(subject.config.url.reveal().to_owned()).await;
    let late = delivery(&user);
    other.ports().notifications.deliver(vec![late.clone()]).await.unwrap();
    as_release_0_1_named_them(&other).await;
    for key in keys(&other).await {
        let here = key.replacen(&other.config.prefix, &subject.config.prefix, 1);
        let () = command(&subject, &["RENAME", &key, &here]).await;
    }
    subject.reopen().await;
    let store = &subject.ports().notifications;
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].sequence, page.unread), (4, 4, 2));
    assert_eq!(page.items[0].notification, late.notification);
    assert_eq!(store.erase(&user).await.unwrap(), 5);
    assert!(keys(&subject).await.iter().all(|key| key.contains("sent:")), "{:?}", keys(&subject).await);
}

#[tokio::test]
async fn an_item_of_another_shopper_is_given_to_nobody() {
    let subject = OnRedis::fresh().await;
    let (user, other) = (new_user(), new_user());
    let store = &subject.ports().notifications;
    let (theirs, foreign) = (delivery(&user), delivery(&other));
    store.deliver(vec![theirs.clone(), foreign.clone()]).await.unwrap();
    let outside = |user: &UserId| Delivery { channels: vec!["push".to_owned()], ..delivery(user) };
    store.deliver(vec![outside(&user), outside(&other)]).await.unwrap();
    // As if both had one inbox.
    let of = |user: &UserId, name: &str| {
        let key = rep_core::UserKey::of(user).to_string();
        keys_with(&subject, key, name.to_owned())
    };
    let json: String = command(&subject, &["HGET", &of(&other, ":items").await, "1"]).await;
    let _: i64 = command(&subject, &["HSET", &of(&user, ":items").await, "2", &json]).await;
    let _: i64 = command(&subject, &["HSET", &of(&user, ":inbox").await, "last", "2"]).await;
    let outside: String = command(&subject, &["LINDEX", &of(&other, ":unlisted").await, "0"]).await;
    let _: i64 = command(&subject, &["LPUSH", &of(&user, ":unlisted").await, &outside]).await;

    let items = store.inbox(&user, None, 10).await.unwrap().items;
    assert_eq!(items.iter().map(|item| &item.notification).collect::<Vec<_>>(), [&theirs.notification]);
    assert_eq!(store.replay(&user, 0, 10).await.unwrap().items.len(), 1);
    assert!(store.recent(&user, 10).await.unwrap().iter().all(|told| told.notification.user_id == user));
    let id = &foreign.notification.notification_id;
    assert_eq!(store.mark_read(&user, id, at(5)).await.unwrap(), None);
    assert_eq!(store.inbox(&other, None, 10).await.unwrap().unread, 1);
}

async fn keys_with(subject: &OnRedis, user: String, name: String) -> String {
    let all = keys(subject).await;
    all.into_iter().find(|key| key.contains(&user) && key.ends_with(&name)).unwrap()
}

#[tokio::test]
async fn of_two_who_shared_an_inbox_each_takes_over_their_own() {
    let mut subject = OnRedis::fresh().await;
    let (user, other) = (new_user(), new_user());
    let store = &subject.ports().notifications;
    let outside = |user: &UserId| Delivery { channels: vec!["push".to_owned()], ..delivery(user) };
    store.deliver(vec![delivery(&user), delivery(&other), delivery(&other)]).await.unwrap();
    store.deliver(vec![outside(&user), outside(&other)]).await.unwrap();
    let prefix = |user: &UserId| format!(":{}:", rep_core::UserKey::of(user));
    // As release 0.1 kept both under the keys of `user`.
    let slot = |key: &str| key.split_once("}:").unwrap().0.to_owned();
    let all = keys(&subject).await;
    let shared = slot(all.iter().find(|key| key.contains(&prefix(&user))).unwrap());
    let items = async |of: &UserId| -> Vec<String> {
        command(&subject, &["HVALS", &keys_with(&subject, prefix(of), ":items".to_owned()).await]).await
    };
    let told = async |of: &UserId| -> Vec<String> {
        command(
            &subject,
            &["LRANGE", &keys_with(&subject, prefix(of), ":unlisted".to_owned()).await, "0", "-1"],
        )
        .await
    };
    let (both, outside) = (
        [items(&user).await, items(&other).await].concat(),
        [told(&user).await, told(&other).await].concat(),
    );
    for key in all {
        let _: i64 = command(&subject, &["DEL", &key]).await;
    }
    for (number, item) in (1..).zip(&both) {
        let _: i64 =
            command(&subject, &["HSET", &format!("{shared}}}:items"), &number.to_string(), item]).await;
    }
    for item in &outside {
        let _: i64 = command(&subject, &["RPUSH", &format!("{shared}}}:unlisted"), item]).await;
    }
    let _: i64 = command(&subject, &["HSET", &format!("{shared}}}:inbox"), "last", "3", "unread", "3"]).await;
    subject.reopen().await;
    let store = &subject.ports().notifications;
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.unread), (1, 1));
    assert_eq!(store.recent(&user, 10).await.unwrap().len(), 2);
    assert_eq!(store.erase(&user).await.unwrap(), 2);
    // The other's are still there, untouched.
    let left: i64 = command(&subject, &["HLEN", &format!("{shared}}}:items")]).await;
    let outside: i64 = command(&subject, &["LLEN", &format!("{shared}}}:unlisted")]).await;
    assert_eq!((left, outside), (2, 1));
}
