//! Bytes that must never change: they lie in logs and in other people's topics.

use std::fmt::Write as _;

use rep_core::InventoryChange;
use rep_core::avro::{Codec, DeadLetter, Event};
use rep_core::{ActionType, UserAction};

use crate::events::*;

/// `golden` is hexadecimal, a space where a field ends or a union's branch was named.
fn check<E: Event + PartialEq + std::fmt::Debug>(event: &E, golden: &str) {
    let codec = Codec::with_sequential_ids();
    let bytes = codec.encode(event).unwrap();
    let mut found = String::new();
    for byte in &bytes {
        write!(found, "{byte:02x}").unwrap();
    }
    assert_eq!(found, golden.replace([' ', '\n'], ""));
    assert_eq!(codec.decode::<E>(&bytes).unwrap(), *event);
}

const FULL_ACTION: &str = "0e74726163652d31 16ec82acec9aa9ec9e902d31 06 02 06702d39 02 127265642073686f6573 \
                           02 06732d31 8ea0d5edee66 04 0261 0231 0262 00 00";
const BARE_ACTION: &str = "0e74726163652d31 16ec82acec9aa9ec9e902d31 0e 02 06702d39 00 00 01 00";

#[test]
fn actions() {
    check(&full_action(), &format!("00 00000006 {FULL_ACTION}"));
    check(&bare_action(), &format!("00 00000006 {BARE_ACTION}"));
    let unwished = UserAction { action_type: ActionType::RemoveFromWishlist, ..bare_action() };
    check(&unwished, &format!("00 00000006 {}", BARE_ACTION.replacen(" 0e ", " 12 ", 1)));
}

#[test]
fn actions_of_version_1_are_still_read() {
    for (action, golden) in [(full_action(), FULL_ACTION), (bare_action(), BARE_ACTION)] {
        let bytes = bytes_of(&format!("00 00000001 {golden}"));
        assert_eq!(Codec::with_sequential_ids().decode::<UserAction>(&bytes).unwrap(), action);
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let hex = hex.replace([' ', '\n'], "");
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn inventory_changes() {
    check(
        &full_change(),
        "00 00000007 0e74726163652d32 06702d39 06455552 02 8c1f a417 02 00 18 8ea0d5edee66 01",
    );
    check(&bare_change(), "00 00000007 0e74726163652d32 06702d39 06455552 00 a417 00 18 8ea0d5edee66 00");
}

#[test]
fn inventory_changes_of_version_1_are_still_read() {
    let steady = InventoryChange { flapping: false, ..full_change() };
    for (change, golden) in [(steady, "02 8c1f a417 02 00"), (bare_change(), "00 a417 00")] {
        let hex = format!("00 00000003 0e74726163652d32 06702d39 06455552 {golden} 18 8ea0d5edee66");
        assert_eq!(Codec::with_sequential_ids().decode::<InventoryChange>(&bytes_of(&hex)).unwrap(), change);
    }
}

#[test]
fn inventory_changes_of_version_1_keep_their_price_in_the_digits_of_today() {
    let codec = Codec::with_sequential_ids();
    for (code, minor, in_iso_units) in
        [("PYG", 150, 2), ("LYD", 150, 1500), ("EUR", 150, 150), ("KRW", 150, 150)]
    {
        let change = InventoryChange {
            currency: code.parse().unwrap(),
            price_before: Some(minor),
            price_after: minor,
            flapping: false,
            ..full_change()
        };
        let bytes = codec.encode(&change).unwrap();
        assert_eq!(codec.decode::<InventoryChange>(&bytes).unwrap(), change, "of today");
        // Version 1 has the id 3, and lacks the last byte: whether the stock flaps.
        let before = [&[0, 0, 0, 0, 3], &bytes[5..bytes.len() - 1]].concat();
        let read = codec.decode::<InventoryChange>(&before).unwrap();
        assert_eq!((read.price_before, read.price_after), (Some(in_iso_units), in_iso_units), "{code}");
    }
}

#[test]
fn notifications() {
    check(
        &full_notification(),
        "00 00000004 066e2d31 0e74726163652d32 06752d31 06702d39 125265642073686f6573 02 08 06455552 \
         02 8c1f a417 18 8ea0d5edee66",
    );
    check(
        &bare_notification(),
        "00 00000004 066e2d31 0e74726163652d32 06752d31 06702d39 125265642073686f6573 00 00 06455552 \
         00 a417 18 8ea0d5edee66",
    );
}

const LETTER: &str = "1c757365722e616374696f6e2e7631 16 a8e8c8e99707 126265686176696f7572 \
                      124241445f4d41474943 387265636f726420626567696e732077697468206279746520 30786666 02 \
                      8ea0d5edee66";

#[test]
fn dead_letters() {
    check(&full_letter(), &format!("00 00000005 {LETTER} 02 06752d31 06ff0080 02 8c1f 02 0835656564"));
    check(&bare_letter(), &format!("00 00000005 {LETTER} 00 00 00 00"));
}

#[test]
fn dead_letters_of_version_1_are_still_read() {
    let whole = DeadLetter { cut_from: None, ..full_letter() };
    for (letter, golden) in [(whole, "02 06752d31 06ff0080"), (bare_letter(), "00 00")] {
        let bytes = bytes_of(&format!("00 00000002 {LETTER} {golden}"));
        assert_eq!(Codec::with_sequential_ids().decode::<DeadLetter>(&bytes).unwrap(), letter);
    }
}
