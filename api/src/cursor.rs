//! Opaque cursors: hexadecimal, so that nobody builds on what is in them.

use std::str::FromStr;

use crate::problem::Problem;

/// The cursor for a place.
pub(crate) fn of(place: &str) -> String {
    hex::encode(place)
}

/// The place of a cursor.
pub(crate) fn read<T: FromStr>(cursor: &str) -> Result<T, Problem> {
    hex::decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|place| place.parse().ok())
        .ok_or_else(refused)
}

/// What is said of a cursor that is none of ours.
pub(crate) fn refused() -> Problem {
    Problem::field("cursor", "is none of ours; send `nextCursor` as it came, or nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_cursors_are_read() {
        assert_eq!(read::<u64>(&of("17")).unwrap(), 17);
        for nonsense in ["", "17", "zz", "ff", &of("a")] {
            assert!(read::<u64>(nonsense).is_err(), "{nonsense}");
        }
    }
}
