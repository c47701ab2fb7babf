//! The suite of [`Notifications`].
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

mod meeting;
mod unlisted;

use tokio::sync::broadcast::error::TryRecvError;

pub use self::meeting::*;
pub use self::unlisted::*;

use super::support::{Subject, at, eventually, new_user, notification, unique};
use crate::ports::notifications::{Delivery, DeliveryOutcome, InboxItem, Notifications};
use crate::{NotificationId, NotificationSettings, UserId};

/// Makes every sentence of the suite a test; `$make` gives a [`Subject`].
#[macro_export]
macro_rules! notifications_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            notifications,
            $make,
            [
                what_is_delivered_stands_in_the_inbox_in_order,
                a_repeat_is_told_once_even_within_one_call,
                what_goes_over_other_channels_alone_is_known_and_shows_nowhere,
                what_was_delivered_lately_is_known_whether_it_shows_or_not,
                of_concurrent_repeats_one_is_delivered,
                pages_of_an_inbox_neither_skip_nor_repeat,
                an_inbox_keeps_its_newest_thousand,
                an_inbox_overfilled_in_one_call_keeps_its_newest_thousand,
                a_replay_gives_what_was_missed_and_tells_of_gaps,
                reading_counts_once_and_the_first_time_stands,
                no_shopper_sees_what_belongs_to_another,
                shoppers_whose_hashes_meet_share_nothing,
                settings_are_the_default_until_they_are_put,
                erasure_forgets_inbox_and_settings,
                after_an_erasure_old_ids_mark_nothing,
                deliveries_are_told_to_their_shopper_in_order,
                deliveries_marks_and_settings_are_there_after_reopening,
            ]
        );
    };
}

fn delivery(user: &UserId, ms: i64) -> Delivery {
    Delivery {
        notification: notification(user, ms),
        channels: vec!["in-app".to_owned(), "push".to_owned()],
        at: at(ms + 5),
    }
}

fn deliveries(user: &UserId, count: usize) -> Vec<Delivery> {
    (0..count).map(|_| delivery(user, 0)).collect()
}

async fn deliver(store: &dyn Notifications, deliveries: Vec<Delivery>) -> Vec<InboxItem> {
    let outcomes = store.deliver(deliveries).await.unwrap();
    outcomes
        .into_iter()
        .map(|outcome| match outcome {
            DeliveryOutcome::Delivered(item) => item,
            other => panic!("is not in the inbox: {other:?}"),
        })
        .collect()
}

async fn inbox(store: &dyn Notifications, user: &UserId, page: usize) -> Vec<InboxItem> {
    let mut items = Vec::new();
    let mut before = None;
    loop {
        let found = store.inbox(user, before, page).await.unwrap();
        assert!(found.items.len() <= page);
        items.extend(found.items);
        before = found.next;
        if before.is_none() {
            return items;
        }
    }
}

async fn unread(store: &dyn Notifications, user: &UserId) -> u64 {
    store.inbox(user, None, 1).await.unwrap().unread
}

fn sequences(items: &[InboxItem]) -> Vec<u64> {
    items.iter().map(|item| item.sequence).collect()
}

/// What is delivered stands in the inbox, newest first, with numbers from 1 without gaps.
pub async fn what_is_delivered_stands_in_the_inbox_in_order(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let (user, other) = (new_user(), new_user());
    let given = [delivery(&user, 1), delivery(&other, 2), delivery(&user, 3)];
    let mut items = deliver(&**store, given.to_vec()).await;
    items.extend(deliver(&**store, vec![delivery(&user, 4)]).await);
    for (item, given) in items.iter().zip(&given) {
        assert_eq!(item.notification, given.notification);
        assert_eq!((item.delivered_at, &item.channels, item.read_at), (given.at, &given.channels, None));
    }
    assert_eq!(sequences(&items), [1, 1, 2, 3]);
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!(page.items, [items[3].clone(), items[2].clone(), items[0].clone()]);
    assert_eq!((page.unread, page.next), (3, None));
    let empty = store.inbox(&new_user(), None, 10).await.unwrap();
    assert!(empty.items.is_empty() && empty.unread == 0 && empty.next.is_none());
    assert!(store.deliver(Vec::new()).await.unwrap().is_empty());
}

/// A repeat is a duplicate, in another call or the same, and changes nothing.
pub async fn a_repeat_is_told_once_even_within_one_call(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let (a, b) = (delivery(&user, 1), delivery(&user, 2));
    let mut receiver = store.subscribe(&user);
    let outcomes = store.deliver(vec![a.clone(), a.clone(), b.clone()]).await.unwrap();
    assert!(matches!(&outcomes[0], DeliveryOutcome::Delivered(item) if item.sequence == 1));
    assert_eq!(outcomes[1], DeliveryOutcome::Duplicate);
    assert!(matches!(&outcomes[2], DeliveryOutcome::Delivered(item) if item.sequence == 2));
    let again = Delivery { at: at(99), ..a };
    assert_eq!(store.deliver(vec![again, b]).await.unwrap(), vec![DeliveryOutcome::Duplicate; 2]);
    assert_eq!(sequences(&inbox(&**store, &user, 10).await), [2, 1]);
    assert_eq!(unread(&**store, &user).await, 2);
    let mut told = Vec::new();
    eventually("both are told", async || {
        while let Ok(item) = receiver.try_recv() {
            told.push(item.sequence);
        }
        (told.len() >= 2).then_some(())
    })
    .await;
    assert_eq!(told, [1, 2]);
}

/// Of repeats that come at one time, one is delivered.
pub async fn of_concurrent_repeats_one_is_delivered(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    for round in 1..=10 {
        let repeat = delivery(&user, 0);
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (store, repeat) = (store.clone(), repeat.clone());
                tokio::spawn(async move { store.deliver(vec![repeat]).await.unwrap().remove(0) })
            })
            .collect();
        let mut delivered = Vec::new();
        for call in calls {
            if let DeliveryOutcome::Delivered(item) = call.await.unwrap() {
                delivered.push(item.sequence);
            }
        }
        assert_eq!(delivered, [round]);
    }
}

/// Pages follow on each other without a gap or a repeat.
pub async fn pages_of_an_inbox_neither_skip_nor_repeat(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    deliver(&**store, deliveries(&user, 25)).await;
    let expected: Vec<u64> = (1..=25).rev().collect();
    for page in [1, 4, 5, 24, 25, 26] {
        assert_eq!(sequences(&inbox(&**store, &user, page).await), expected);
    }
    let page = store.inbox(&user, Some(1), 10).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(sequences(&store.inbox(&user, Some(3), 10).await.unwrap().items), [2, 1]);
    assert_eq!(sequences(&store.inbox(&user, Some(u64::MAX), 1).await.unwrap().items), [25]);
}

/// An inbox keeps its newest 1,000 items; older ones leave, and are no longer unread.
pub async fn an_inbox_keeps_its_newest_thousand(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let first = deliver(&**store, deliveries(&user, 600)).await;
    store.mark_read(&user, &first[0].notification.notification_id, at(9)).await.unwrap().unwrap();
    deliver(&**store, deliveries(&user, 403)).await;
    let items = inbox(&**store, &user, 300).await;
    assert_eq!(sequences(&items), (4..=1003).rev().collect::<Vec<u64>>());
    assert_eq!(unread(&**store, &user).await, 1000);
    let gone = &first[2].notification.notification_id;
    assert_eq!(store.mark_read(&user, gone, at(9)).await.unwrap(), None);
    let replay = store.replay(&user, 0, 2000).await.unwrap();
    assert!(replay.gap);
    assert_eq!(sequences(&replay.items), (4..=1003).collect::<Vec<u64>>());
    assert!(!store.replay(&user, 3, 2000).await.unwrap().gap);
}

/// Of more than 1,000 items delivered in one call the newest 1,000 are kept.
pub async fn an_inbox_overfilled_in_one_call_keeps_its_newest_thousand(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    deliver(&**store, deliveries(&user, 3)).await;
    deliver(&**store, deliveries(&user, 1010)).await;
    let items = inbox(&**store, &user, 300).await;
    assert_eq!(sequences(&items), (14..=1013).rev().collect::<Vec<u64>>());
    assert_eq!(unread(&**store, &user).await, 1000);
    subject.reopen().await;
    assert_eq!(inbox(&*subject.ports().notifications, &user, 300).await, items);
}

/// `replay` gives what came after a number, oldest first; it tells when some before that are missing.
pub async fn a_replay_gives_what_was_missed_and_tells_of_gaps(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let fresh = store.replay(&user, 0, 10).await.unwrap();
    assert!(fresh.items.is_empty() && !fresh.gap);
    let items = deliver(&**store, deliveries(&user, 10)).await;
    for after in 0..=10 {
        let replay = store.replay(&user, after, 10).await.unwrap();
        assert_eq!((replay.items.as_slice(), replay.gap), (&items[after as usize..], false));
    }
    let short = store.replay(&user, 2, 3).await.unwrap();
    assert_eq!((sequences(&short.items), short.gap), (vec![8, 9, 10], true));
    let none = store.replay(&user, 2, 0).await.unwrap();
    assert!(none.items.is_empty() && none.gap);
    // A number that was never given: the inbox it belongs to was erased.
    let strange = store.replay(&user, 11, 10).await.unwrap();
    assert!(strange.items.is_empty() && strange.gap);
    assert!(store.replay(&user, u64::MAX, 10).await.unwrap().gap);
}

/// Marking as read is idempotent: the first time stands, and unread items are counted once.
pub async fn reading_counts_once_and_the_first_time_stands(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let items = deliver(&**store, deliveries(&user, 3)).await;
    let id = &items[1].notification.notification_id;
    for time in [at(10), at(20)] {
        let read = store.mark_read(&user, id, time).await.unwrap().unwrap();
        assert_eq!(read, InboxItem { read_at: Some(at(10)), ..items[1].clone() });
        assert_eq!(unread(&**store, &user).await, 2);
    }
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!(page.items[1].read_at, Some(at(10)));
    let unknown = NotificationId::new(unique("notification")).unwrap();
    assert_eq!(store.mark_read(&user, &unknown, at(1)).await.unwrap(), None);
}

/// No call shows one shopper what belongs to another, however alike their names are.
pub async fn no_shopper_sees_what_belongs_to_another(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let longer = UserId::new(format!("{user}1")).unwrap();
    let own = deliver(&**store, deliveries(&user, 2)).await;
    let theirs = deliver(&**store, deliveries(&longer, 3)).await;
    assert_eq!(inbox(&**store, &user, 10).await.len(), 2);
    assert_eq!(inbox(&**store, &longer, 10).await.len(), 3);
    assert_eq!(store.replay(&user, 0, 10).await.unwrap().items, own);
    let id = &theirs[0].notification.notification_id;
    assert_eq!(store.mark_read(&user, id, at(1)).await.unwrap(), None);
    assert_eq!(unread(&**store, &longer).await, 3);
    assert_eq!(store.erase(&user).await.unwrap(), 2);
    assert_eq!(inbox(&**store, &longer, 10).await.len(), 3);
}

fn quiet() -> NotificationSettings {
    let mut settings = NotificationSettings { push: false, sms: true, ..NotificationSettings::default() };
    settings.kinds.low_stock = false;
    settings
}

/// Settings are the default until the shopper says otherwise.
pub async fn settings_are_the_default_until_they_are_put(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let (user, other) = (new_user(), new_user());
    assert_eq!(store.settings(&user).await.unwrap(), NotificationSettings::default());
    store.put_settings(&user, quiet()).await.unwrap();
    assert_eq!(store.settings(&user).await.unwrap(), quiet());
    assert_eq!(store.settings(&other).await.unwrap(), NotificationSettings::default());
}

/// Erasure forgets inbox and settings; what was told before is not told again.
pub async fn erasure_forgets_inbox_and_settings(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let given = deliveries(&user, 4);
    deliver(&**store, given.clone()).await;
    store.put_settings(&user, quiet()).await.unwrap();
    assert_eq!(store.erase(&user).await.unwrap(), 4);
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert!(page.items.is_empty() && page.unread == 0 && page.next.is_none());
    assert_eq!(store.settings(&user).await.unwrap(), NotificationSettings::default());
    assert_eq!(store.erase(&user).await.unwrap(), 0);
    assert!(store.replay(&user, 4, 10).await.unwrap().gap);
    assert_eq!(store.deliver(given[..1].to_vec()).await.unwrap(), [DeliveryOutcome::Duplicate]);
}

/// After an erasure an old id marks nothing, although numbers begin at 1 again.
pub async fn after_an_erasure_old_ids_mark_nothing(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let old = deliver(&**store, deliveries(&user, 1)).await;
    store.erase(&user).await.unwrap();
    let new = deliver(&**store, deliveries(&user, 1)).await;
    assert_eq!(new[0].sequence, 1);
    assert_eq!(store.mark_read(&user, &old[0].notification.notification_id, at(1)).await.unwrap(), None);
    assert_eq!(unread(&**store, &user).await, 1);
}

/// Streams hear of the deliveries of their shopper, in order, from when they subscribed.
pub async fn deliveries_are_told_to_their_shopper_in_order(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let (user, other) = (new_user(), new_user());
    let before = deliver(&**store, deliveries(&user, 1)).await;
    let (mut of_user, mut of_other) = (store.subscribe(&user), store.subscribe(&other));
    let mut expected = deliver(&**store, deliveries(&user, 3)).await;
    expected.extend(deliver(&**store, deliveries(&user, 2)).await);
    let mut told = Vec::new();
    eventually("all are told", async || {
        while let Ok(item) = of_user.try_recv() {
            // One of a moment ago may be among them.
            if !before.contains(&item) {
                told.push(item);
            }
        }
        (told.len() >= expected.len()).then_some(())
    })
    .await;
    assert_eq!(told, expected);
    assert_eq!(of_other.try_recv(), Err(TryRecvError::Empty));
}

/// What was delivered, marked and wanted is durable when the call returns.
pub async fn deliveries_marks_and_settings_are_there_after_reopening(subject: &mut impl Subject) {
    let user = new_user();
    let store = &subject.ports().notifications;
    let given = deliveries(&user, 3);
    let items = deliver(&**store, given.clone()).await;
    store.mark_read(&user, &items[0].notification.notification_id, at(7)).await.unwrap();
    store.put_settings(&user, quiet()).await.unwrap();
    subject.reopen().await;
    let store = &subject.ports().notifications;
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!((sequences(&page.items), page.unread), (vec![3, 2, 1], 2));
    assert_eq!(page.items[2].read_at, Some(at(7)));
    assert_eq!(store.settings(&user).await.unwrap(), quiet());
    assert_eq!(store.deliver(given[2..].to_vec()).await.unwrap(), [DeliveryOutcome::Duplicate]);
    assert_eq!(deliver(&**store, deliveries(&user, 1)).await[0].sequence, 4);
}
