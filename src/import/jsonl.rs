//! JSONL: one JSON object a line.

use std::io::BufRead;

use anyhow::Context as _;
use serde_json::Value;

use super::entry::{Entry, Records, Row};
use super::lines::{LineEnd, Lines, too_long, utf8};

/// The lines of a JSONL file.
pub(super) struct JsonLines<R> {
    lines: Lines<R>,
}

impl<R: BufRead> JsonLines<R> {
    /// The records of `input`.
    pub(super) fn new(input: R, end: LineEnd) -> Self {
        Self { lines: Lines::new(input, end) }
    }
}

impl<R: BufRead> Records for JsonLines<R> {
    fn columns(&self) -> Option<&[String]> {
        None
    }

    fn next_entry(&mut self) -> anyhow::Result<Option<Entry>> {
        while let Some(line) = self.lines.next_line().context("cannot read on")? {
            if line.too_long {
                return Ok(Some(Entry::unreadable(line.number, line.bytes, too_long())));
            }
            if line.bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Ok(Some(match parse(&line.bytes) {
                Ok(row) => Entry { line: line.number, raw: line.bytes, row: Ok(row) },
                Err(message) => Entry::unreadable(line.number, line.bytes, message),
            }));
        }
        Ok(None)
    }

    fn consumed_bytes(&self) -> u64 {
        self.lines.consumed_bytes()
    }
}

fn parse(bytes: &[u8]) -> Result<Row, String> {
    match serde_json::from_str(utf8(bytes)?) {
        Ok(Value::Object(fields)) => Ok(fields.into_iter().collect()),
        Ok(_) => Err("must be a JSON object, one a line".into()),
        Err(error) => {
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or(&text);
            Err(format!("is no JSON: {reason} at column {}", error.column()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_are_refused_alone() {
        let input =
            b"\xEF\xBB\xBF{\"a\":1}\r\n\n  \nnonsense\n[1]\n{\"a\":\"\xff\"}\n{\"a\":\n{\"b\":\"\xea\xb0\x80\"}";
        let mut records = JsonLines::new(&input[..], LineEnd::Lf);
        let mut seen = Vec::new();
        while let Some(entry) = records.next_entry().unwrap() {
            seen.push((entry.line, entry.row.map_err(|problems| problems[0].message.clone())));
        }
        let numbers: Vec<_> = seen.iter().map(|(line, row)| (*line, row.is_ok())).collect();
        assert_eq!(numbers, [(1, true), (4, false), (5, false), (6, false), (7, false), (8, true)]);
        assert_eq!(seen[1].1, Err("is no JSON: expected ident at column 2".into()));
        assert!(seen[3].1.as_ref().unwrap_err().contains("not UTF-8 at byte 7"));
        assert_eq!(seen[5].1, Ok(vec![("b".into(), "가".into())]));
    }
}
