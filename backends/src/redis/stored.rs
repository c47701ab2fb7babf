//! A preference as it stands in Redis: JSON, its fence first.
//!
//! `{"fence":"<epoch> <partition> <offset> <version>","preferenceVector":[…],"actionCount":n,"updatedAt":t,…}`. The
//! numbers of the fence have a fixed width, so that a script finds and compares them as text, whatever their size. The
//! version counts the states a shopper had: their order in the backup.
//!
//! What release 0.1 did not have stands behind what it had, and may be missing: `algo` says that it is there.

use std::borrow::Cow;
use std::collections::VecDeque;

use rep_core::ports::StoreError;
use rep_core::{
    Earlier, ModelId, PendingAction, Position, Preference, ProductId, Purchase, RecentAction, Sums,
    Timestamp, UnitVector, UserId,
};
use serde::{Deserialize, Serialize};

use crate::error::{corrupt, invalid};
use crate::numbers::{split, to_base64};

/// A preference without its fence.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    preference_vector: Cow<'a, [f32]>,
    action_count: u64,
    updated_at: Timestamp,
    user_id: Cow<'a, UserId>,
    model: Cow<'a, ModelId>,
    recent: Cow<'a, VecDeque<RecentAction>>,
    purchased: Vec<Cow<'a, ProductId>>,
    /// How the vector was made: [`ALGO`]; 0 where it is missing.
    #[serde(default)]
    algo: u32,
    #[serde(default)]
    mass: f32,
    #[serde(default)]
    mass_at: Timestamp,
    /// The two sums in base64 of little-endian single precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    liked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// When each of `purchased` was bought, in milliseconds.
    #[serde(default)]
    purchased_at: Vec<i64>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pending: Cow<'a, [PendingAction]>,
    /// When it took the place of another model.
    #[serde(default, skip_serializing_if = "is_epoch")]
    model_since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<Cow<'a, Earlier>>,
}

/// Vectors are the direction of [`Sums`].
const ALGO: u32 = 2;

fn is_empty(pending: &[PendingAction]) -> bool {
    pending.is_empty()
}

fn is_epoch(time: &Timestamp) -> bool {
    *time == Timestamp::default()
}

#[derive(Deserialize)]
struct Stored {
    fence: String,
    #[serde(flatten)]
    body: Body<'static>,
}

/// The fence of `position` as text; a state that no record led to is older than any other.
pub(super) fn fence(position: Option<Position>) -> String {
    let Position { epoch, partition, offset } =
        position.unwrap_or(Position { epoch: 0, partition: 0, offset: 0 });
    format!("{epoch:010} {partition:010} {offset:020}")
}

/// What follows the fence in the JSON of `preference`.
pub(super) fn body(preference: &Preference) -> Result<Vec<u8>, StoreError> {
    let mut json = Vec::new();
    append_body(&mut json, preference)?;
    Ok(json)
}

fn append_body(json: &mut Vec<u8>, preference: &Preference) -> Result<(), StoreError> {
    let split = preference.sums.split.as_deref();
    let body = Body {
        preference_vector: preference.vector.as_ref().map_or(&[][..], UnitVector::as_slice).into(),
        action_count: preference.action_count,
        updated_at: preference.updated_at,
        user_id: Cow::Borrowed(&preference.user_id),
        model: Cow::Borrowed(&preference.model),
        recent: Cow::Borrowed(&preference.recent),
        purchased: preference.purchased.iter().map(|bought| Cow::Borrowed(&bought.product_id)).collect(),
        algo: ALGO,
        mass: preference.sums.mass,
        mass_at: preference.sums.at,
        liked: split.map(|split| to_base64(&split.liked)),
        refused: split.map(|split| to_base64(&split.refused)),
        purchased_at: preference.purchased.iter().map(|bought| bought.at.as_ms()).collect(),
        pending: Cow::Borrowed(&preference.pending),
        model_since: preference.model_since,
        earlier: preference.earlier.as_ref().map(Cow::Borrowed),
    };
    let begin = json.len();
    // A number of a vector takes about 12 bytes.
    json.reserve(512 + 12 * body.preference_vector.len());
    serde_json::to_writer(&mut *json, &body).map_err(invalid)?;
    // The fence stands before its fields.
    json[begin] = b',';
    Ok(())
}

/// Length of a [`head`].
pub(super) const HEAD_BYTES: usize = 74;

/// How the JSON of `preference` at `version` begins: with its fence, and nothing of another state does.
pub(super) fn head(preference: &Preference, version: u64) -> String {
    format!(r#"{{"fence":"{} {version:020}""#, fence(preference.position))
}

/// The whole JSON of `preference` at `version`.
pub(super) fn whole(preference: &Preference, version: u64) -> Result<Vec<u8>, StoreError> {
    let mut json = head(preference, version).into_bytes();
    append_body(&mut json, preference)?;
    Ok(json)
}

/// The place and the version in a [`head`].
pub(super) fn fence_of(head: &str) -> Option<(Position, u64)> {
    fence_in(head.strip_prefix(r#"{"fence":""#)?.strip_suffix('"')?).ok()
}

fn fence_in(fence: &str) -> Result<(Position, u64), StoreError> {
    let mut numbers = fence.split(' ').map(str::parse::<u64>);
    let mut number =
        || numbers.next().and_then(Result::ok).ok_or_else(|| corrupt(format!("no fence: `{fence}`")));
    let (epoch, partition, offset, version) = (number()?, number()?, number()?, number()?);
    let small = |number: u64| u32::try_from(number).map_err(corrupt);
    Ok((Position { epoch: small(epoch)?, partition: small(partition)?, offset }, version))
}

/// A preference and its version, out of its JSON.
pub(super) fn read(json: &[u8]) -> Result<(Preference, u64), StoreError> {
    let Stored { fence, body } = serde_json::from_slice(json).map_err(corrupt)?;
    let (position, version) = fence_in(&fence)?;
    let vector = match body.preference_vector.into_owned() {
        numbers if numbers.is_empty() => None,
        numbers => Some(UnitVector::checked(numbers).map_err(corrupt)?),
    };
    let preference = Preference {
        vector,
        action_count: body.action_count,
        updated_at: body.updated_at,
        position: Some(position).filter(|position| position.epoch > 0),
        recent: body.recent.into_owned(),
        ..Preference::new(body.user_id.into_owned(), body.model.into_owned())
    };
    let purchased = body.purchased.into_iter().map(Cow::into_owned);
    if body.algo < ALGO {
        return Ok((preference.complete(purchased), version));
    }
    let split = split(body.liked.as_deref(), body.refused.as_deref())?;
    let times = body.purchased_at.into_iter().map(Timestamp::from_ms);
    let preference = Preference {
        sums: Sums { mass: body.mass, at: body.mass_at, split },
        purchased: purchased.zip(times).map(|(product_id, at)| Purchase { product_id, at }).collect(),
        pending: body.pending.into_owned(),
        model_since: body.model_since,
        earlier: body.earlier.map(Cow::into_owned),
        ..preference
    };
    Ok((preference, version))
}

#[cfg(test)]
mod tests {
    use rep_core::{ActionType, MASS_BEFORE_SUMS, Split, TraceId};

    use super::*;

    #[test]
    fn a_value_of_the_first_release_is_completed() {
        let json = r#"{"fence":"0000000001 0000000003 00000000000000000009 00000000000000000004","preferenceVector":[1.0,0.0],
            "actionCount":3,"updatedAt":"2026-01-01T00:00:00.000Z","userId":"u","model":"m","purchased":["b","a"],
            "recent":[{"productId":"b","actionType":"PURCHASE","at":"2025-12-31T00:00:00.000Z"},
                      {"productId":"a","actionType":"CLICK","at":"2026-01-01T00:00:00.000Z"}]}"#;
        let (preference, version) = read(json.as_bytes()).unwrap();
        assert_eq!(
            (version, preference.sums.mass, preference.sums.at),
            (4, MASS_BEFORE_SUMS, preference.updated_at)
        );
        let recent: Vec<&str> = preference.recent.iter().map(|action| action.product_id.as_str()).collect();
        let purchased: Vec<&str> =
            preference.purchased.iter().map(|bought| bought.product_id.as_str()).collect();
        assert_eq!((recent, purchased), (vec!["a", "b"], vec!["b", "a"]));
        assert!(preference.purchased[0].at > preference.purchased[1].at);
    }

    #[test]
    fn a_preference_reads_back_to_the_last_bit() {
        let numbers: Vec<f32> = (1..=64).map(|n| (n as f32).sin()).collect();
        let product = |id: &str| ProductId::new(id).unwrap();
        let sums = Split { liked: vec![0.1; 64], refused: vec![f32::MIN_POSITIVE; 64] };
        let full = Preference {
            vector: Some(UnitVector::normalised(numbers).unwrap()),
            sums: Sums { mass: 0.1_f32 + 0.2, at: Timestamp::from_ms(7), split: Some(Box::new(sums)) },
            action_count: u64::MAX,
            updated_at: Timestamp::from_ms(1_767_268_800_123),
            position: Some(Position { epoch: u32::MAX, partition: 11, offset: u64::MAX }),
            recent: VecDeque::from([RecentAction {
                product_id: product("p\"{1}"),
                action_type: ActionType::Purchase,
                at: Timestamp::from_ms(5),
                event: u64::MAX,
            }]),
            purchased: VecDeque::from([Purchase { product_id: product("é"), at: Timestamp::from_ms(-5) }]),
            pending: vec![PendingAction {
                trace_id: TraceId::new("t").unwrap(),
                product_id: product("new"),
                action_type: ActionType::Click,
                at: Timestamp::from_ms(5),
                logged_at: Timestamp::from_ms(6),
            }],
            model_since: Timestamp::from_ms(8),
            earlier: Some(Earlier {
                until: Position { epoch: 1, partition: 11, offset: u64::MAX },
                waits: vec![0, u64::MAX],
            }),
            ..Preference::new(UserId::new("u").unwrap(), ModelId::new("m").unwrap())
        };
        let bare = Preference::new(UserId::new("u").unwrap(), ModelId::new("m").unwrap());
        for preference in [full, bare] {
            let json = whole(&preference, 7).unwrap();
            let shown: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert!(shown["preferenceVector"].is_array() && shown["actionCount"].is_u64());
            let head = head(&preference, 7);
            assert_eq!((head.len(), json.starts_with(head.as_bytes())), (HEAD_BYTES, true));
            let (position, version) = fence_of(&head).unwrap();
            assert_eq!((Some(position).filter(|p| p.epoch > 0), version), (preference.position, 7));
            assert_eq!(read(&json).unwrap(), (preference, 7));
        }
        for broken in ["", "{}", r#"{"fence":"1 2"}"#] {
            assert!(read(broken.as_bytes()).is_err());
        }
    }
}
