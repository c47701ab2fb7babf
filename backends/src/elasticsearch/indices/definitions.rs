//! What each index must be.
//!
//! Mappings are settled: a document with a field that is not here is refused, not guessed at. Fields that nobody
//! searches by are kept in the document alone, so they cost no index.

use rep_core::{ModelId, stable_hash128};
use serde_json::{Value, json};

use crate::elasticsearch::client::Namespace;
use crate::index::lexical::{B, K1};

/// An index of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexKind {
    /// Products and their vectors.
    Product,
    /// Actions.
    Behaviour,
    /// Backups of preference vectors.
    Preference,
    /// What was sent to whom.
    NotificationHistory,
}

impl IndexKind {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Product, Self::Behaviour, Self::Preference, Self::NotificationHistory];

    /// The alias, but for the namespace.
    pub fn alias(self) -> &'static str {
        match self {
            Self::Product => "product_index",
            Self::Behaviour => "user_behavior_index",
            Self::Preference => "user_preference_index",
            Self::NotificationHistory => "notification_history_index",
        }
    }

    /// Of its mapping here; a change that cannot be added to an index that is there needs another.
    fn version(self) -> u32 {
        1
    }

    /// Primary shards.
    fn shards(self) -> u32 {
        match self {
            Self::Product | Self::Preference => 1,
            Self::Behaviour => 3,
            Self::NotificationHistory => 2,
        }
    }
}

/// What an index must be.
pub(in crate::elasticsearch) struct Definition {
    /// By which it is read by everybody.
    pub(super) alias: String,
    /// By which it is read and written by those of its version and model; the same as `alias` if it has no model.
    pub(in crate::elasticsearch) own_alias: String,
    /// Its own name.
    pub(in crate::elasticsearch) index: String,
    pub(super) shards: u32,
    pub(super) model: Option<(ModelId, usize)>,
    pub(super) mapping: Value,
    /// Settings that can be changed while it is in use.
    pub(super) live_settings: Value,
}

impl Definition {
    pub(in crate::elasticsearch) fn of(
        kind: IndexKind,
        namespace: &Namespace,
        model: &ModelId,
        dimensions: usize,
    ) -> Self {
        let (alias, version) = (namespace.name(kind.alias()), kind.version());
        let model = (kind == IndexKind::Product).then(|| (model.clone(), dimensions));
        let (own_alias, index) = match &model {
            Some((model, dimensions)) => {
                let suffix = format!("v{version}-{}-{dimensions}", slug(model));
                (format!("{alias}.{suffix}"), format!("{alias}-{suffix}"))
            }
            None => (alias.clone(), format!("{alias}-v{version}")),
        };
        let mapping = match kind {
            IndexKind::Product => product(dimensions),
            IndexKind::Behaviour => behaviour(),
            IndexKind::Preference => preference(),
            IndexKind::NotificationHistory => notification_history(),
        };
        // Said, though it is the default: an index that nobody searched for a while would not refresh otherwise.
        let live_settings = json!({ "index.refresh_interval": "1s", "index.auto_expand_replicas": "0-1" });
        Self { alias, own_alias, index, shards: kind.shards(), model, mapping, live_settings }
    }

    /// What creates it; `served`: as the one that its alias stands for.
    pub(super) fn body(&self, served: bool) -> Value {
        let mut settings = self.live_settings.clone();
        settings["index.number_of_shards"] = self.shards.into();
        settings["index.similarity.default"] = json!({ "type": "BM25", "k1": K1, "b": B });
        let mut aliases = json!({ &self.own_alias: {} });
        if served {
            aliases[&self.alias] = json!({});
        }
        let meta = match &self.model {
            Some((model, dimensions)) => json!({ "model": model, "dimensions": dimensions }),
            None => json!({}),
        };
        let mappings = json!({ "dynamic": "strict", "_meta": meta, "properties": self.mapping });
        json!({ "settings": settings, "mappings": mappings, "aliases": aliases })
    }

    /// What adds the field at `path` (names with points between them), and nothing else.
    pub(super) fn field(&self, path: &str) -> Value {
        let names: Vec<&str> = path.split('.').collect();
        let field = names.iter().enumerate().fold(&self.mapping, |within, (depth, name)| {
            if depth == 0 { &within[name] } else { &within["properties"][name] }
        });
        names.iter().rev().fold(field.clone(), |field, name| json!({ "properties": { *name: field } }))
    }
}

/// A model's id as part of an index name: readable, and told apart by a hash where that is not enough.
fn slug(model: &ModelId) -> String {
    let hash = stable_hash128(model.as_str().as_bytes()) >> 96;
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let readable: String = model.as_str().chars().map(letter).take(40).collect();
    format!("{readable}-{hash:08x}")
}

fn kept() -> Value {
    json!({ "type": "keyword", "index": false, "doc_values": false })
}

fn prose() -> Value {
    json!({ "type": "text", "index": false })
}

fn keyword() -> Value {
    json!({ "type": "keyword" })
}

fn number() -> Value {
    json!({ "type": "long" })
}

fn moment() -> Value {
    json!({ "type": "date" })
}

/// Of any shape, looked into by nobody.
fn opaque() -> Value {
    json!({ "type": "object", "enabled": false })
}

fn product(dimensions: usize) -> Value {
    // Words come cut and lowered by us, the same way as in the embedded index: in English and Korean, without a
    // plugin.
    let words = || json!({ "type": "text", "analyzer": "whitespace", "copy_to": ["words.all"] });
    json!({
        "productId": keyword(),
        "name": prose(),
        "description": prose(),
        "category": keyword(),
        "brand": keyword(),
        "priceMinor": number(),
        "currency": keyword(),
        "priceDigits": number(),
        "stock": number(),
        "imageUrl": kept(),
        "attributes": opaque(),
        "nameKo": prose(),
        "descriptionKo": prose(),
        "changedAt": moment(),
        "history": opaque(),
        "groupId": keyword(),
        "words": { "properties": {
            "name": words(),
            "brand": words(),
            "category": words(),
            "attributes": words(),
            "description": words(),
            "all": { "type": "text", "analyzer": "whitespace" },
        } },
        "passageHash": kept(),
        "embedding": {
            "type": "dense_vector",
            "dims": dimensions,
            "index": true,
            "similarity": "cosine",
            "index_options": { "type": "int8_hnsw", "m": 16, "ef_construction": 100 },
        },
    })
}

fn behaviour() -> Value {
    json!({
        "traceId": keyword(),
        "userId": keyword(),
        "actionType": keyword(),
        "productId": keyword(),
        "searchQuery": kept(),
        "sessionId": keyword(),
        "timestamp": moment(),
        "metadata": opaque(),
        "position": { "properties": { "epoch": number(), "partition": number(), "offset": number() } },
        "appendedAt": moment(),
        "taken": number(),
        "identity": number(),
    })
}

fn preference() -> Value {
    json!({
        "userId": keyword(),
        "model": keyword(),
        "preferenceVector": { "type": "float", "index": false, "doc_values": false },
        "actionCount": number(),
        "updatedAt": moment(),
        "position": opaque(),
        "recent": opaque(),
        "purchased": kept(),
        "purchasedAt": kept(),
        "taste": opaque(),
        "pending": opaque(),
        "awaits": keyword(),
        "modelSince": moment(),
        // Its `until` is looked for: that there is one.
        "earlier": { "properties": {
            "until": { "properties": { "epoch": number(), "partition": kept(), "offset": kept() } },
            "waits": kept(),
        } },
        "version": kept(),
        "savedAt": moment(),
    })
}

fn notification_history() -> Value {
    json!({
        "notificationId": keyword(),
        "traceId": keyword(),
        "userId": keyword(),
        "productId": keyword(),
        "productName": prose(),
        "kind": keyword(),
        "reason": keyword(),
        "currency": keyword(),
        "priceBefore": number(),
        "priceAfter": number(),
        "stockAfter": number(),
        "timestamp": moment(),
        "merged": number(),
        "deliveredAt": moment(),
        "outcomes": { "properties": {
            "channel": keyword(),
            "delivered": { "type": "boolean" },
            "detail": kept(),
        } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_added_by_its_path_alone() {
        let model = ModelId::new("m").unwrap();
        let definition = Definition::of(IndexKind::Behaviour, &Namespace::default(), &model, 8);
        assert_eq!(definition.field("userId"), json!({ "properties": { "userId": { "type": "keyword" } } }));
        let offset =
            json!({ "properties": { "position": { "properties": { "offset": { "type": "long" } } } } });
        assert_eq!(definition.field("position.offset"), offset);
    }

    #[test]
    fn models_never_share_an_index() {
        let name = |model: &str, dimensions| {
            let model = ModelId::new(model).unwrap();
            Definition::of(IndexKind::Product, &Namespace::default(), &model, dimensions).index
        };
        assert!(
            name("intfloat/multilingual-e5-base", 768)
                .starts_with("product_index-v1-intfloat-multilingual-e5-base-")
        );
        assert_ne!(name("e5-base", 768), name("e5_base", 768));
        assert_ne!(name("E5", 768), name("e5", 768));
        assert_ne!(name("e5", 768), name("e5", 384));
        let longest = name(&"é".repeat(64), 4096);
        assert!(longest.len() < 200 && longest.is_ascii(), "{longest}");
    }
}
