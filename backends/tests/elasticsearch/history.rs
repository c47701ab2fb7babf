//! The history of notifications.

use rep_backends::elasticsearch::{ChannelOutcome, ElasticsearchHistory, HistoryRecord, IndexKind};
use rep_backends::redis::NotificationHistory;
use rep_core::UserId;
use rep_core::contract::support::{at, eventually, new_user, notification};
use rep_core::ports::notifications::Delivery;

use crate::server::Space;

fn record(user: &UserId, ms: i64) -> HistoryRecord {
    let outcome = |channel: &str, delivered| ChannelOutcome {
        channel: channel.into(),
        delivered,
        detail: (!delivered).then(|| "no device".into()),
    };
    HistoryRecord {
        notification: notification(user, ms),
        delivered_at: at(ms),
        outcomes: vec![outcome("in-app", true), outcome("push", false)],
    }
}

async fn of(history: &ElasticsearchHistory, user: &UserId, count: usize) -> Vec<HistoryRecord> {
    eventually("the records are there", async || {
        let records = history.of(user, None, 1000).await.unwrap();
        (records.len() == count).then_some(records)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_told_newest_first_and_once() {
    let space = Space::with(IndexKind::NotificationHistory).await;
    let history = ElasticsearchHistory::new(space.client.clone());
    let (user, other) = (new_user(), new_user());
    // Several at one moment.
    let records: Vec<_> = (0..23).map(|i| record(&user, i / 4)).collect();
    assert_eq!(history.record(&records).await.unwrap(), vec![true; 23]);
    let mut again = records[3].clone();
    again.outcomes.clear();
    assert_eq!(history.record(&[again, record(&other, 0)]).await.unwrap(), [false, true]);
    let whole = of(&history, &user, 23).await;
    assert!(whole.is_sorted_by(|a, b| a.delivered_at >= b.delivered_at));
    let mut expected = records;
    expected.sort_by(|a, b| {
        let id = |r: &HistoryRecord| r.notification.notification_id.clone();
        b.delivered_at.cmp(&a.delivered_at).then_with(|| id(a).cmp(&id(b)))
    });
    assert_eq!(whole, expected);
    for page in [1, 4, 22, 23, 24] {
        let mut found: Vec<HistoryRecord> = Vec::new();
        loop {
            let before = found.last().map(HistoryRecord::mark);
            let next = history.of(&user, before.as_ref(), page).await.unwrap();
            if next.is_empty() {
                break;
            }
            found.extend(next);
        }
        assert_eq!(found, whole, "pages of {page}");
    }
    assert!(history.of(&new_user(), None, 10).await.unwrap().is_empty());
    assert!(history.record(&[]).await.unwrap().is_empty());
}

/// As the inboxes hand it over: each channel took it.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_recorded_with_their_channels() {
    let space = Space::with(IndexKind::NotificationHistory).await;
    let history = ElasticsearchHistory::new(space.client.clone());
    let user = new_user();
    let notification = record(&user, 0).notification;
    let delivery = Delivery { notification, channels: vec!["in-app".into(), "sms".into()], at: at(5) };
    NotificationHistory::record(&history, std::slice::from_ref(&delivery)).await.unwrap();
    let told = of(&history, &user, 1).await;
    assert_eq!(told, [HistoryRecord::from(&delivery)]);
    assert_eq!(told[0].outcomes.iter().map(|o| o.channel.as_str()).collect::<Vec<_>>(), ["in-app", "sms"]);
    NotificationHistory::erase(&history, &user).await.unwrap();
    assert!(history.of(&user, None, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_forgets_one_shopper() {
    let space = Space::with(IndexKind::NotificationHistory).await;
    let history = ElasticsearchHistory::new(space.client.clone());
    let (gone, stays) = (new_user(), new_user());
    let records: Vec<_> = (0..1100).map(|i| record(&gone, i)).chain([record(&stays, 0)]).collect();
    history.record(&records).await.unwrap();
    assert_eq!(history.erase(&gone).await.unwrap(), 1100);
    assert_eq!(history.erase(&gone).await.unwrap(), 0);
    assert!(history.of(&gone, None, 10).await.unwrap().is_empty());
    assert_eq!(of(&history, &stays, 1).await.len(), 1);
}
