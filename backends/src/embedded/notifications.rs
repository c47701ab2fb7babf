//! Inboxes: a shopper's items by number, what was told before, settings.

use std::collections::HashMap;

use std::sync::Arc;

use async_trait::async_trait;
use fjall::Keyspace;
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::notifications::{Delivery, DeliveryOutcome, InboxItem, InboxPage, Notifications, Replay};
use rep_core::{NotificationId, NotificationSettings, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::codec::{decode, encode};
use super::db::Db;
use super::error::{corrupt, interrupted, store_error};
use super::hub::Hub;

const VERSION: u8 = 1;
/// Items an inbox keeps.
const INBOX_ITEMS_MAX: u64 = 1000;

/// The notifications of a data directory; cheap to clone.
#[derive(Clone)]
pub struct EmbeddedNotifications {
    shared: Arc<Shared>,
}

struct Shared {
    db: Db,
    items: Keyspace,
    /// Notification id → sequence: what was delivered before.
    delivered: Keyspace,
    inboxes: Keyspace,
    settings: Keyspace,
    hub: Hub<InboxItem>,
    /// Inboxes are read, changed and written by one at a time.
    writing: Mutex<()>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Inbox {
    last: u64,
    first: u64,
    unread: u64,
}

impl EmbeddedNotifications {
    pub(crate) fn open(db: &Db) -> Result<Self, StoreError> {
        let shared = Shared {
            db: db.clone(),
            items: db.keyspace("notifications")?,
            delivered: db.keyspace("notifications_delivered")?,
            inboxes: db.keyspace("inboxes")?,
            settings: db.keyspace("notification_settings")?,
            hub: Hub::new(),
            writing: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(interrupted)?
    }
}

impl Shared {
    fn inbox_of(&self, user: &UserId) -> Result<Inbox, StoreError> {
        match self.inboxes.get(user.as_str()).map_err(store_error)? {
            Some(bytes) => decode(VERSION, &bytes, "an inbox"),
            None => Ok(Inbox { first: 1, ..Inbox::default() }),
        }
    }

    fn item(&self, user: &UserId, sequence: u64) -> Result<Option<InboxItem>, StoreError> {
        let bytes = self.items.get(item_key(user, sequence)).map_err(store_error)?;
        bytes.map(|bytes| decode(VERSION, &bytes, "a notification")).transpose()
    }

    fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        let _writing = self.writing.lock();
        let mut batch = self.db.batch();
        let mut inboxes: HashMap<UserId, Inbox> = HashMap::new();
        let mut together: HashMap<Vec<u8>, ()> = HashMap::new();
        let mut outcomes = Vec::with_capacity(deliveries.len());
        for Delivery { notification, channels, at } in deliveries {
            let user = notification.user_id.clone();
            let key = delivered_key(&user, &notification.notification_id);
            let known = together.contains_key(&key) || self.delivered.contains_key(&key).map_err(store_error)?;
            if known {
                outcomes.push(DeliveryOutcome::Duplicate);
                continue;
            }
            let mut inbox = match inboxes.get(&user) {
                Some(inbox) => *inbox,
                None => self.inbox_of(&user)?,
            };
            inbox.last += 1;
            inbox.unread += 1;
            let sequence = inbox.last;
            while inbox.last - inbox.first >= INBOX_ITEMS_MAX {
                if self.item(&user, inbox.first)?.is_some_and(|item| item.read_at.is_none()) {
                    inbox.unread = inbox.unread.saturating_sub(1);
                }
                batch.remove(&self.items, item_key(&user, inbox.first));
                inbox.first += 1;
            }
            let item = InboxItem { notification, sequence, delivered_at: at, channels, read_at: None };
            batch.insert(&self.items, item_key(&user, sequence), encode(VERSION, &item)?);
            batch.insert(&self.delivered, key.clone(), sequence.to_be_bytes());
            together.insert(key, ());
            inboxes.insert(user, inbox);
            outcomes.push(DeliveryOutcome::Delivered(item));
        }
        for (user, inbox) in &inboxes {
            batch.insert(&self.inboxes, user.as_str(), encode(VERSION, inbox)?);
        }
        self.db.write_synced(batch)?;
        for outcome in &outcomes {
            if let DeliveryOutcome::Delivered(item) = outcome {
                self.hub.publish(&item.notification.user_id, item.clone());
            }
        }
        Ok(outcomes)
    }

    fn page(&self, user: &UserId, before: Option<u64>, limit: usize) -> Result<InboxPage, StoreError> {
        let inbox = self.inbox_of(user)?;
        let end = before.unwrap_or(u64::MAX).min(inbox.last + 1);
        let mut items = Vec::new();
        for entry in self.items.range(item_key(user, 0)..item_key(user, end)).rev().take(limit) {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            items.push(decode::<InboxItem>(VERSION, &value, "a notification")?);
        }
        let next = items.last().map(|item| item.sequence).filter(|sequence| *sequence > inbox.first);
        let next = next.filter(|_| items.len() == limit);
        Ok(InboxPage { items, unread: inbox.unread, next })
    }

    fn replay(&self, user: &UserId, after: u64, limit: usize) -> Result<Replay, StoreError> {
        let inbox = self.inbox_of(user)?;
        if after > inbox.last {
            // The shopper was erased, or this number is not from here.
            return Ok(Replay { items: Vec::new(), gap: true });
        }
        let mut from = after + 1;
        let mut gap = from < inbox.first;
        let missing = usize::try_from(inbox.last - after).unwrap_or(usize::MAX);
        if missing > limit {
            gap = true;
            from = inbox.last + 1 - u64::try_from(limit).unwrap_or(u64::MAX).min(inbox.last);
        }
        let mut items = Vec::new();
        for entry in self.items.range(item_key(user, from)..=item_key(user, inbox.last)) {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            items.push(decode::<InboxItem>(VERSION, &value, "a notification")?);
        }
        Ok(Replay { items, gap })
    }

    fn mark_read(&self, user: &UserId, id: &NotificationId, at: Timestamp) -> Result<Option<InboxItem>, StoreError> {
        let _writing = self.writing.lock();
        let Some(bytes) = self.delivered.get(delivered_key(user, id)).map_err(store_error)? else { return Ok(None) };
        let sequence = <[u8; 8]>::try_from(&bytes[..]).map_err(|_| corrupt("a delivery has no number"))?;
        let Some(mut item) = self.item(user, u64::from_be_bytes(sequence))? else { return Ok(None) };
        if item.read_at.is_some() {
            return Ok(Some(item));
        }
        item.read_at = Some(at);
        let mut inbox = self.inbox_of(user)?;
        inbox.unread = inbox.unread.saturating_sub(1);
        let mut batch = self.db.batch();
        batch.insert(&self.items, item_key(user, item.sequence), encode(VERSION, &item)?);
        batch.insert(&self.inboxes, user.as_str(), encode(VERSION, &inbox)?);
        self.db.write_synced(batch)?;
        Ok(Some(item))
    }

    fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let _writing = self.writing.lock();
        let mut batch = self.db.batch();
        let mut count = 0;
        for entry in self.items.range(item_key(user, 0)..=item_key(user, u64::MAX)) {
            batch.remove(&self.items, entry.key().map_err(store_error)?);
            count += 1;
        }
        // The deliveries stay known: what was told before is not told again after a replay. They are
        // hashes, and say nothing about the person.
        batch.remove(&self.inboxes, user.as_str());
        batch.remove(&self.settings, user.as_str());
        self.db.write_synced(batch)?;
        Ok(count)
    }
}

#[async_trait]
impl Notifications for EmbeddedNotifications {
    async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        self.blocking(move |shared| shared.deliver(deliveries)).await
    }

    async fn inbox(&self, user: &UserId, before: Option<u64>, limit: usize) -> Result<InboxPage, StoreError> {
        let user = user.clone();
        self.blocking(move |shared| shared.page(&user, before, limit)).await
    }

    async fn replay(&self, user: &UserId, after: u64, limit: usize) -> Result<Replay, StoreError> {
        let user = user.clone();
        self.blocking(move |shared| shared.replay(&user, after, limit)).await
    }

    async fn mark_read(
        &self,
        user: &UserId,
        id: &NotificationId,
        at: Timestamp,
    ) -> Result<Option<InboxItem>, StoreError> {
        let (user, id) = (user.clone(), id.clone());
        self.blocking(move |shared| shared.mark_read(&user, &id, at)).await
    }

    async fn settings(&self, user: &UserId) -> Result<NotificationSettings, StoreError> {
        match self.shared.settings.get(user.as_str()).map_err(store_error)? {
            Some(bytes) => decode(VERSION, &bytes, "notification settings"),
            None => Ok(NotificationSettings::default()),
        }
    }

    async fn put_settings(&self, user: &UserId, settings: NotificationSettings) -> Result<(), StoreError> {
        let user = user.clone();
        self.blocking(move |shared| {
            let mut batch = shared.db.batch();
            batch.insert(&shared.settings, user.as_str(), encode(VERSION, &settings)?);
            shared.db.write_synced(batch)
        })
        .await
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let user = user.clone();
        self.blocking(move |shared| shared.erase(&user)).await
    }

    fn subscribe(&self, user: &UserId) -> broadcast::Receiver<InboxItem> {
        self.shared.hub.subscribe(user)
    }
}

fn item_key(user: &UserId, sequence: u64) -> Vec<u8> {
    [user.as_str().as_bytes(), &[0], &sequence.to_be_bytes()].concat()
}

fn delivered_key(user: &UserId, id: &NotificationId) -> Vec<u8> {
    let text = [user.as_str().as_bytes(), &[0], id.as_str().as_bytes()].concat();
    rep_core::stable_hash128(&text).to_be_bytes().to_vec()
}
