//! Where a page of history ended, as a text that callers hand back.

use rep_core::ports::StoreError;
use rep_core::{ID_BYTES_MAX, Timestamp, TraceId, UserId, stable_hash128};

use crate::elasticsearch::error::invalid;

/// The last document of a page.
///
/// As a text: hexadecimal digits of its time (8 bytes), a checksum over everything and the shopper (4 bytes), and its
/// trace id. The checksum tells cursors that are not ours, or another shopper's; it keeps nothing secret.
#[derive(Debug, PartialEq)]
pub(super) struct Cursor {
    pub(super) at: Timestamp,
    pub(super) trace_id: TraceId,
}

const HEAD_BYTES: usize = 12;

impl Cursor {
    pub(super) fn write(&self, user: &UserId) -> String {
        let checksum = checksum(user, self.at, self.trace_id.as_str());
        let at = self.at.as_ms().to_be_bytes();
        let bytes = at.iter().chain(&checksum).chain(self.trace_id.as_str().as_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn read(user: &UserId, text: &str) -> Result<Self, StoreError> {
        Self::parse(user, text).ok_or_else(|| invalid("cursor is not one of this history"))
    }

    fn parse(user: &UserId, text: &str) -> Option<Self> {
        if text.len() > 2 * (HEAD_BYTES + ID_BYTES_MAX) || !text.len().is_multiple_of(2) {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pair = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes: Vec<u8> = text.as_bytes().chunks_exact(2).map(pair).collect::<Option<_>>()?;
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (told, trace_id) = rest.split_first_chunk::<4>()?;
        let at = Timestamp::from_ms(i64::from_be_bytes(*at));
        let trace_id = TraceId::new(std::str::from_utf8(trace_id).ok()?).ok()?;
        (checksum(user, at, trace_id.as_str()) == *told).then_some(Self { at, trace_id })
    }
}

fn checksum(user: &UserId, at: Timestamp, trace_id: &str) -> [u8; 4] {
    let text = format!("{user}\u{1f}{}\u{1f}{trace_id}", at.as_ms());
    let hash = stable_hash128(text.as_bytes()).to_be_bytes();
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(text: &str) -> UserId {
        UserId::new(text).unwrap()
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_to_its_shopper_only(ms: i64, trace in "[!-~가-힣]{1,32}") {
            let cursor = Cursor { at: Timestamp::from_ms(ms), trace_id: TraceId::new(trace).unwrap() };
            let text = cursor.write(&user("u"));
            prop_assert_eq!(Cursor::parse(&user("other"), &text), None);
            prop_assert_eq!(Cursor::parse(&user("u"), &text), Some(cursor));
        }

        #[test]
        fn what_is_no_cursor_is_refused(text in ".{0,100}") {
            prop_assert_eq!(Cursor::parse(&user("u"), &text), None);
        }
    }
}
