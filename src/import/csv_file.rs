//! CSV and TSV: a header line, commas or tabs, double quotes (RFC 4180), records that may span lines.
//!
//! What spreadsheets leave behind is passed over: white space around cells, columns without a name and a value, rows
//! without a value.

use std::collections::VecDeque;
use std::io::BufRead;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::entry::{Entry, Records, Row};
use super::lines::{LINE_BYTES_MAX, Line, LineEnd, Lines, too_long, utf8};

/// Most physical lines of one record: a quote that stays open longer is a mistake, not a text.
const RECORD_LINES_MAX: usize = 256;

/// The records of a CSV or TSV file.
pub(super) struct CsvRecords<R> {
    lines: Lines<R>,
    separator: char,
    /// Lines read ahead in search of a closing quote that never came; at most one record's worth.
    ahead: VecDeque<Line>,
    /// The columns that have a name.
    columns: Vec<String>,
    /// All names by their place, empty where there is none.
    places: Vec<String>,
}

/// One record's lines put together, or why they are none.
struct Joined {
    line: u64,
    bytes: Vec<u8>,
    broken: Option<String>,
}

impl<R: BufRead> CsvRecords<R> {
    /// Reads the header of `input`, whose cells are kept apart by `separator`.
    ///
    /// # Errors
    /// When there is no readable header: without it no record means anything.
    pub(super) fn new(input: R, separator: char, end: LineEnd) -> anyhow::Result<Self> {
        let (lines, ahead) = (Lines::new(input, end), VecDeque::new());
        let mut records = Self { lines, separator, ahead, columns: Vec::new(), places: Vec::new() };
        let Some(header) = records.join()? else {
            bail!("is empty: a CSV file begins with a line of column names");
        };
        if let Some(message) = header.broken {
            bail!("the header in line {} {message}", header.line);
        }
        let text = utf8(&header.bytes).map_err(|message| anyhow::anyhow!("the header {message}"))?;
        let places = split(text, separator);
        if let [only] = places.as_slice()
            && let Some(other) = [',', ';', '\t', '|'].into_iter().find(|c| only.contains(*c))
        {
            let format = match other {
                ',' => ", or give `--format csv`",
                '\t' => ", or give `--format tsv`",
                _ => "",
            };
            bail!("columns are separated by `{}`: save the file with commas{format}", other.escape_default());
        }
        records.columns = places.iter().filter(|name| !name.is_empty()).cloned().collect();
        if records.columns.is_empty() {
            bail!("the header in line {} names no column", header.line);
        }
        records.places = places;
        Ok(records)
    }

    fn next_line(&mut self) -> anyhow::Result<Option<Line>> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next_line().context("cannot read on"),
        }
    }

    /// The lines up to where no quote is open; blank lines between records are skipped.
    fn join(&mut self) -> anyhow::Result<Option<Joined>> {
        let first = loop {
            match self.next_line()? {
                None => return Ok(None),
                Some(line) if line.bytes.iter().all(u8::is_ascii_whitespace) && !line.too_long => {}
                Some(line) => break line,
            }
        };
        if first.too_long {
            return Ok(Some(Joined { line: first.number, bytes: first.bytes, broken: Some(too_long()) }));
        }
        let mut quotes = Quotes::new(self.separator);
        quotes.read(&first.bytes);
        let mut length = first.bytes.len();
        let mut more: Vec<Line> = Vec::new();
        while quotes.open() {
            let fits = |line: &Line| {
                !line.too_long
                    && more.len() + 2 <= RECORD_LINES_MAX
                    && length + 1 + line.bytes.len() <= LINE_BYTES_MAX
            };
            let line = match self.next_line()? {
                Some(line) if fits(&line) => line,
                other => return Ok(Some(self.give_back(first, more, other))),
            };
            quotes.read(b"\n");
            quotes.read(&line.bytes);
            length += 1 + line.bytes.len();
            more.push(line);
        }
        let mut bytes = first.bytes;
        for line in &more {
            bytes.push(b'\n');
            bytes.extend_from_slice(&line.bytes);
        }
        Ok(Some(Joined { line: first.number, bytes, broken: quotes.misplaced() }))
    }

    /// Only the line whose quote is never closed is lost; reading goes on behind it.
    fn give_back(&mut self, first: Line, more: Vec<Line>, next: Option<Line>) -> Joined {
        for line in more.into_iter().chain(next).rev() {
            self.ahead.push_front(line);
        }
        let message = format!(
            "opens a quote that is not closed within {RECORD_LINES_MAX} lines and {LINE_BYTES_MAX} bytes"
        );
        Joined { line: first.number, bytes: first.bytes, broken: Some(message) }
    }

    /// The values of a record; `None` where it has none at all.
    fn row(&self, bytes: &[u8]) -> Result<Option<Row>, String> {
        let cells = split(utf8(bytes)?, self.separator);
        if cells.iter().all(String::is_empty) {
            return Ok(None);
        }
        let have = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        let named = self.places.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        if have > self.places.len() || cells.len() < named {
            let (have, want) = (cells.len(), self.places.len());
            return Err(format!(
                "has {have} fields where the header has {want} (quote texts with separators)"
            ));
        }
        let mut row = Row::with_capacity(have);
        for (place, (name, cell)) in self.places.iter().zip(cells).enumerate() {
            match (name.is_empty(), cell.is_empty()) {
                (_, true) => {}
                (false, false) => row.push((name.clone(), Value::from(cell))),
                (true, false) => {
                    return Err(format!("has a value in column {}, which has no name", place + 1));
                }
            }
        }
        Ok(Some(row))
    }
}

impl<R: BufRead> Records for CsvRecords<R> {
    fn columns(&self) -> Option<&[String]> {
        Some(&self.columns)
    }

    fn next_entry(&mut self) -> anyhow::Result<Option<Entry>> {
        while let Some(Joined { line, bytes, broken }) = self.join()? {
            return Ok(Some(match broken.map_or_else(|| self.row(&bytes), Err) {
                Ok(Some(row)) => Entry { line, raw: bytes, row: Ok(row) },
                Ok(None) => continue,
                Err(message) => Entry::unreadable(line, bytes, message),
            }));
        }
        Ok(None)
    }

    fn consumed_bytes(&self) -> u64 {
        self.lines.consumed_bytes()
    }
}

/// Follows quotes to find where a record ends before it is parsed: what stands behind an open quote would else be one
/// record, however large.
struct Quotes {
    separator: u8,
    state: State,
    misplaced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a cell, and in white space there.
    Start,
    Plain,
    Quoted,
    /// At a quote within quotes: it ends them, or is the first of two that stand for one.
    AfterQuote,
    /// In white space behind closed quotes.
    Closed,
}

impl State {
    /// What follows on `byte`; the bytes of a character outside of ASCII are all the same here.
    fn next(self, byte: u8, separator: u8) -> Self {
        match (self, byte) {
            (Self::Start | Self::AfterQuote, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::AfterQuote,
            (Self::Quoted, _) => Self::Quoted,
            (_, byte) if byte == separator => Self::Start,
            (Self::Start, b' ' | b'\t') => Self::Start,
            (Self::AfterQuote | Self::Closed, b' ' | b'\t') => Self::Closed,
            _ => Self::Plain,
        }
    }
}

impl Quotes {
    fn new(separator: char) -> Self {
        Self { separator: ascii(separator), state: State::Start, misplaced: false }
    }

    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let next = self.state.next(*byte, self.separator);
            self.misplaced |= matches!(self.state, State::AfterQuote | State::Closed) && next == State::Plain;
            self.state = next;
        }
    }

    fn open(&self) -> bool {
        self.state == State::Quoted
    }

    fn misplaced(&self) -> Option<String> {
        self.misplaced
            .then(|| "has text behind a closing quote (write `\"\"` for a quote within quotes)".into())
    }
}

fn ascii(c: char) -> u8 {
    u8::try_from(c).unwrap_or(b'?')
}

/// The cells of one record, without white space around them.
fn split(record: &str, separator: char) -> Vec<String> {
    let (mut cells, mut cell, mut state) = (Vec::new(), String::new(), State::Start);
    let separator = ascii(separator);
    for c in record.chars() {
        let next = state.next(ascii(c), separator);
        match (state, next) {
            (State::Quoted, State::AfterQuote) | (State::Start, State::Quoted) | (_, State::Closed) => {}
            // Behind a cell, or in white space before one, which trimming takes away.
            (_, State::Start) if ascii(c) == separator => {
                cells.push(cell.trim().to_owned());
                cell.clear();
            }
            _ => cell.push(c),
        }
        state = next;
    }
    cells.push(cell.trim().to_owned());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<(u64, Result<Row, String>)> {
        read_as(input, ',', LineEnd::Lf)
    }

    fn read_as(input: &[u8], separator: char, end: LineEnd) -> Vec<(u64, Result<Row, String>)> {
        let mut records = CsvRecords::new(input, separator, end).unwrap();
        let mut seen = Vec::new();
        while let Some(entry) = records.next_entry().unwrap() {
            seen.push((entry.line, entry.row.map_err(|problems| problems[0].message.clone())));
        }
        assert_eq!(records.consumed_bytes(), input.len() as u64);
        seen
    }

    fn row(cells: &[(&str, &str)]) -> Result<Row, String> {
        Ok(cells.iter().map(|(name, cell)| ((*name).to_owned(), Value::from(*cell))).collect())
    }

    #[test]
    fn quotes_line_breaks_and_blank_lines() {
        let seen =
            read("\u{feff}a, b\r\n1,\"x, \"\"y\"\"\"\r\n\r\n2,\"two\r\nlines\"\r\n,5\" nail\r\n".as_bytes());
        assert_eq!(seen[0], (2, row(&[("a", "1"), ("b", "x, \"y\"")])));
        assert_eq!(seen[1], (4, row(&[("a", "2"), ("b", "two\nlines")])));
        assert_eq!(seen[2], (6, row(&[("b", "5\" nail")])));
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn what_spreadsheets_leave_behind_is_passed_over() {
        let wanted = row(&[("a", "1"), ("b", "x, y")]);
        for input in [
            "a,b,\n1,\"x, y\",\n",
            "a,b,\n1,\"x, y\"\n",
            "a,b,,\n1,\"x, y\",\n",
            "a,b\n1,\"x, y\",,\n",
            ",a,b\n,1,\"x, y\"\n",
            " a , b \n  1  , \" x, y\"  \n",
            "a,b\n,,,\n \n\"\",\n1,\"x, y\"\n,,\n",
            "\u{a0}a,b\n1\u{a0},\"x, y\u{3000}\"\n",
        ] {
            let seen = read(input.as_bytes());
            assert_eq!(seen.iter().map(|(_, row)| row).collect::<Vec<_>>(), [&wanted], "{input}");
        }
        let refused = |input: &str| read(input.as_bytes()).remove(0).1.unwrap_err();
        assert!(refused("a,b,\n1,2,3\n").contains("column 3, which has no name"));
        assert!(refused("a,b\n1,2,3\n").contains("has 3 fields where the header has 2"));
        assert!(refused("a,b\n1,\"2\" x\n").contains("behind a closing quote"));
        let header = CsvRecords::new(&b",,\n1\n"[..], ',', LineEnd::Lf).map(|_| ()).unwrap_err().to_string();
        assert!(header.contains("names no column"), "{header}");
    }

    #[test]
    fn tabs_and_carriage_returns_are_what_they_are_said_to_be() {
        let wanted = [(2, row(&[("a", "1, \t2"), ("b", "x")])), (3, row(&[("b", "y")]))];
        assert_eq!(read_as(b"a\tb\n\"1, \t2\"\tx\n\t y \n", '\t', LineEnd::Lf), wanted);
        assert_eq!(read_as(b"a\tb\r\"1, \t2\"\tx\r\ty\r", '\t', LineEnd::Cr), wanted);
        assert_eq!(
            read_as(b"a,b\r1,\"two\rlines\"", ',', LineEnd::Cr)[0].1,
            row(&[("a", "1"), ("b", "two\nlines")])
        );
    }

    #[test]
    fn an_open_quote_costs_one_line_only() {
        let mut input = "a,b\n1,\"never closed\n2,ok\n".to_owned();
        for n in 3..2000 {
            input.push_str(&format!("{n},ok\n"));
        }
        let seen = read(input.as_bytes());
        assert!(seen[0].1.as_ref().unwrap_err().contains("not closed"));
        assert_eq!(seen.iter().filter(|(_, row)| row.is_ok()).count(), 1998);
        assert_eq!(seen.iter().map(|(line, _)| *line).collect::<Vec<_>>(), (2..=2000).collect::<Vec<_>>());
        assert_eq!(read(b"a,b\n1,\"open\n2,ok")[1], (3, row(&[("a", "2"), ("b", "ok")])));
    }

    #[test]
    fn broken_records_are_refused_alone() {
        let seen = read(b"a,b\n1\n1,2,3\n\"1\"x,2\n\xff,2\nok,2\n");
        assert_eq!(seen.iter().filter(|(_, row)| row.is_err()).count(), 4);
        assert_eq!(seen[4], (6, row(&[("a", "ok"), ("b", "2")])));
    }

    #[test]
    fn a_file_without_a_usable_header_is_refused() {
        for (input, part) in [
            ("", "empty"),
            ("a;b\n1;2\n", "separated by `;`"),
            ("a\tb\n", "`\\t`: save the file with commas, or give `--format tsv`"),
            ("\"a,b\n", "quote"),
        ] {
            let error =
                CsvRecords::new(input.as_bytes(), ',', LineEnd::Lf).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn records_are_what_the_csv_crate_sees_but_for_white_space() {
        for input in
            ["a\"b\"c,d", "\"a\"\"\nb\",c", "\"\",\"x,\ny\"", ",,\"\"\"\"", "가,\"나\"\"다\"", "a,", ","]
        {
            let mut quotes = Quotes::new(',');
            quotes.read(input.as_bytes());
            assert!(!quotes.open());
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input.as_bytes());
            let records: Vec<Vec<String>> = reader.deserialize().map(Result::unwrap).collect();
            assert_eq!(records, [split(input, ',')], "{input}");
        }
    }
}
