//! What makes an event one.

use std::fmt;

use crate::hash::{half_sha256, write_hex};
use crate::{TraceId, UserAction, UserId};

/// A shopper and a trace id. Clients choose trace ids, so one tells apart the events of its shopper, not of all: two
/// shoppers with the same trace id have two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId<'a> {
    /// Whose event.
    pub user_id: &'a UserId,
    /// Which of theirs.
    pub trace_id: &'a TraceId,
}

/// An [`EventId`] in 16 bytes, chosen so that nobody can make theirs meet another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 16]);

impl EventId<'_> {
    /// The first half of SHA-256 over the length of the user id (two bytes, big-endian), user id and trace id. The same
    /// over releases: stored keys are made of it.
    pub fn key(self) -> EventKey {
        let (user, trace) = (self.user_id.as_str().as_bytes(), self.trace_id.as_str().as_bytes());
        // Ids are at most 128 bytes long.
        let length = (user.len() as u16).to_be_bytes();
        EventKey(half_sha256([&length[..], user, trace]))
    }
}

impl fmt::Display for EventKey {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl UserAction {
    /// What makes it one.
    pub fn event_id(&self) -> EventId<'_> {
        EventId { user_id: &self.user_id, trace_id: &self.trace_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str, trace: &str) -> EventKey {
        EventId { user_id: &UserId::new(user).unwrap(), trace_id: &TraceId::new(trace).unwrap() }.key()
    }

    #[test]
    fn both_parts_count_and_their_border_too() {
        let keys = [key("ann", "t"), key("ben", "t"), key("ann", "u"), key("an", "nt"), key("annt", "x")];
        for (at, one) in keys.iter().enumerate() {
            assert!(keys[at + 1..].iter().all(|other| other != one));
        }
    }

    /// By Python's `hashlib.sha256(b"\x00\x03annt").hexdigest()[:32]`.
    #[test]
    fn stays_what_it_is() {
        assert_eq!(key("ann", "t").to_string(), "760e4c967c6c117dbea9791d6ddb7eea");
    }
}
