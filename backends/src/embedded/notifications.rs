//! Inboxes: a shopper's items by number, what was told before, settings.

mod stored;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use fjall::{Keyspace, OwnedWriteBatch as WriteBatch};
use parking_lot::Mutex;
use rep_core::ports::StoreError;
use rep_core::ports::notifications::{
    Delivery, DeliveryOutcome, InboxItem, InboxPage, Notifications, Replay,
};
use rep_core::{NotificationId, NotificationSettings, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::codec::{decode, encode};
use super::db::Db;
use super::error::{corrupt, interrupted, store_error};
use super::id_hash::IdHash;
use super::scrub;
use crate::hub::Hub;
use crate::inbox::{self, INBOX_ITEMS_MAX, Numbers};

const VERSION: u8 = 1;
/// The keyspace of what was delivered.
pub(crate) const DELIVERED: &str = "notifications_delivered";

/// The notifications of a data directory; cheap to clone.
#[derive(Clone)]
pub struct EmbeddedNotifications {
    shared: Arc<Shared>,
}

struct Shared {
    db: Db,
    ids: IdHash,
    items: Keyspace,
    /// What went over other channels alone, by a number of its own.
    unlisted: Keyspace,
    /// Notification id → sequence, 0 for what is unlisted: what was delivered before.
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

impl Inbox {
    fn numbers(self) -> Numbers {
        Numbers { first: self.first, last: self.last }
    }
}

impl EmbeddedNotifications {
    pub(crate) fn open(db: &Db, ids: IdHash) -> Result<Self, StoreError> {
        let shared = Shared {
            db: db.clone(),
            ids,
            items: db.keyspace("notifications")?,
            unlisted: db.keyspace("notifications_unlisted")?,
            delivered: db.keyspace(DELIVERED)?,
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

    fn delivered_key(&self, user: &UserId, id: &NotificationId) -> [u8; 16] {
        self.ids.of_two(user.as_str(), id.as_str())
    }

    fn item(&self, user: &UserId, sequence: u64) -> Result<Option<InboxItem>, StoreError> {
        let bytes = self.items.get(item_key(user, sequence)).map_err(store_error)?;
        bytes.map(|bytes| stored::item(&bytes)).transpose()
    }

    fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        let _writing = self.writing.lock();
        let mut batch = self.db.batch();
        let mut inboxes: HashMap<UserId, (Inbox, Inbox)> = HashMap::new();
        let mut unlisted: HashMap<UserId, (u64, Vec<InboxItem>)> = HashMap::new();
        let mut together: HashSet<[u8; 16]> = HashSet::new();
        let mut outcomes = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let is_in_app = delivery.is_in_app();
            let Delivery { notification, channels, at } = delivery;
            let key = self.delivered_key(&notification.user_id, &notification.notification_id);
            if together.contains(&key) || self.delivered.contains_key(key).map_err(store_error)? {
                outcomes.push(DeliveryOutcome::Duplicate);
                continue;
            }
            together.insert(key);
            if !is_in_app {
                let user = notification.user_id.clone();
                let (before, items) = match unlisted.entry(user.clone()) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert((self.last_unlisted(&user)?, Vec::new())),
                };
                let sequence = *before + items.len() as u64 + 1;
                items.push(InboxItem { notification, sequence, delivered_at: at, channels, read_at: None });
                batch.insert(&self.delivered, key, 0_u64.to_be_bytes());
                outcomes.push(DeliveryOutcome::Unlisted);
                continue;
            }
            let (_, inbox) = match inboxes.entry(notification.user_id.clone()) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let inbox = self.inbox_of(&notification.user_id)?;
                    entry.insert((inbox, inbox))
                }
            };
            inbox.last += 1;
            inbox.unread += 1;
            let sequence = inbox.last;
            batch.insert(&self.delivered, key, sequence.to_be_bytes());
            let item = InboxItem { notification, sequence, delivered_at: at, channels, read_at: None };
            outcomes.push(DeliveryOutcome::Delivered(item));
        }
        for (user, (before, inbox)) in &mut inboxes {
            self.make_room(user, *before, inbox, &mut batch)?;
            batch.insert(&self.inboxes, user.as_str(), encode(VERSION, inbox)?);
        }
        for (user, (before, items)) in &unlisted {
            self.put_unlisted(user, *before, items, &mut batch)?;
        }
        let delivered = outcomes.iter().filter_map(|outcome| match outcome {
            DeliveryOutcome::Delivered(item) => Some(item),
            DeliveryOutcome::Unlisted | DeliveryOutcome::Duplicate => None,
        });
        for item in delivered.clone() {
            let user = &item.notification.user_id;
            // More may come in one call than an inbox keeps.
            if inboxes.get(user).is_some_and(|(_, inbox)| item.sequence >= inbox.first) {
                batch.insert(&self.items, item_key(user, item.sequence), stored::item_bytes(item)?);
            }
        }
        self.db.write_synced(batch)?;
        for item in delivered {
            self.hub.publish(&item.notification.user_id, item.clone());
        }
        Ok(outcomes)
    }

    /// The number of the last unlisted delivery, 0 if there is none.
    fn last_unlisted(&self, user: &UserId) -> Result<u64, StoreError> {
        let last = self.unlisted.range(item_key(user, 0)..=item_key(user, u64::MAX)).next_back();
        let Some(last) = last else { return Ok(0) };
        let (_, value) = last.into_inner().map_err(store_error)?;
        Ok(stored::item(&value)?.sequence)
    }

    /// Keeps the newest of `items`, which follow number `before`; lets the oldest leave that there is no room for.
    fn put_unlisted(
        &self,
        user: &UserId,
        before: u64,
        items: &[InboxItem],
        batch: &mut WriteBatch,
    ) -> Result<(), StoreError> {
        let first = |last: u64| (last + 1).saturating_sub(INBOX_ITEMS_MAX).max(1);
        let kept = first(before + items.len() as u64);
        for leaves in first(before)..kept.min(before + 1) {
            batch.remove(&self.unlisted, item_key(user, leaves));
        }
        for item in items.iter().filter(|item| item.sequence >= kept) {
            batch.insert(&self.unlisted, item_key(user, item.sequence), stored::item_bytes(item)?);
        }
        Ok(())
    }

    fn recent(&self, user: &UserId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let mut items = self.page(user, self.inbox_of(user)?, None, limit)?.items;
        let unlisted = self.unlisted.range(item_key(user, 0)..=item_key(user, u64::MAX));
        for entry in unlisted.rev().take(limit) {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            items.push(stored::item(&value)?);
        }
        Ok(inbox::newest(items.into_iter().map(Delivery::from).collect(), limit))
    }

    /// Lets the oldest items leave that the inbox has no room for; `before` is the inbox as it is on disk.
    fn make_room(
        &self,
        user: &UserId,
        before: Inbox,
        inbox: &mut Inbox,
        batch: &mut WriteBatch,
    ) -> Result<(), StoreError> {
        let first = inbox.first.max((inbox.last + 1).saturating_sub(INBOX_ITEMS_MAX));
        for sequence in inbox.first..first {
            let is_unread = if sequence > before.last {
                true
            } else {
                batch.remove(&self.items, item_key(user, sequence));
                self.item(user, sequence)?.is_some_and(|item| item.read_at.is_none())
            };
            inbox.unread = inbox.unread.saturating_sub(u64::from(is_unread));
        }
        inbox.first = first;
        Ok(())
    }

    fn page(
        &self,
        user: &UserId,
        inbox: Inbox,
        before: Option<u64>,
        limit: usize,
    ) -> Result<InboxPage, StoreError> {
        let Range { start, end } = inbox.numbers().before(before);
        let mut items = Vec::new();
        for entry in self.items.range(item_key(user, start)..item_key(user, end)).rev().take(limit) {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            items.push(stored::item(&value)?);
        }
        Ok(inbox.numbers().page(items, inbox.unread, limit))
    }

    fn replay(&self, user: &UserId, after: u64, limit: usize) -> Result<Replay, StoreError> {
        let numbers = match self.inbox_of(user)?.numbers().after(after, limit) {
            Ok(numbers) => numbers,
            Err(replay) => return Ok(replay),
        };
        let mut items: Vec<InboxItem> = Vec::new();
        for entry in self.items.range(item_key(user, *numbers.start())..=item_key(user, *numbers.end())) {
            let (_, value) = entry.into_inner().map_err(store_error)?;
            items.push(stored::item(&value)?);
        }
        Ok(inbox::replay(after, items))
    }

    fn mark_read(
        &self,
        user: &UserId,
        id: &NotificationId,
        at: Timestamp,
    ) -> Result<Option<InboxItem>, StoreError> {
        let _writing = self.writing.lock();
        let Some(bytes) = self.delivered.get(self.delivered_key(user, id)).map_err(store_error)? else {
            return Ok(None);
        };
        let sequence = <[u8; 8]>::try_from(&bytes[..]).map_err(|_| corrupt("a delivery has no number"))?;
        let Some(mut item) = self.item(user, u64::from_be_bytes(sequence))? else { return Ok(None) };
        if item.notification.notification_id != *id {
            // After an erasure numbers begin anew: this one is another notification's now.
            return Ok(None);
        }
        if item.read_at.is_some() {
            return Ok(Some(item));
        }
        item.read_at = Some(at);
        let mut inbox = self.inbox_of(user)?;
        inbox.unread = inbox.unread.saturating_sub(1);
        let mut batch = self.db.batch();
        batch.insert(&self.items, item_key(user, item.sequence), stored::item_bytes(&item)?);
        batch.insert(&self.inboxes, user.as_str(), encode(VERSION, &inbox)?);
        self.db.write_synced(batch)?;
        Ok(Some(item))
    }

    fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        let _writing = self.writing.lock();
        let mut batch = self.db.batch();
        let mut count = 0;
        for kept in [&self.items, &self.unlisted] {
            for entry in kept.range(item_key(user, 0)..=item_key(user, u64::MAX)) {
                batch.remove(kept, entry.key().map_err(store_error)?);
                count += 1;
            }
        }
        // The deliveries stay known: what was told before is not told again after a replay. They are
        // hashes, and say nothing about the person.
        batch.remove(&self.inboxes, user.as_str());
        batch.remove(&self.settings, user.as_str());
        self.db.write_removals(batch)?;
        scrub::note(self.db.path())?;
        Ok(count)
    }
}

#[async_trait]
impl Notifications for EmbeddedNotifications {
    async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        self.blocking(move |shared| shared.deliver(deliveries)).await
    }

    async fn inbox(&self, user: &UserId, before: Option<u64>, limit: usize) -> Result<InboxPage, StoreError> {
        let inbox = self.shared.inbox_of(user)?;
        if inbox.last == 0 {
            // Before a shopper's first notification, that of thousands at once perhaps, no thread is needed.
            return Ok(InboxPage::default());
        }
        let user = user.clone();
        self.blocking(move |shared| shared.page(&user, inbox, before, limit)).await
    }

    async fn recent(&self, user: &UserId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let user = user.clone();
        self.blocking(move |shared| shared.recent(&user, limit)).await
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
