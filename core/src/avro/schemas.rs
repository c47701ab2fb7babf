//! The schemas of all versions, compiled into the binary.

use crate::Topic;

/// One version of a topic's value schema.
#[derive(Clone, Copy, Debug)]
pub struct SchemaVersion {
    /// Whose values it describes.
    pub topic: Topic,
    /// Counted from 1.
    pub version: u32,
    /// The schema as JSON.
    pub text: &'static str,
}

impl SchemaVersion {
    /// The registry's subject: `<topic>-value`.
    pub fn subject(&self) -> String {
        format!("{}-value", self.topic)
    }
}

macro_rules! version {
    ($topic:ident, $folder:literal, $version:literal) => {
        SchemaVersion {
            topic: Topic::$topic,
            version: $version,
            text: include_str!(concat!("../../schemas/", $folder, "/", $version, ".avsc")),
        }
    };
}

/// Every version of every topic, older before newer. New ones stand at the end, whichever their topic is:
/// the ids of [`super::Codec::with_sequential_ids`] follow the order.
pub fn versions() -> &'static [SchemaVersion] {
    const VERSIONS: &[SchemaVersion] = &[
        version!(UserAction, "user.action.v1", 1),
        version!(UserActionDlq, "user.action.v1.dlq", 1),
        version!(ProductInventory, "product.inventory.v1", 1),
        version!(NotificationPush, "notification.push.v1", 1),
        version!(UserActionDlq, "user.action.v1.dlq", 2),
        version!(UserAction, "user.action.v1", 2),
        version!(ProductInventory, "product.inventory.v1", 2),
    ];
    VERSIONS
}
