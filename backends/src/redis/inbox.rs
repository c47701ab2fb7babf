//! Inboxes: a shopper's items by number, what was told before, settings.
//!
//! [`keys`] carry hashes of the shopper's id: `inbox` (last number, unread), `items` (number → JSON), `reads` (number →
//! when), `unlisted` (what went over other channels alone, newest first), `settings`, and one `sent:…` for each
//! notification, by a hash of its id, for longer than the log can bring it again. A delivery is one script, which tells the
//! streams too. What is not the shopper's is given to nobody, wherever it lies.

mod keys;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value};
use rep_core::ports::notifications::{
    Delivery, DeliveryOutcome, InboxItem, InboxPage, Notifications, Replay,
};
use rep_core::ports::{StoreError, one_each};
use rep_core::{Notification, NotificationId, NotificationSettings, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use self::keys::{Keys, NAMES, TakenOver, owner};
use super::feed::Feed;
use super::link::{RedisConfig, RedisLink, parsed};
use crate::error::{corrupt, invalid};
use crate::inbox::{self, INBOX_ITEMS_MAX, Numbers};

/// How long an inbox stays that nothing is delivered to.
const INBOX_TTL: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a delivery stays known: a day longer than the log keeps what led to it by default.
const SENT_TTL: Duration = Duration::from_secs(8 * 24 * 3600);
/// Deliveries sent at once.
const PART: usize = 500;

/// KEYS: inbox, items, reads, sent, sent of release 0.1. ARGV: the item's JSON from behind its number, time to live of the
/// delivery and of the inbox in seconds, the channel, most items. Answers the item's number, 0 for a repeat.
const DELIVER: &str = r#"
if redis.call('EXISTS', KEYS[4], KEYS[5]) > 0 then return 0 end
local last = redis.call('HINCRBY', KEYS[1], 'last', 1)
local number = string.format('%.0f', last)
redis.call('SET', KEYS[4], number, 'EX', ARGV[2])
local item = '{"sequence":' .. number .. ARGV[1]
redis.call('HSET', KEYS[2], number, item)
local leaves = string.format('%.0f', last - tonumber(ARGV[5]))
local unread_left = redis.call('HDEL', KEYS[2], leaves) == 1 and redis.call('HDEL', KEYS[3], leaves) == 0
if not unread_left then redis.call('HINCRBY', KEYS[1], 'unread', 1) end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[3]) end
redis.call('PUBLISH', ARGV[4], item)
return last
"#;

/// KEYS: sent, unlisted, sent of release 0.1. ARGV: time to live of the delivery and of the list in seconds, the
/// delivery's JSON, most of them. Answers 0 for a repeat. It has no number.
const DELIVER_UNLISTED: &str = r#"
if redis.call('EXISTS', KEYS[1], KEYS[3]) > 0 then return 0 end
redis.call('SET', KEYS[1], '0', 'EX', ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[4]) - 1)
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"#;

/// KEYS: inbox, items, reads. ARGV: number, the id's JSON, the moment in ms, how an item of the shopper's says whose it is.
/// Answers the item and when it was read first, or nothing if the number is not that notification's, or not theirs.
const MARK_READ: &str = r#"
local item = redis.call('HGET', KEYS[2], ARGV[1])
if not item or not string.find(item, '"notificationId":' .. ARGV[2], 1, true) then return false end
if not string.find(item, ARGV[4], 1, true) then return false end
if redis.call('HSETNX', KEYS[3], ARGV[1], ARGV[3]) == 1 then redis.call('HINCRBY', KEYS[1], 'unread', -1) end
return {item, redis.call('HGET', KEYS[3], ARGV[1])}
"#;

/// What was sent to whom, for those who look back.
#[async_trait]
pub trait NotificationHistory: Send + Sync {
    /// Keeps deliveries; of one notification the first stands.
    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError>;

    /// Forgets a shopper.
    async fn erase(&self, user: &UserId) -> Result<(), StoreError>;
}

/// The inboxes of a cluster.
pub struct RedisNotifications {
    link: RedisLink,
    history: Arc<dyn NotificationHistory>,
    deliveries: Feed<InboxItem>,
    channel: String,
    taken_over: TakenOver,
}

/// An item without its number.
#[derive(Serialize)]
struct Body<'a> {
    notification: &'a Notification,
    delivered_at: Timestamp,
    channels: &'a [String],
    read_at: Option<Timestamp>,
}

/// A delivery that the inbox does not show.
#[derive(Deserialize)]
struct Unlisted {
    notification: Notification,
    delivered_at: Timestamp,
    channels: Vec<String>,
}

impl RedisNotifications {
    /// Connects; deliveries are kept in `history` too.
    pub async fn connect(
        config: &RedisConfig,
        history: Arc<dyn NotificationHistory>,
    ) -> Result<Self, StoreError> {
        let link = RedisLink::connect(config).await?;
        let channel = link.key("notifications:delivered");
        let deliveries =
            Feed::connect(config, &channel, |item: &InboxItem| &item.notification.user_id).await?;
        Ok(Self { link, history, deliveries, channel, taken_over: TakenOver::default() })
    }

    /// The keys of `user`, with what release 0.1 kept of them.
    async fn keys(&self, user: &UserId) -> Result<Keys, StoreError> {
        self.take_over(std::iter::once(user)).await?;
        Ok(Keys::of(&self.link, user))
    }

    /// Takes over what release 0.1 kept of `users`.
    async fn take_over<'a>(&self, users: impl Iterator<Item = &'a UserId>) -> Result<(), StoreError> {
        let mut due: Vec<&UserId> = users.filter(|user| self.taken_over.is_due(user)).collect();
        if due.is_empty() {
            return Ok(());
        }
        due.sort_unstable();
        due.dedup();
        let scripts = due.iter().map(|user| Keys::of(&self.link, user).take_over(user)).collect();
        self.link.run_all(scripts).await?.into_iter().try_for_each(|answer| answer.map(drop))?;
        self.taken_over.note(&due);
        Ok(())
    }

    fn script(&self, delivery: &Delivery) -> Result<Cmd, StoreError> {
        let Delivery { notification, channels, at } = delivery;
        let keys = Keys::of(&self.link, &notification.user_id);
        let body = json(&Body { notification, delivered_at: *at, channels, read_at: None })?;
        let mut script = redis::cmd("EVAL");
        if !delivery.is_in_app() {
            script.arg(DELIVER_UNLISTED).arg(3).arg(keys.sent(&notification.notification_id));
            script.arg(keys.key("unlisted")).arg(keys.sent_before(&notification.notification_id));
            script.arg(SENT_TTL.as_secs()).arg(INBOX_TTL.as_secs());
            script.arg(body).arg(INBOX_ITEMS_MAX);
            return Ok(script);
        }
        script.arg(DELIVER).arg(5).arg(keys.key("inbox")).arg(keys.key("items")).arg(keys.key("reads"));
        script.arg(keys.sent(&notification.notification_id));
        script.arg(keys.sent_before(&notification.notification_id)).arg(format!(",{}", &body[1..]));
        script.arg(SENT_TTL.as_secs()).arg(INBOX_TTL.as_secs()).arg(&self.channel).arg(INBOX_ITEMS_MAX);
        Ok(script)
    }

    /// The numbers of an inbox, and how many of them are unread.
    async fn numbers(&self, keys: &Keys) -> Result<(Numbers, u64), StoreError> {
        let mut get = redis::cmd("HMGET");
        get.arg(keys.key("inbox")).arg("last").arg("unread");
        let (last, unread): (Option<u64>, Option<u64>) = self.link.run(get).await?;
        let last = last.unwrap_or(0);
        let first = (last + 1).saturating_sub(INBOX_ITEMS_MAX).max(1);
        Ok((Numbers { first, last }, unread.unwrap_or(0)))
    }

    /// The items of `user` that have these numbers, in their order.
    async fn items(&self, user: &UserId, keys: &Keys, numbers: &[u64]) -> Result<Vec<InboxItem>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let get = |name: &str| redis::cmd("HMGET").arg(keys.key(name)).arg(numbers).to_owned();
        let answers = self.link.run_all(vec![get("items"), get("reads")]).await?;
        let mut answers = one_each(2, answers)?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        let items: Vec<Option<Vec<u8>>> = parsed(next()?)?;
        let reads: Vec<Option<i64>> = parsed(next()?)?;
        let read = items.into_iter().zip(reads).filter_map(|(json, read_ms)| Some((json?, read_ms)));
        let read = read.map(|(json, read_ms)| item(&json, read_ms)).collect::<Result<Vec<_>, _>>()?;
        Ok(read.into_iter().filter(|item| is_of(user, &item.notification)).collect())
    }

    /// The number of a notification whose delivery is not known any more; looks at the whole inbox.
    async fn number_of(
        &self,
        user: &UserId,
        keys: &Keys,
        id: &NotificationId,
    ) -> Result<Option<u64>, StoreError> {
        let (inbox, _) = self.numbers(keys).await?;
        let numbers: Vec<u64> = inbox.before(None).collect();
        let items = self.items(user, keys, &numbers).await?;
        Ok(items.into_iter().find(|item| item.notification.notification_id == *id).map(|item| item.sequence))
    }
}

#[async_trait]
impl Notifications for RedisNotifications {
    async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<DeliveryOutcome>, StoreError> {
        // First the history, which takes a repeat as one: what is in an inbox is in it.
        self.history.record(&deliveries).await?;
        let mut outcomes = Vec::with_capacity(deliveries.len());
        let mut deliveries = deliveries.into_iter();
        loop {
            let part: Vec<Delivery> = deliveries.by_ref().take(PART).collect();
            if part.is_empty() {
                return Ok(outcomes);
            }
            self.take_over(part.iter().map(|delivery| &delivery.notification.user_id)).await?;
            let scripts = part.iter().map(|delivery| self.script(delivery)).collect::<Result<_, _>>()?;
            let answers = one_each(part.len(), self.link.run_all(scripts).await?)?;
            for (delivery, answer) in part.into_iter().zip(answers) {
                let is_in_app = delivery.is_in_app();
                let Delivery { notification, channels, at } = delivery;
                outcomes.push(match parsed::<u64>(answer?)? {
                    0 => DeliveryOutcome::Duplicate,
                    _ if !is_in_app => DeliveryOutcome::Unlisted,
                    sequence => {
                        let read_at = None;
                        DeliveryOutcome::Delivered(InboxItem {
                            notification,
                            sequence,
                            delivered_at: at,
                            channels,
                            read_at,
                        })
                    }
                });
            }
        }
    }

    async fn inbox(&self, user: &UserId, before: Option<u64>, limit: usize) -> Result<InboxPage, StoreError> {
        let keys = self.keys(user).await?;
        let (inbox, unread) = self.numbers(&keys).await?;
        let numbers: Vec<u64> = inbox.before(before).rev().take(limit).collect();
        Ok(inbox.page(self.items(user, &keys, &numbers).await?, unread, limit))
    }

    async fn recent(&self, user: &UserId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let listed = self.inbox(user, None, limit).await?.items;
        let mut range = redis::cmd("LRANGE");
        range.arg(self.keys(user).await?.key("unlisted")).arg(0).arg(limit.saturating_sub(1));
        let unlisted: Vec<Vec<u8>> = if limit == 0 { Vec::new() } else { self.link.run(range).await? };
        let read = |json: &Vec<u8>| serde_json::from_slice::<Unlisted>(json).map_err(corrupt);
        let unlisted: Vec<Unlisted> = unlisted.iter().map(read).collect::<Result<_, _>>()?;
        let unlisted = unlisted.into_iter().filter(|told| is_of(user, &told.notification)).map(
            |Unlisted { notification, delivered_at: at, channels }| Delivery { notification, channels, at },
        );
        Ok(inbox::newest(listed.into_iter().map(Delivery::from).chain(unlisted).collect(), limit))
    }

    async fn replay(&self, user: &UserId, after: u64, limit: usize) -> Result<Replay, StoreError> {
        let keys = self.keys(user).await?;
        let (inbox, _) = self.numbers(&keys).await?;
        let numbers: Vec<u64> = match inbox.after(after, limit) {
            Ok(numbers) => numbers.collect(),
            Err(replay) => return Ok(replay),
        };
        Ok(inbox::replay(after, self.items(user, &keys, &numbers).await?))
    }

    async fn mark_read(
        &self,
        user: &UserId,
        id: &NotificationId,
        at: Timestamp,
    ) -> Result<Option<InboxItem>, StoreError> {
        let keys = self.keys(user).await?;
        let mut sent = redis::cmd("GET");
        sent.arg(keys.sent(id));
        let number = match self.link.run::<Option<u64>>(sent).await? {
            Some(number) => Some(number),
            None => self.number_of(user, &keys, id).await?,
        };
        let Some(number) = number else { return Ok(None) };
        let mut script = redis::cmd("EVAL");
        script.arg(MARK_READ).arg(3).arg(keys.key("inbox")).arg(keys.key("items")).arg(keys.key("reads"));
        script.arg(number).arg(json(id)?).arg(at.as_ms()).arg(owner(user));
        let marked: Option<(Vec<u8>, i64)> = self.link.run(script).await?;
        marked.map(|(json, read_ms)| item(&json, Some(read_ms))).transpose()
    }

    async fn settings(&self, user: &UserId) -> Result<NotificationSettings, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.keys(user).await?.key("settings"));
        match self.link.run::<Option<Vec<u8>>>(get).await? {
            Some(json) => serde_json::from_slice(&json).map_err(corrupt),
            None => Ok(NotificationSettings::default()),
        }
    }

    async fn put_settings(&self, user: &UserId, settings: NotificationSettings) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.keys(user).await?.key("settings")).arg(json(&settings)?);
        self.link.run(set).await
    }

    async fn erase(&self, user: &UserId) -> Result<u64, StoreError> {
        self.history.erase(user).await?;
        let keys = self.keys(user).await?;
        let mut count = redis::cmd("HLEN");
        count.arg(keys.key("items"));
        let mut unlisted = redis::cmd("LLEN");
        unlisted.arg(keys.key("unlisted"));
        let mut delete = redis::cmd("DEL");
        NAMES.iter().for_each(|name| {
            delete.arg(keys.key(name));
        });
        // All else of release 0.1 was taken over, or is another's.
        delete.arg(keys.key_before("settings"));
        // The deliveries stay known: what was told before is not told again after a replay. They are hashes, and say
        // nothing about the person.
        let mut answers = one_each(3, self.link.run_all(vec![count, unlisted, delete]).await?)?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        let gone = parsed::<u64>(next()?)? + parsed::<u64>(next()?)?;
        next()?;
        Ok(gone)
    }

    fn subscribe(&self, user: &UserId) -> broadcast::Receiver<InboxItem> {
        self.deliveries.subscribe(user)
    }
}

/// Whether `user` is the one told; whatever lies in their inbox otherwise is given to nobody.
fn is_of(user: &UserId, notification: &Notification) -> bool {
    let is_theirs = notification.user_id == *user;
    if !is_theirs {
        metrics::counter!("rep_inbox_foreign_items_total").increment(1);
        tracing::error!("an inbox holds an item of another shopper; it is left out");
    }
    is_theirs
}

fn item(json: &[u8], read_ms: Option<i64>) -> Result<InboxItem, StoreError> {
    let item: InboxItem = serde_json::from_slice(json).map_err(corrupt)?;
    let marked: Marked = serde_json::from_slice(json).map_err(corrupt)?;
    let notification = inbox::in_units_of_today(item.notification, marked.notification.merged);
    Ok(InboxItem { notification, read_at: read_ms.map(Timestamp::from_ms), ..item })
}

/// What tells an item of release 0.1, see [`inbox::in_units_of_today`].
#[derive(Deserialize)]
struct Marked {
    notification: Mark,
}

#[derive(Deserialize)]
struct Mark {
    /// Always there since.
    merged: Option<u32>,
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::tests::drop_in_guarani;

    #[test]
    fn prices_of_release_0_1_stay_what_they_were() {
        let notification = drop_in_guarani();
        let channels = vec!["in-app".to_owned()];
        let delivered_at = Timestamp::from_ms(2);
        let told = InboxItem { notification, sequence: 7, delivered_at, channels, read_at: None };
        let mut stored = serde_json::to_value(&told).unwrap();
        let read = |stored: &serde_json::Value| item(stored.to_string().as_bytes(), None).unwrap();
        assert_eq!(read(&stored), told);
        stored["notification"].as_object_mut().unwrap().remove("merged").unwrap();
        let earlier = read(&stored).notification;
        assert_eq!((earlier.price_before, earlier.price_after), (Some(40_000), 35_000));
    }
}
