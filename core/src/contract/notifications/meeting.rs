//! Shoppers whose ids have one hash, where it is not a cryptographic one.

use super::super::support::{Subject, at, meeting_users};
use super::{deliver, deliveries, inbox, quiet, unread};
use crate::NotificationSettings;

/// Two shoppers whose ids meet in a fast hash have two inboxes, and one's erasure takes nothing of the other's.
pub async fn shoppers_whose_hashes_meet_share_nothing(subject: &mut impl Subject) {
    let store = &subject.ports().notifications;
    let (one, other) = meeting_users();
    let own = deliver(&**store, deliveries(&one, 2)).await;
    let theirs = deliver(&**store, deliveries(&other, 3)).await;
    assert_eq!((own[1].sequence, theirs[2].sequence), (2, 3));
    store.put_settings(&other, quiet()).await.unwrap();
    assert_eq!(store.settings(&one).await.unwrap(), NotificationSettings::default());
    assert_eq!(inbox(&**store, &one, 10).await.len(), 2);
    assert_eq!(store.replay(&one, 0, 10).await.unwrap().items, own);
    assert_eq!(store.recent(&one, 10).await.unwrap().len(), 2);
    let id = &theirs[0].notification.notification_id;
    assert_eq!(store.mark_read(&one, id, at(1)).await.unwrap(), None);
    assert_eq!(unread(&**store, &other).await, 3);
    assert_eq!(store.erase(&one).await.unwrap(), 2);
    assert_eq!(inbox(&**store, &other, 10).await.len(), 3);
    assert_eq!(store.settings(&other).await.unwrap(), quiet());
}
