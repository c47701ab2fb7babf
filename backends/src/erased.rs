//! How an erased shopper stands where the others stand by their ids.

use rep_core::{UserId, UserKey};

/// No id of a shopper, which has no spaces.
pub(crate) fn erased_name(user: &UserId) -> String {
    format!("erased {}", UserKey::of(user))
}
