//! What a cluster keeps in Redis: preference vectors, popularity, inboxes.
//!
//! Whatever must hold together changes in one script, on keys of one hash slot, so that every call runs on a single
//! server, on one behind sentinels, and on a cluster. Redis is to keep an append-only file: what it answered then
//! outlives its process. Start at [`RedisLink`].

mod feed;
mod health;
mod inbox;
mod link;
mod near;
mod popularity;
mod preferences;
mod removal;
mod stored;
mod tickets;

pub use health::RedisHealth;
pub use inbox::{NotificationHistory, RedisNotifications};
pub use link::{RedisConfig, RedisLink};
pub use popularity::RedisPopularity;
pub use preferences::{PreferenceBackup, RedisPreferences, SavedIncomplete, SavedWaits, State};
pub use tickets::RedisTickets;
