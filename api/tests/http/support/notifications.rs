//! Inboxes in memory, which can forget their oldest items and announce less than they keep.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rep_core::ports::StoreError;
use rep_core::ports::notifications::{
    Delivery, DeliveryOutcome, InboxItem, InboxPage, Notifications, Replay,
};
use rep_core::{
    Currency, InterestReason, Notification, NotificationId, NotificationKind, NotificationSettings,
    ProductId, Timestamp, TraceId, UserId,
};
use tokio::sync::broadcast;

use super::NOW_MS;

/// Announcements that a receiver may be behind.
const HUB: usize = 4;

#[derive(Default)]
pub(crate) struct MemoryNotifications {
    inboxes: Mutex<HashMap<UserId, Inbox>>,
    settings: Mutex<HashMap<UserId, NotificationSettings>>,
    hubs: Mutex<HashMap<UserId, broadcast::Sender<InboxItem>>>,
    /// Deliveries are kept and nobody is told.
    pub(crate) silent: AtomicBool,
}

#[derive(Default)]
struct Inbox {
    items: Vec<InboxItem>,
    sequence: u64,
}

impl MemoryNotifications {
    fn hub(&self, user: &UserId) -> broadcast::Sender<InboxItem> {
        let mut hubs = self.hubs.lock().unwrap();
        hubs.entry(user.clone()).or_insert_with(|| broadcast::Sender::new(HUB)).clone()
    }

    /// Tells `user` about product `p{number}`.
    pub(crate) async fn tell(&self, user: &str, number: u64) {
        let notification = Notification {
            notification_id: NotificationId::new(format!("{user}-n{number}")).unwrap(),
            trace_id: TraceId::new(format!("t{number}")).unwrap(),
            user_id: UserId::new(user).unwrap(),
            product_id: ProductId::new(format!("p{number}")).unwrap(),
            product_name: format!("Product {number}"),
            kind: NotificationKind::PriceDrop,
            reason: InterestReason::Carted,
            currency: Currency::EUR,
            price_before: Some(2000),
            price_after: 1500,
            stock_after: 4,
            timestamp: Timestamp::from_ms(NOW_MS),
            merged: 0,
        };
        let at = Timestamp::from_ms(NOW_MS + 5);
        let delivery = Delivery { notification, channels: vec!["in-app".to_owned()], at };
        self.deliver(vec![delivery]).await.unwrap();
    }

    /// Forgets all but the newest `kept` items.
    pub(crate) fn forget(&self, user: &str, kept: usize) {
        let mut inboxes = self.inboxes.lock().unwrap();
        let inbox = inboxes.get_mut(user).unwrap();
        let gone = inbox.items.len().saturating_sub(kept);
        inbox.items.drain(..gone);
    }
}

#[async_trait]
impl Notifications for MemoryNotifications {
    async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        let mut outcomes = Vec::new();
        for delivery in deliveries {
            let user = delivery.notification.user_id.clone();
            let item = {
                let mut inboxes = self.inboxes.lock().unwrap();
                let inbox = inboxes.entry(user.clone()).or_default();
                inbox.sequence += 1;
                let item = InboxItem {
                    notification: delivery.notification,
                    sequence: inbox.sequence,
                    delivered_at: delivery.at,
                    channels: delivery.channels,
                    read_at: None,
                };
                inbox.items.push(item.clone());
                item
            };
            if !self.silent.load(Ordering::SeqCst) {
                // Nobody may be listening.
                let _ = self.hub(&user).send(item.clone());
            }
            outcomes.push(DeliveryOutcome::Delivered(item));
        }
        Ok(outcomes)
    }

    async fn inbox(&self, user: &UserId, before: Option<u64>, limit: usize) -> Result<InboxPage, StoreError> {
        let inboxes = self.inboxes.lock().unwrap();
        let all = inboxes.get(user).map(|inbox| inbox.items.as_slice()).unwrap_or_default();
        let mut items: Vec<_> = all
            .iter()
            .rev()
            .filter(|i| before.is_none_or(|b| i.sequence < b))
            .take(limit + 1)
            .cloned()
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|item| item.sequence);
        let unread = all.iter().filter(|item| item.read_at.is_none()).count() as u64;
        Ok(InboxPage { items, unread, next })
    }

    async fn recent(&self, user: &UserId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.inbox(user, None, limit).await?.items.into_iter().map(Delivery::from).collect())
    }

    async fn replay(&self, user: &UserId, after: u64, limit: usize) -> Result<Replay, StoreError> {
        let inboxes = self.inboxes.lock().unwrap();
        let Some(inbox) = inboxes.get(user) else { return Ok(Replay { items: Vec::new(), gap: false }) };
        let mut items: Vec<_> = inbox.items.iter().filter(|i| i.sequence > after).cloned().collect();
        let first = items.first().map_or(inbox.sequence + 1, |item| item.sequence);
        let gap = first > after + 1 || items.len() > limit;
        items.drain(..items.len().saturating_sub(limit));
        Ok(Replay { items, gap })
    }

    async fn mark_read(
        &self,
        user: &UserId,
        id: &NotificationId,
        at: Timestamp,
    ) -> Result<Option<InboxItem>, StoreError> {
        let mut inboxes = self.inboxes.lock().unwrap();
        let Some(inbox) = inboxes.get_mut(user) else { return Ok(None) };
        let item = inbox.items.iter_mut().find(|item| item.notification.notification_id == *id);
        Ok(item.map(|item| {
            item.read_at.get_or_insert(at);
            item.clone()
        }))
    }

    async fn settings(&self, user: &UserId) -> Result<NotificationSettings, StoreError> {
        Ok(self.settings.lock().unwrap().get(user).cloned().unwrap_or_default())
    }

    async fn put_settings(&self, user: &UserId, settings: NotificationSettings) -> Result<(), StoreError> {
        self.settings.lock().unwrap().insert(user.clone(), settings);
        Ok(())
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        self.settings.lock().unwrap().remove(user);
        Ok(self.inboxes.lock().unwrap().remove(user).map_or(0, |inbox| inbox.items.len() as u64))
    }

    fn subscribe(&self, user: &UserId) -> broadcast::Receiver<InboxItem> {
        self.hub(user).subscribe()
    }
}
