//! The search store of a cluster: Elasticsearch 8.19, or 9.2 and later.
//!
//! [`Client`] is the only place that speaks HTTP to it: bounded in time and in requests at once, one mapping of its
//! errors to those of the ports ([`StoreError`](rep_core::ports::StoreError)), and bulks that are answered item by
//! item. What is asked is always a JSON value built of values; what a caller gives is never part of a path or of a
//! query's text.
//! [`Indices`] makes and checks the indices; nothing else creates one, and writes name an alias that must be there,
//! so that a typo or a deleted index makes an error and not an index without a mapping.
//!
//! Needs nothing but the server's own modules: no scripts, no plugins, no reindex API, and no answer to `GET /`.

mod behaviour;
pub mod bench;
mod bulk;
mod catalog;
mod client;
mod error;
mod health;
mod history;
mod indices;
mod preferences;
mod replica;
mod search;

pub use self::behaviour::ElasticsearchBehaviour;
pub use self::catalog::{CopyReport, ElasticsearchCatalog};
pub use self::client::{Client, ElasticsearchConfig, Namespace, NamespaceError};
pub use self::health::{Block, ClusterHealth};
pub use self::history::{ChannelOutcome, ElasticsearchHistory, HistoryMark, HistoryRecord};
pub use self::indices::{Applied, Finding, IndexKind, IndexPlan, Indices, Remedy, Served};
pub use self::preferences::ElasticsearchPreferences;
pub use self::replica::ReplicaCatalog;
