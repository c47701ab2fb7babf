//! What REP means: types, events and their Avro schemas, ports and their contract suites, pure algorithms.
//!
//! This crate knows no network, no clock and no randomness of its own; time comes in as an argument. Start
//! at [`UserAction`] (what shoppers do), [`Preference`] (what is left of it) and [`ports`] (what keeps it).
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod action;
pub mod avro;
#[cfg(feature = "contract")]
pub mod contract;
mod erasure;
mod event_id;
mod hash;
mod history;
mod ids;
mod interest;
mod inventory;
pub mod likeness;
mod money;
mod news;
mod notification;
mod partition;
mod popularity;
pub mod ports;
mod position;
mod preference;
mod product;
pub mod ranking;
mod time;
mod topic;
mod trace_context;
pub mod vector;

pub use action::{
    ActionType, EventTimeLimits, FieldError, METADATA_BYTES_MAX, METADATA_ENTRIES_MAX,
    SEARCH_QUERY_BYTES_MAX, UserAction,
};
pub use erasure::{Erasure, UserKey};
pub use event_id::{EventId, EventKey};
pub use hash::{half_sha256, stable_hash128};
pub use history::{
    History, LOW_STOCK_MAX, OUT_OF_STOCK_MIN, PRICE_POINTS_MAX, PRICE_WINDOW, PricePoint, STOCK_QUIET,
};
pub use ids::{
    GroupId, ID_BYTES_MAX, IdError, ModelId, NotificationId, ProductId, SessionId, TraceId, UserId,
};
pub use interest::{Registers, Standing};
pub use inventory::InventoryChange;
pub use money::{Currency, MINOR_UNITS_MAX, Money, MoneyError};
pub use news::{DetectionRules, News, Told};
pub use notification::{
    InterestReason, Notification, NotificationKind, NotificationKinds, NotificationSettings,
};
pub use partition::partition_of;
pub use popularity::{DecayedSum, HALF_LIFE_DEFAULT};
pub use position::Position;
pub use preference::{
    Earlier, Embedding, FoldOutcome, MASS_BEFORE_SUMS, PENDING_MAX, PURCHASED_MAX, PendingAction, Preference,
    Purchase, RECENT_MAX, RecentAction, Remembered, Settlement, Share, Split, Sums, TasteRules,
    awaited_product, event_hash,
};
pub use product::{
    ATTRIBUTES_MAX, DESCRIPTION_BYTES_MAX, LABEL_BYTES_MAX, NAME_BYTES_MAX, PriceRange, Product,
    ProductFilter, STOCK_MAX,
};
pub use time::{Clock, Timestamp, TimestampError};
pub use topic::Topic;
pub use trace_context::{TraceContext, TraceContextError, is_in_sample};
pub use vector::{UnitVector, VectorError};
