//! Inbox, history and live streams of notifications.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::StoreError;
use crate::{Notification, NotificationId, NotificationSettings, Timestamp, UserId};

/// The channel of the inbox and the live streams.
pub const IN_APP: &str = "in-app";

/// A notification in a shopper's inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboxItem {
    /// What was told.
    pub notification: Notification,
    /// Its number in this shopper's inbox, from 1, without gaps; the id of stream events.
    pub sequence: u64,
    /// When it was delivered.
    pub delivered_at: Timestamp,
    /// Over which channels, such as `in-app` or `push`.
    pub channels: Vec<String>,
    /// When it was read.
    pub read_at: Option<Timestamp>,
}

/// A notification to be delivered, or that was.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// What is told.
    pub notification: Notification,
    /// Over which channels. Without [`IN_APP`] the inbox does not show it.
    pub channels: Vec<String>,
    /// When.
    pub at: Timestamp,
}

impl Delivery {
    /// Whether the inbox and the live streams show it.
    pub fn is_in_app(&self) -> bool {
        self.channels.iter().any(|channel| channel == IN_APP)
    }
}

impl From<InboxItem> for Delivery {
    fn from(item: InboxItem) -> Self {
        Self { notification: item.notification, channels: item.channels, at: item.delivered_at }
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every outcome is the large one")]
pub enum DeliveryOutcome {
    /// It is in the inbox, and live streams were told.
    Delivered(InboxItem),
    /// It is new and goes over other channels alone: it is known from now on, and no inbox or stream shows it.
    Unlisted,
    /// It was known already, whichever channels it went over; nobody was told again.
    Duplicate,
}

/// A page of an inbox, newest first.
#[derive(Clone, Debug, Default)]
pub struct InboxPage {
    /// The items.
    pub items: Vec<InboxItem>,
    /// All unread items of the inbox.
    pub unread: u64,
    /// Sequence before which the next page begins; `None` at the end.
    pub next: Option<u64>,
}

/// What a stream missed while it was away.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The items after the sequence asked for, oldest first.
    pub items: Vec<InboxItem>,
    /// Whether some that belong before `items` are no longer kept, or more are missing than fit.
    pub gap: bool,
}

/// Inboxes.
///
/// - `deliver` is idempotent by notification id, durable when it returns, and only then tells streams.
/// - A delivery without the channel [`IN_APP`] is known by its id as any other, and shows nowhere: it has no number, is
///   never unread, and cannot be marked as read.
/// - An inbox keeps its newest 1,000 items; older ones leave. As many of the others are known to `recent`.
/// - Everything is by shopper: no call shows one shopper what belongs to another.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Puts notifications into inboxes; gives an outcome for each, in their order.
    async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError>;

    /// Up to `limit` items with a sequence below `before`.
    async fn inbox(&self, user: &UserId, before: Option<u64>, limit: usize) -> Result<InboxPage, StoreError>;

    /// The newest deliveries to a shopper, up to `limit`, newest first, whether the inbox shows them or not.
    async fn recent(&self, user: &UserId, limit: usize) -> Result<Vec<Delivery>, StoreError>;

    /// Up to `limit` items with a sequence above `after`, the newest if not all fit. A number that this inbox
    /// has not given yet is a gap: it belongs to one that was erased.
    async fn replay(&self, user: &UserId, after: u64, limit: usize) -> Result<Replay, StoreError>;

    /// Marks an item of this shopper as read; `None` if they have no such item. Idempotent: the first time
    /// stands.
    async fn mark_read(
        &self,
        user: &UserId,
        id: &NotificationId,
        at: Timestamp,
    ) -> Result<Option<InboxItem>, StoreError>;

    /// What the shopper wants; the default if they never said.
    async fn settings(&self, user: &UserId) -> Result<NotificationSettings, StoreError>;

    /// Keeps what the shopper wants.
    async fn put_settings(&self, user: &UserId, settings: NotificationSettings) -> Result<(), StoreError>;

    /// Forgets inbox and settings of a shopper; gives how many deliveries went. What was delivered stays known, as
    /// bare hashes, so that a repeat is not told again; numbers begin at 1 again.
    async fn erase(&self, user: &UserId) -> Result<u64, StoreError>;

    /// Deliveries to one shopper from now on; one of a moment ago may be among them. A receiver that falls behind its
    /// bound loses the oldest and is told so. It is closed when something may have been missed otherwise.
    fn subscribe(&self, user: &UserId) -> broadcast::Receiver<InboxItem>;
}
