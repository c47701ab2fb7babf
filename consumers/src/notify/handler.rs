//! One delivery: settings, cap, inbox, channels.

use std::sync::Arc;

use ahash::AHashMap;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use metrics::Histogram;
use rep_core::avro::Codec;
use rep_core::ports::log::Record;
use rep_core::ports::notifications::{Delivery, DeliveryOutcome, InboxItem, Notifications};
use rep_core::ports::{StoreError, one_each};
use rep_core::{Notification, NotificationKind, NotificationSettings, Timestamp, UserId};
use tokio::time::Instant;

use super::cap::Cap;
use super::{Channel, ChannelOutcome, NotifyConfig, NotifyDeps};
use crate::spans::in_stage;
use crate::{Handler, RoleContext, Verdicts};

/// The inbox and the live streams, as the inbox names them.
const IN_APP: &str = "in-app";

pub(super) struct NotifyHandler {
    context: RoleContext,
    codec: Codec,
    notifications: Arc<dyn Notifications>,
    push: Arc<dyn Channel>,
    sms: Arc<dyn Channel>,
    config: NotifyConfig,
    cap: Cap,
    since_logged: Histogram,
    since_changed: Histogram,
}

/// A notification to be delivered, and when it was appended.
struct Due {
    notification: Notification,
    logged_at: Timestamp,
}

/// What is known of a shopper before delivery; the inbox is read if the cap does not know them.
struct Shopper {
    user_id: UserId,
    settings: NotificationSettings,
    inbox: Option<Vec<InboxItem>>,
}

impl NotifyHandler {
    pub(super) fn new(context: RoleContext, deps: NotifyDeps, config: NotifyConfig) -> Self {
        let stage = "notification";
        Self {
            context,
            codec: deps.codec,
            notifications: deps.notifications,
            push: deps.push,
            sms: deps.sms,
            config,
            cap: Cap::new(config.cap, config.cap_window, config.cap_shoppers),
            since_logged: metrics::histogram!("rep_freshness_seconds", "stage" => stage, "since" => "log"),
            since_changed: metrics::histogram!("rep_freshness_seconds", "stage" => stage, "since" => "event"),
        }
    }

    /// What is to be delivered. Kinds that only newer producers know are dropped.
    fn due(&self, records: &[Record], verdicts: &mut Verdicts) -> Vec<Due> {
        let mut due = Vec::with_capacity(records.len());
        for record in records {
            match self.codec.decode::<Notification>(&record.value) {
                Err(error) => verdicts.reject(record, error.reason(), error),
                Ok(notification) => {
                    verdicts.done.push(record.position);
                    if notification.kind == NotificationKind::Unknown {
                        verdicts.tally.skipped += 1;
                    } else {
                        due.push(Due { notification, logged_at: record.appended_at });
                    }
                }
            }
        }
        due
    }

    async fn settings(&mut self, due: &[Due]) -> Result<AHashMap<UserId, NotificationSettings>, StoreError> {
        let mut users: Vec<&UserId> = due.iter().map(|due| &due.notification.user_id).collect();
        users.sort_unstable();
        users.dedup();
        let lookups: Vec<_> = users.into_iter().map(|user| self.shopper(user)).collect();
        let shoppers: Vec<Shopper> =
            stream::iter(lookups).buffered(self.config.lookups).try_collect().await?;
        let mut settings = AHashMap::with_capacity(shoppers.len());
        for shopper in shoppers {
            if let Some(inbox) = shopper.inbox {
                self.cap.learn(shopper.user_id.clone(), &inbox);
            }
            settings.insert(shopper.user_id, shopper.settings);
        }
        Ok(settings)
    }

    async fn shopper(&self, user: &UserId) -> Result<Shopper, StoreError> {
        let settings = self.context.bounded(self.notifications.settings(user)).await?;
        let mut inbox = None;
        if !self.cap.knows(user) {
            let page = self.notifications.inbox(user, None, self.cap.limit());
            inbox = Some(self.context.bounded(page).await?.items);
        }
        Ok(Shopper { user_id: user.clone(), settings, inbox })
    }

    fn channels(&self, settings: &NotificationSettings) -> Vec<String> {
        let channels =
            [(settings.in_app, IN_APP), (settings.push, self.push.name()), (settings.sms, self.sms.name())];
        channels.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name.to_owned()).collect()
    }

    async fn deliver(&mut self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        let users: Vec<UserId> = deliveries.iter().map(|d| d.notification.user_id.clone()).collect();
        let outcomes = self.context.bounded(self.notifications.deliver(deliveries)).await;
        let outcomes = outcomes.and_then(|outcomes| one_each(users.len(), outcomes));
        if outcomes.is_err() {
            users.iter().for_each(|user| self.cap.forget(user));
        }
        outcomes
    }

    async fn send(&self, items: &[InboxItem]) {
        let sends: Vec<_> = items
            .iter()
            .flat_map(|item| [&self.push, &self.sms].map(|channel| (item, channel)))
            .filter(|(item, channel)| item.channels.iter().any(|name| name == channel.name()))
            .map(|(item, channel)| self.send_one(item, &**channel))
            .collect();
        stream::iter(sends).buffer_unordered(self.config.sends).collect::<Vec<()>>().await;
    }

    async fn send_one(&self, item: &InboxItem, channel: &dyn Channel) {
        let outcome = match tokio::time::timeout(self.config.send_max, channel.send(item)).await {
            Ok(ChannelOutcome::Sent) => "sent",
            Ok(ChannelOutcome::Failed { reason }) => {
                tracing::debug!(channel = channel.name(), reason, "message is not sent");
                "failed"
            }
            Err(_) => "timeout",
        };
        metrics::counter!("rep_notify_messages_total", "channel" => channel.name(), "outcome" => outcome)
            .increment(1);
    }

    fn observe_freshness(&self, due: &[Due]) {
        let now = self.context.now();
        for run in due.chunk_by(|a, b| a.logged_at == b.logged_at) {
            self.since_logged.record_many(now.since(run[0].logged_at).as_secs_f64(), run.len());
        }
        for run in due.chunk_by(|a, b| a.notification.timestamp == b.notification.timestamp) {
            let changed_at = run[0].notification.timestamp;
            self.since_changed.record_many(now.since(changed_at).as_secs_f64(), run.len());
        }
    }
}

/// Counts what was held back, and why.
fn muted(why: &'static str, count: u64) -> u64 {
    if count > 0 {
        metrics::counter!("rep_notify_muted_total", "why" => why).increment(count);
    }
    count
}

#[async_trait]
impl Handler for NotifyHandler {
    async fn handle(&mut self, records: &[Record], verdicts: &mut Verdicts) -> Result<(), StoreError> {
        let due = self.due(records, verdicts);
        if due.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let settings = in_stage("settings", self.settings(&due)).await?;
        self.context.observe("settings", begun);

        let now = self.context.now();
        let (mut unwanted, mut over_cap) = (0, 0);
        let mut deliveries = Vec::with_capacity(due.len());
        for Due { notification, .. } in &due {
            let Some(wish) = settings.get(&notification.user_id) else { continue };
            if !wish.wants(notification.kind) {
                unwanted += 1;
            } else if !self.cap.admit(&notification.user_id, &notification.notification_id, now) {
                over_cap += 1;
            } else {
                let channels = self.channels(wish);
                deliveries.push(Delivery { notification: notification.clone(), channels, at: now });
            }
        }

        let begun = Instant::now();
        let outcomes = in_stage("deliver", self.deliver(deliveries)).await?;
        self.context.observe("deliver", begun);
        let all = outcomes.len();
        let item = |outcome| match outcome {
            DeliveryOutcome::Delivered(item) => Some(item),
            DeliveryOutcome::Duplicate => None,
        };
        let items: Vec<InboxItem> = outcomes.into_iter().filter_map(item).collect();
        self.observe_freshness(&due);

        let begun = Instant::now();
        in_stage("channels", self.send(&items)).await;
        self.context.observe("channels", begun);
        self.cap.trim(now);
        verdicts.tally.notifications += items.len() as u64;
        let repeats = (all - items.len()) as u64;
        verdicts.tally.muted +=
            muted("unwanted", unwanted) + muted("cap", over_cap) + muted("repeat", repeats);
        Ok(())
    }
}
