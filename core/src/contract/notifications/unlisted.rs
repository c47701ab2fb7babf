//! What goes over other channels alone.

use std::slice::from_ref;

use super::super::support::{Subject, at, eventually, new_user};
use super::{delivery, unread};
use crate::ports::notifications::{Delivery, DeliveryOutcome};

/// Without the channel `in-app` a delivery is known by its id, and shows nowhere: no number, not unread, no stream.
pub async fn what_goes_over_other_channels_alone_is_known_and_shows_nowhere(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let user = new_user();
    let mut receiver = store.subscribe(&user);
    let unlisted = Delivery { channels: vec!["push".to_owned()], ..delivery(&user, 1) };
    let nowhere = Delivery { channels: Vec::new(), ..delivery(&user, 2) };
    let listed = delivery(&user, 3);
    let given = vec![unlisted.clone(), unlisted.clone(), nowhere.clone(), listed.clone()];
    let outcomes = store.deliver(given).await.unwrap();
    assert_eq!(
        outcomes[..3],
        [DeliveryOutcome::Unlisted, DeliveryOutcome::Duplicate, DeliveryOutcome::Unlisted]
    );
    let DeliveryOutcome::Delivered(item) = &outcomes[3] else { panic!("{:?}", outcomes[3]) };
    assert_eq!(item.sequence, 1);
    let page = store.inbox(&user, None, 10).await.unwrap();
    assert_eq!((page.items.as_slice(), page.unread), (from_ref(item), 1));
    assert_eq!(store.replay(&user, 0, 10).await.unwrap().items, from_ref(item));
    let mut told = Vec::new();
    eventually("the listed one is told", async || {
        while let Ok(item) = receiver.try_recv() {
            told.push(item);
        }
        (!told.is_empty()).then_some(())
    })
    .await;
    assert_eq!(told, from_ref(item));
    let id = &unlisted.notification.notification_id;
    assert_eq!(store.mark_read(&user, id, at(9)).await.unwrap(), None);
    assert_eq!(unread(&**store, &user).await, 1);
    // Wanted in the app by now: it was told all the same.
    let again = Delivery { channels: listed.channels.clone(), ..unlisted };
    assert_eq!(store.deliver(vec![again.clone()]).await.unwrap(), [DeliveryOutcome::Duplicate]);
    subject.reopen().await;
    let store = &subject.ports().notifications;
    let repeats = store.deliver(vec![again, nowhere, listed]).await.unwrap();
    assert_eq!(repeats, vec![DeliveryOutcome::Duplicate; 3]);
    assert_eq!(store.erase(&user).await.unwrap(), 3);
    assert!(store.recent(&user, 10).await.unwrap().is_empty());
}

/// `recent` gives the newest deliveries, shown or not, newest first, and at most as many as an inbox keeps.
pub async fn what_was_delivered_lately_is_known_whether_it_shows_or_not(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let (user, other) = (new_user(), new_user());
    assert!(store.recent(&user, 10).await.unwrap().is_empty());
    let mut given: Vec<Delivery> = (0..9).map(|n| delivery(&user, n * 10)).collect();
    given.iter_mut().step_by(2).for_each(|delivery| delivery.channels = vec!["sms".to_owned()]);
    store.deliver(given.clone()).await.unwrap();
    store.deliver(vec![delivery(&other, 99)]).await.unwrap();
    given.reverse();
    assert_eq!(store.recent(&user, 20).await.unwrap(), given);
    assert_eq!(store.recent(&user, 4).await.unwrap(), given[..4]);
    assert!(store.recent(&user, 0).await.unwrap().is_empty());
    subject.reopen().await;
    let store = &subject.ports().notifications;
    assert_eq!(store.recent(&user, 20).await.unwrap(), given);
    let many = (0..1_003).map(|n| Delivery { channels: Vec::new(), ..delivery(&other, 100 + n) });
    store.deliver(many.collect()).await.unwrap();
    let recent = store.recent(&other, 2_000).await.unwrap();
    assert_eq!((recent.len(), recent[0].at), (1_001, at(1_107)));
}
