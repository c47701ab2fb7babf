//! The keys of a shopper's inbox, and how those of release 0.1 become them.
//!
//! Release 0.1 named keys by a hash that a client could make meet another's. That hash still decides the slot, so that a
//! script can take over what lies under it; beside it stands SHA-256. Who reads checks the owner of each item all the
//! same.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use redis::Cmd;
use rep_core::{NotificationId, UserId, UserKey, stable_hash128};

use super::INBOX_TTL;
use crate::inbox::INBOX_ITEMS_MAX;
use crate::redis::link::RedisLink;

/// How long it is taken for granted that nothing lies under keys of release 0.1: a process of it may deliver meanwhile.
const TAKEN_OVER_FOR: Duration = Duration::from_secs(60);
/// Shoppers of whom it is.
const TAKEN_OVER_MAX: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

/// KEYS: inbox, items, reads, unlisted, settings of release 0.1, then the same of today. ARGV: time to live in seconds,
/// most items, how an item of the shopper's says whose it is. What is another's stays for them; settings do not say whose
/// they are, so they stay, too, and are copied once. What comes after it was taken over once is of a process of release
/// 0.1: it follows under new numbers.
const TAKE_OVER: &str = r#"
local function there(key) return redis.call('EXISTS', key) == 1 end
local function theirs(told) return string.find(told, ARGV[3], 1, true) end
if there(KEYS[5]) and not there(KEYS[10]) then redis.call('SET', KEYS[10], redis.call('GET', KEYS[5])) end
for _, told in ipairs(redis.call('LRANGE', KEYS[4], 0, -1)) do
  if theirs(told) then
    redis.call('RPUSH', KEYS[9], told)
    redis.call('LREM', KEYS[4], 1, told)
    redis.call('EXPIRE', KEYS[9], ARGV[1])
  end
end
if not there(KEYS[1]) then return 0 end
local entries = redis.call('HGETALL', KEYS[2])
local items = {}
for i = 1, #entries, 2 do
  if theirs(entries[i + 1]) then items[#items + 1] = { tonumber(entries[i]), entries[i], entries[i + 1] } end
end
table.sort(items, function(a, b) return a[1] < b[1] end)
local is_first = not there(KEYS[6])
if is_first and (#items > 0 or #entries == 0) then
  redis.call('HSET', KEYS[6], 'last', redis.call('HGET', KEYS[1], 'last') or '0')
end
for _, item in ipairs(items) do
  local last = item[1]
  if not is_first then last = redis.call('HINCRBY', KEYS[6], 'last', 1) end
  local number = string.format('%.0f', last)
  redis.call('HSET', KEYS[7], number, (string.gsub(item[3], '^{"sequence":%d+', '{"sequence":' .. number, 1)))
  local read = redis.call('HGET', KEYS[3], item[2])
  if read then redis.call('HSET', KEYS[8], number, read) else redis.call('HINCRBY', KEYS[6], 'unread', 1) end
  redis.call('HDEL', KEYS[2], item[2])
  redis.call('HDEL', KEYS[3], item[2])
  local leaves = string.format('%.0f', last - tonumber(ARGV[2]))
  if redis.call('HDEL', KEYS[7], leaves) == 1 and redis.call('HDEL', KEYS[8], leaves) == 0 then
    redis.call('HINCRBY', KEYS[6], 'unread', -1)
  end
end
if not there(KEYS[2]) then redis.call('DEL', KEYS[1], KEYS[3]) end
for i = 6, 8 do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
return #items
"#;

/// What a shopper has, but for what is known of each notification.
pub(super) const NAMES: [&str; 5] = ["inbox", "items", "reads", "unlisted", "settings"];

/// The keys of one shopper.
pub(super) struct Keys {
    prefix: String,
    before: String,
}

impl Keys {
    pub(super) fn of(link: &RedisLink, user: &UserId) -> Self {
        let slot = stable_hash128(user.as_str().as_bytes());
        Self {
            prefix: link.key(format_args!("notifications:{{{slot:032x}}}:{}:", UserKey::of(user))),
            before: link.key(format_args!("notifications:{{{slot:032x}}}:")),
        }
    }

    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// As release 0.1 named it.
    pub(super) fn key_before(&self, name: &str) -> String {
        format!("{}{name}", self.before)
    }

    /// What says that a notification was delivered.
    pub(super) fn sent(&self, id: &NotificationId) -> String {
        self.key(&sent(id))
    }

    /// The same, as release 0.1 named it.
    pub(super) fn sent_before(&self, id: &NotificationId) -> String {
        self.key_before(&sent(id))
    }

    /// Takes over what lies under the keys of release 0.1.
    pub(super) fn take_over(&self, user: &UserId) -> Cmd {
        let mut script = redis::cmd("EVAL");
        script.arg(TAKE_OVER).arg(2 * NAMES.len());
        NAMES.iter().for_each(|name| {
            script.arg(self.key_before(name));
        });
        NAMES.iter().for_each(|name| {
            script.arg(self.key(name));
        });
        script.arg(INBOX_TTL.as_secs()).arg(INBOX_ITEMS_MAX).arg(owner(user));
        script
    }
}

/// How an item of `user` says whose it is, for scripts. Nothing that is told holds it: there its quotes are escaped.
pub(super) fn owner(user: &UserId) -> String {
    format!("\"userId\":{}", serde_json::Value::from(user.as_str()))
}

fn sent(id: &NotificationId) -> String {
    format!("sent:{:032x}", stable_hash128(id.as_str().as_bytes()))
}

/// Of whom nothing lies under keys of release 0.1, as far as this process knows.
pub(super) struct TakenOver(Mutex<LruCache<UserId, Instant, ahash::RandomState>>);

impl Default for TakenOver {
    fn default() -> Self {
        Self(Mutex::new(LruCache::with_hasher(TAKEN_OVER_MAX, ahash::RandomState::new())))
    }
}

impl TakenOver {
    /// Whether it is to be looked at what release 0.1 has of `user`.
    pub(super) fn is_due(&self, user: &UserId) -> bool {
        self.0.lock().get(user).is_none_or(|at| at.elapsed() >= TAKEN_OVER_FOR)
    }

    pub(super) fn note(&self, users: &[&UserId]) {
        let mut known = self.0.lock();
        for user in users {
            known.put((*user).clone(), Instant::now());
        }
    }
}
