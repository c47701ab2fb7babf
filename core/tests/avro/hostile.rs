//! Hostile bytes end in an error: no panic, and no memory reserved because a length says so.

use proptest::collection::vec;
use proptest::prelude::*;
use rep_core::avro::{Codec, DeadLetter, DecodeError, Event, HEADER_BYTES, RECORD_BYTES_MAX};
use rep_core::{InventoryChange, Notification, UserAction};

use crate::events::*;
use crate::reference::{action_before_its_map, varint};
use crate::round_trip::{any_action, any_change, any_letter, any_notification};

fn decode<E: Event>(bytes: &[u8]) -> Result<E, DecodeError> {
    Codec::with_sequential_ids().decode(bytes)
}

fn header(id: u32) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..]].concat()
}

/// Greatest size this process ever had, reserved memory included, in KiB; `None` where the system has no
/// such file.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn each_fault_of_the_header_has_its_code() {
    let good = Codec::with_sequential_ids().encode(&full_action()).unwrap();
    for length in 0..HEADER_BYTES {
        let error = decode::<UserAction>(&good[..length]).unwrap_err();
        assert!(matches!(error, DecodeError::TooShort(n) if n == length));
        assert_eq!(error.reason(), "BAD_LENGTH");
    }
    let magic = [&[1], &good[1..]].concat();
    assert_eq!(decode::<UserAction>(&magic).unwrap_err().reason(), "BAD_MAGIC");
    let unknown = [&header(999), &good[HEADER_BYTES..]].concat();
    assert_eq!(decode::<UserAction>(&unknown).unwrap_err().reason(), "UNKNOWN_SCHEMA");
    assert_eq!(
        decode::<InventoryChange>(&good).unwrap_err().reason(),
        "UNKNOWN_SCHEMA",
        "another topic's id"
    );
    let long = [good.clone(), vec![0; RECORD_BYTES_MAX]].concat();
    assert!(matches!(decode::<UserAction>(&long).unwrap_err(), DecodeError::TooLong(_)));
    let trailing = [good, vec![0]].concat();
    assert!(matches!(decode::<UserAction>(&trailing).unwrap_err(), DecodeError::TrailingBytes(1)));
}

#[test]
fn values_that_the_types_refuse_are_malformed() {
    let refused = |action: UserAction| {
        let bytes = Codec::with_sequential_ids().encode(&action).unwrap();
        assert_eq!(decode::<UserAction>(&bytes).unwrap_err().reason(), "MALFORMED");
    };
    refused(UserAction { search_query: None, ..full_action() });
    refused(UserAction { product_id: None, ..bare_action() });
    refused(UserAction { search_query: Some("x".repeat(10_000)), ..full_action() });
    let many = (0..20_000).map(|i| (i.to_string(), String::new())).collect();
    refused(UserAction { metadata: many, ..full_action() });
    let negative = InventoryChange { price_after: -1, ..full_change() };
    let bytes = Codec::with_sequential_ids().encode(&negative).unwrap();
    assert_eq!(decode::<InventoryChange>(&bytes).unwrap_err().reason(), "MALFORMED");
    // An identifier with a line break would forge headers and keys.
    let mut bytes = Codec::with_sequential_ids().encode(&full_action()).unwrap();
    bytes[HEADER_BYTES + 1] = b'\n';
    assert_eq!(decode::<UserAction>(&bytes).unwrap_err().reason(), "MALFORMED");
}

#[test]
fn lengths_that_lie_reserve_nothing() {
    let before = peak_kib();
    let lies = [1_000_000_000, 1 << 31, 1 << 40, i64::MAX, -1, -1_000_000_000, i64::MIN];
    for lie in lies {
        // A string's length, then an item's, a block's and a sized block's.
        let string = [header(1), varint(lie), b"abc".to_vec()].concat();
        assert_eq!(decode::<UserAction>(&string).unwrap_err().reason(), "MALFORMED", "{lie}");
        for map in [varint(lie), [varint(1), varint(lie)].concat(), [varint(-1), varint(lie)].concat()] {
            let bytes = [action_before_its_map(), map].concat();
            assert_eq!(decode::<UserAction>(&bytes).unwrap_err().reason(), "MALFORMED", "{lie}");
        }
        let letter = Codec::with_sequential_ids().encode(&bare_letter()).unwrap();
        // Its payload's length stands before the two empty fields of version 2.
        let payload = [&letter[..letter.len() - 3], &varint(lie)].concat();
        assert_eq!(decode::<DeadLetter>(&payload).unwrap_err().reason(), "MALFORMED", "{lie}");
    }
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        // Threads reserve some tens of MiB each; the least lie is a thousand.
        assert!(after - before < 700 << 10, "grew from {before} to {after} KiB");
    }
}

#[test]
fn endless_numbers_and_blocks_are_refused() {
    let endless = [header(1), vec![0xff; 64]].concat();
    assert_eq!(decode::<UserAction>(&endless).unwrap_err().reason(), "MALFORMED");
    // Half a million empty entries fit into a megabyte: refused by their count, not read through.
    let block = [varint(1), varint(0), varint(0)].concat();
    let blocks = [action_before_its_map(), block.repeat(300_000), varint(0)].concat();
    assert_eq!(decode::<UserAction>(&blocks).unwrap_err().reason(), "MALFORMED");
}

#[test]
fn every_cut_of_every_event_is_refused() {
    fn cuts<E: Event + std::fmt::Debug>(event: &E) {
        let bytes = Codec::with_sequential_ids().encode(event).unwrap();
        for length in 0..bytes.len() {
            let error = decode::<E>(&bytes[..length]).unwrap_err();
            assert!(!error.to_string().is_empty());
        }
    }
    cuts(&full_action());
    cuts(&full_change());
    cuts(&full_notification());
    cuts(&full_letter());
}

/// One byte changed, at a place and to a value that may be anything.
fn mutated<E: Event>(event: &E, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = Codec::with_sequential_ids().encode(event).unwrap();
    for (place, value) in changes {
        let place = HEADER_BYTES + place.index(bytes.len() - HEADER_BYTES);
        bytes[place] = *value;
    }
    bytes
}

/// Decodes `bytes` as each event; what is taken can be written again and says the same.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    fn one<E: Event + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Result<(), TestCaseError> {
        if let Ok(event) = decode::<E>(bytes) {
            let again = Codec::with_sequential_ids().encode(&event).unwrap();
            prop_assert_eq!(decode::<E>(&again).unwrap(), event);
        }
        Ok(())
    }
    one::<UserAction>(bytes)?;
    one::<InventoryChange>(bytes)?;
    one::<Notification>(bytes)?;
    one::<DeadLetter>(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn anything_at_all_is_survived(bytes in vec(any::<u8>(), 0..300)) {
        survives(&bytes)?;
    }

    #[test]
    fn anything_behind_a_good_header_is_survived(id in 1_u32..=4, body in vec(any::<u8>(), 0..300)) {
        survives(&[header(id), body].concat())?;
    }

    #[test]
    fn changed_events_are_survived(
        action in any_action(),
        change in any_change(),
        notification in any_notification(),
        letter in any_letter(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        survives(&mutated(&action, &changes))?;
        survives(&mutated(&change, &changes))?;
        survives(&mutated(&notification, &changes))?;
        survives(&mutated(&letter, &changes))?;
    }
}
