//! What stays of a shopper who was erased: when, and up to where in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::{half_sha256, write_hex};
use crate::{Position, Timestamp, UserId};

/// A shopper under a hash: what may be kept of a person who was erased. Somebody who knows the id finds the hash; nobody
/// finds the id from the hash but by trying ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey(pub [u8; 16]);

impl UserKey {
    /// The first half of SHA-256 over the id. The same over releases: stored keys are made of it.
    pub fn of(user: &UserId) -> Self {
        Self(half_sha256([user.as_str().as_bytes()]))
    }
}

impl fmt::Display for UserKey {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// The last erasure of a shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// When. Records that the log took until then are shown to nobody.
    pub at: Timestamp,
    /// The shopper's last action in the log by then, as far as it is known. It and what stands before it is never
    /// folded in again.
    pub until: Option<Position>,
}

impl Erasure {
    /// Whether a record of the shopper that the log took at `appended_at` is of before.
    pub fn hides(&self, appended_at: Timestamp) -> bool {
        appended_at <= self.at
    }

    /// The same erasure, also of the action at `position`.
    #[must_use]
    pub fn including(self, position: Option<Position>) -> Self {
        let until = match (self.until, position) {
            (Some(until), Some(position)) if position.is_covered_by(until) => Some(until),
            (until, position) => position.or(until),
        };
        Self { until, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python's `hashlib.sha256(b"ann").hexdigest()[:32]`.
    #[test]
    fn the_key_of_a_shopper_stays_what_it_is() {
        assert_eq!(UserKey::of(&UserId::new("ann").unwrap()).to_string(), KEY_OF_ANN);
    }

    const KEY_OF_ANN: &str = "49915e0d7d4b402e3017d010bc1c0e83";

    #[test]
    fn an_erasure_reaches_as_far_as_the_later_of_two_places() {
        let place = |offset| Some(Position { epoch: 1, partition: 3, offset });
        let erasure = |until| Erasure { at: Timestamp::from_ms(5), until };
        assert_eq!(erasure(place(4)).including(place(9)), erasure(place(9)));
        assert_eq!(erasure(place(9)).including(place(4)), erasure(place(9)));
        assert_eq!(erasure(None).including(place(4)), erasure(place(4)));
        assert_eq!(erasure(place(4)).including(None), erasure(place(4)));
        assert!(erasure(None).hides(Timestamp::from_ms(5)) && !erasure(None).hides(Timestamp::from_ms(6)));
    }
}
