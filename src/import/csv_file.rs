//! CSV: a header line, commas, double quotes (RFC 4180), records that may span lines.

use std::collections::VecDeque;
use std::io::BufRead;

use anyhow::{Context as _, bail};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use serde_json::Value;

use super::entry::{Entry, Records, Row};
use super::lines::{LINE_BYTES_MAX, Line, Lines, too_long, utf8};

/// Most physical lines of one record: a quote that stays open longer is a mistake, not a text.
const RECORD_LINES_MAX: usize = 256;

/// The records of a CSV file.
pub(super) struct CsvRecords<R> {
    lines: Lines<R>,
    /// Lines read ahead in search of a closing quote that never came; at most one record's worth.
    ahead: VecDeque<Line>,
    columns: Vec<String>,
}

/// One record's lines put together, or why they are none.
struct Joined {
    line: u64,
    bytes: Vec<u8>,
    broken: Option<String>,
}

impl<R: BufRead> CsvRecords<R> {
    /// Reads the header of `input`.
    ///
    /// # Errors
    /// When there is no readable header: without it no record means anything.
    pub(super) fn new(input: R) -> anyhow::Result<Self> {
        let mut records = Self { lines: Lines::new(input), ahead: VecDeque::new(), columns: Vec::new() };
        let Some(header) = records.join()? else {
            bail!("is empty: a CSV file begins with a line of column names");
        };
        if let Some(message) = header.broken {
            bail!("the header in line {} {message}", header.line);
        }
        let text = utf8(&header.bytes).map_err(|message| anyhow::anyhow!("the header {message}"))?;
        let columns = split(text).map_err(|message| anyhow::anyhow!("the header {message}"))?;
        if let [only] = columns.as_slice()
            && let Some(separator) = [';', '\t', '|'].into_iter().find(|c| only.contains(*c))
        {
            bail!("columns are separated by `{}`: save the file with commas", separator.escape_default());
        }
        records.columns = columns.iter().map(|name| name.trim().to_owned()).collect();
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
        let mut quotes = Quotes::default();
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

    fn row(&self, bytes: &[u8]) -> Result<Row, String> {
        let cells = split(utf8(bytes)?)?;
        if cells.len() != self.columns.len() {
            let (have, want) = (cells.len(), self.columns.len());
            return Err(format!("has {have} fields where the header has {want} (quote texts with commas)"));
        }
        let named = self.columns.iter().cloned().zip(cells);
        Ok(named.filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| (name, Value::from(cell))).collect())
    }
}

impl<R: BufRead> Records for CsvRecords<R> {
    fn columns(&self) -> Option<&[String]> {
        Some(&self.columns)
    }

    fn next_entry(&mut self) -> anyhow::Result<Option<Entry>> {
        let Some(Joined { line, bytes, broken }) = self.join()? else {
            return Ok(None);
        };
        Ok(Some(match broken.map_or_else(|| self.row(&bytes), Err) {
            Ok(row) => Entry { line, raw: bytes, row: Ok(row) },
            Err(message) => Entry::unreadable(line, bytes, message),
        }))
    }

    fn consumed_bytes(&self) -> u64 {
        self.lines.consumed_bytes()
    }
}

/// Follows quotes the way the `csv` crate does, to find where a record ends before it is parsed: that crate
/// would put everything behind an open quote into one record, however large.
#[derive(Default)]
struct Quotes {
    state: State,
    misplaced: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    FieldStart,
    Plain,
    Quoted,
    AfterQuote,
}

impl Quotes {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = match (self.state, byte) {
                (State::FieldStart | State::AfterQuote, b'"') | (State::Quoted, ..=b'!' | b'#'..) => {
                    State::Quoted
                }
                (State::Quoted, b'"') => State::AfterQuote,
                (_, b',') => State::FieldStart,
                (State::AfterQuote, _) => {
                    self.misplaced = true;
                    State::Plain
                }
                (State::FieldStart | State::Plain, _) => State::Plain,
            };
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

/// The fields of one record.
fn split(record: &str) -> Result<Vec<String>, String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(record.len().clamp(64, 8 * 1024))
        .from_reader(record.as_bytes());
    let mut cells = ByteRecord::new();
    match reader.read_byte_record(&mut cells) {
        Ok(true) => {}
        Ok(false) => return Err("is empty".into()),
        Err(error) => return Err(format!("cannot be read as CSV: {error}")),
    }
    cells.iter().map(|cell| utf8(cell).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<(u64, Result<Row, String>)> {
        let mut records = CsvRecords::new(input).unwrap();
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
        for (input, part) in
            [("", "empty"), ("a;b\n1;2\n", "separated by `;`"), ("a\tb\n", "`\\t`"), ("\"a,b\n", "quote")]
        {
            let error = CsvRecords::new(input.as_bytes()).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_end_of_a_record_is_where_the_csv_crate_sees_it() {
        for input in ["a\"b\"c,d", "\"a\"\"\nb\",c", "\"\",\"x,\ny\"", ",,\"\"\"\"", "\"a\" ,b"] {
            let mut quotes = Quotes::default();
            quotes.read(input.as_bytes());
            assert!(!quotes.open());
            let mut reader =
                ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input.as_bytes());
            assert_eq!(reader.records().count(), 1, "{input}");
        }
    }
}
