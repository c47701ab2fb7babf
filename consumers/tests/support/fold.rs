//! What must come out, computed from the log alone.

use std::collections::{HashMap, HashSet};

use rep_core::avro::Codec;
use rep_core::ports::log::Record;
use rep_core::{ActionType, ModelId, Preference, TasteRules, UserAction, UserId};

use super::embedder::vector_of;
use super::events::product;

/// Preferences after each valid event of `records` took effect once, in order; repeats by trace id have
/// none.
pub fn offline(codec: &Codec, records: &[Record]) -> HashMap<UserId, Preference> {
    let model = ModelId::new("hash-8").unwrap();
    let mut seen = HashSet::new();
    let mut states: HashMap<UserId, Preference> = HashMap::new();
    for record in records {
        let Ok(action) = codec.decode::<UserAction>(&record.value) else { continue };
        if !seen.insert(action.trace_id.clone()) {
            continue;
        }
        let embedding = match (&action.product_id, &action.search_query) {
            (_, Some(query)) if action.action_type == ActionType::Search => Some(vector_of(query)),
            (Some(id), _) => Some(vector_of(&product(id.as_str()[1..].parse().unwrap()).passage())),
            _ => None,
        };
        states
            .entry(action.user_id.clone())
            .or_insert_with(|| Preference::new(action.user_id.clone(), model.clone()))
            .fold(&action, record.position, embedding.as_ref().into(), TasteRules::default());
    }
    states
}

/// Asserts that `kept` is what `expected` says, vectors within 1e-6.
pub fn assert_same(
    kept: &HashMap<UserId, Preference>,
    expected: &HashMap<UserId, Preference>,
    context: &str,
) {
    assert_eq!(kept.len(), expected.len(), "{context}: shoppers");
    for (user, expected) in expected {
        let kept = &kept[user];
        assert_eq!(kept.action_count, expected.action_count, "{context}: actions of {user}");
        assert_eq!(kept.purchased, expected.purchased, "{context}: purchases of {user}");
        match (&kept.vector, &expected.vector) {
            (Some(kept), Some(expected)) => {
                let far = kept.as_slice().iter().zip(expected.as_slice()).any(|(a, b)| (a - b).abs() > 1e-6);
                assert!(!far, "{context}: vector of {user}");
            }
            (kept, expected) => assert_eq!(kept, expected, "{context}: vector of {user}"),
        }
    }
}
