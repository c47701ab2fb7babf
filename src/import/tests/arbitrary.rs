//! Arbitrary input: no panic, and each record is sent or reported exactly once.
//!
//! Seeds are fixed, and named when a case fails.

use std::collections::BTreeMap;

use super::double::Double;
use super::{args, done, dry, file, import};
use crate::import::args::{Format, ImportArgs, Kind};
use crate::import::csv_file::CsvRecords;
use crate::import::entry::Records as _;
use crate::import::lines::LineEnd;

/// SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    fn pick<'a>(&mut self, words: &[&'a [u8]]) -> &'a [u8] {
        words[self.below(words.len())]
    }
}

/// What files are made of, right and wrong.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"\"\"",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b";",
    b"{",
    b"}",
    b"[",
    b":",
    b"null",
    b"\xFF",
    b"\xEF\xBB\xBF",
    "가".as_bytes(),
    b"productId",
    b"price",
    b"19.90",
    b"userId",
    b"actionType",
    b"{\"userId\":\"u\",",
    b"a b",
    b"\0",
    b"1e999",
];

fn soup(random: &mut Random) -> Vec<u8> {
    let length = random.below(60);
    let mut bytes = Vec::new();
    for _ in 0..length {
        if random.below(8) == 0 {
            bytes.push(random.byte());
        } else {
            bytes.extend_from_slice(random.pick(&PIECES));
        }
    }
    bytes
}

#[test]
fn arbitrary_bytes_never_panic_in_any_format() {
    for seed in 0..400 {
        let bytes = soup(&mut Random::new(seed));
        let (_folder, path) = file("soup", &bytes);
        for format in [None, Some(Format::Csv), Some(Format::Tsv), Some(Format::Jsonl), Some(Format::Parquet)]
        {
            for kind in [None, Some(Kind::Products), Some(Kind::Events)] {
                // Counts are checked within; a failure is a fine end too.
                drop(import(&ImportArgs { format, kind, ..dry(&path) }));
            }
        }
    }
}

#[test]
fn every_line_of_a_csv_belongs_to_one_record() {
    for seed in 0..2_000 {
        let mut bytes = b"a,b\n".to_vec();
        bytes.extend(soup(&mut Random::new(seed)));
        let mut records = CsvRecords::new(&bytes[..], ',', LineEnd::Lf).unwrap();
        let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n').count() as u64;
        // Of white space, or of cells without a value.
        let is_blank = |c: char| c.is_whitespace() || matches!(c, ',' | '"');
        let blank = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| std::str::from_utf8(line).is_ok_and(|line| line.chars().all(is_blank)))
            .collect::<Vec<_>>();
        let mut next = 2;
        while let Some(entry) = records.next_entry().unwrap() {
            assert!(
                (next..entry.line).all(|line| blank[line as usize - 1]),
                "seed {seed}: gap before {next}"
            );
            assert!(entry.line >= next, "seed {seed}: line {} twice", entry.line);
            next = entry.line + 1 + entry.raw.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        assert!((next..=lines).all(|line| blank[line as usize - 1]), "seed {seed}: rest lost");
    }
}

#[test]
fn each_line_is_sent_or_reported_exactly_once() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let (mut text, mut wanted) = (Vec::new(), BTreeMap::new());
        for line in 1..=150_u64 {
            let good = format!("{{\"userId\":\"u\",\"actionType\":\"VIEW\",\"productId\":\"line-{line}\"}}");
            match random.below(8) {
                0 => {}
                1 => {
                    text.extend_from_slice(b"{\"userId\":\"\xFF\"}");
                    wanted.insert(line, false);
                }
                2 if random.below(10) == 0 => {
                    text.extend(std::iter::repeat_n(b'x', 1_100_000));
                    wanted.insert(line, false);
                }
                2 => {
                    text.extend_from_slice(b"{\"userId\":\"u\",\"actionType\":\"TELEPORT\"}");
                    wanted.insert(line, false);
                }
                _ => {
                    text.extend_from_slice(good.as_bytes());
                    wanted.insert(line, true);
                }
            }
            text.extend_from_slice(if random.below(2) == 0 { b"\n" } else { b"\r\n" });
        }
        let double = Double::start([]);
        let (folder, path) = file("events.jsonl", &text);
        let rejects = folder.path().join("rejects");
        let batch = 1 + random.below(40) as u16;
        let args = ImportArgs {
            batch,
            rejects: Some(rejects.clone()),
            kind: Some(Kind::Events),
            ..args(&path, &double.url)
        };
        let outcome = done(&args);
        assert_eq!(outcome.read, wanted.len() as u64, "seed {seed}");
        let mut found = BTreeMap::new();
        for (item, effects) in double.seen().effects.values() {
            let line = item["productId"].as_str().unwrap()["line-".len()..].parse::<u64>().unwrap();
            assert_eq!((*effects, found.insert(line, true)), (1, None), "seed {seed}");
        }
        for line in std::fs::read_to_string(rejects).unwrap().lines() {
            let reject: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(found.insert(reject["line"].as_u64().unwrap(), false), None, "seed {seed}");
        }
        assert_eq!(found, wanted, "seed {seed}");
    }
}
