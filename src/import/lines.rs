//! Physical lines of bounded length.

use std::io::{self, BufRead};

/// Longest line, and longest CSV record over several lines, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;
/// How much of a line that is too long is kept for the report, in bytes.
const KEPT_BYTES: usize = 1024;

/// A physical line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The first is 1.
    pub(super) number: u64,
    /// What stands in it; only the beginning if it is too long.
    pub(super) bytes: Vec<u8>,
    /// Whether it had more than [`LINE_BYTES_MAX`].
    pub(super) too_long: bool,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// `\n` or `\r\n`.
    Lf,
    /// `\r` alone, as some spreadsheets still write it.
    Cr,
}

impl LineEnd {
    /// Told from the beginning of a text: `\r` alone only where no line ends otherwise.
    pub(super) fn of(head: &[u8]) -> Self {
        let (mut is_quoted, mut alone) = (false, false);
        for (at, byte) in head.iter().enumerate() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\n' if !is_quoted => return Self::Lf,
                // The last byte may be half of `\r\n`: then a line ended before it, or none did.
                b'\r' if !is_quoted && head.get(at + 1).is_some_and(|next| *next != b'\n') => alone = true,
                _ => {}
            }
        }
        if alone || (head.ends_with(b"\r") && !is_quoted) { Self::Cr } else { Self::Lf }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Lf => b'\n',
            Self::Cr => b'\r',
        }
    }
}

/// Splits a stream into lines; a byte order mark at its beginning is dropped.
pub(super) struct Lines<R> {
    input: R,
    end: LineEnd,
    number: u64,
    consumed_bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`.
    pub(super) fn new(input: R, end: LineEnd) -> Self {
        Self { input, end, number: 0, consumed_bytes: 0 }
    }

    /// How much is read, in bytes.
    pub(super) fn consumed_bytes(&self) -> u64 {
        self.consumed_bytes
    }

    /// The next line; holds at most [`LINE_BYTES_MAX`] and the input's buffer.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let (mut too_long, mut any, mut ended) = (false, false, false);
        while !ended {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == self.end.byte());
            let text = &chunk[..end.unwrap_or(chunk.len())];
            // One more than the limit, so that a `\r` before the end does not count.
            if too_long || bytes.len() + text.len() > LINE_BYTES_MAX + 1 {
                bytes.extend_from_slice(&text[..text.len().min(KEPT_BYTES.saturating_sub(bytes.len()))]);
                bytes.truncate(KEPT_BYTES);
                too_long = true;
            } else {
                bytes.extend_from_slice(text);
            }
            ended = end.is_some();
            let used = text.len() + usize::from(ended);
            self.input.consume(used);
            self.consumed_bytes += used as u64;
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if !too_long && self.end == LineEnd::Lf && bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if bytes.len() > LINE_BYTES_MAX {
            bytes.truncate(KEPT_BYTES);
            too_long = true;
        }
        if self.number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        Ok(Some(Line { number: self.number, bytes, too_long }))
    }
}

/// What is said of a line that is too long.
pub(super) fn too_long() -> String {
    format!("is longer than {LINE_BYTES_MAX} bytes")
}

/// `bytes` as text, or what is said of them.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        format!(
            "is not UTF-8 at byte {}: save the file as UTF-8 (it may be in EUC-KR or Windows-1252)",
            error.valid_up_to() + 1
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(input: &[u8], buffer: usize) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, input), LineEnd::Lf);
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            all.push(line);
        }
        assert_eq!(lines.consumed_bytes(), input.len() as u64);
        all
    }

    #[test]
    fn ends_and_byte_order_marks_are_dropped() {
        for buffer in [1, 2, 7, 4096] {
            let found = lines(b"\xEF\xBB\xBFa\r\n\nb\rc\n\xEF\xBB\xBFd", buffer);
            let texts: Vec<_> = found.iter().map(|line| (line.number, line.bytes.as_slice())).collect();
            assert_eq!(texts, [(1, &b"a"[..]), (2, b""), (3, b"b\rc"), (4, b"\xEF\xBB\xBFd")]);
        }
        assert!(lines(b"", 8).is_empty());
    }

    #[test]
    fn ends_are_told_from_the_beginning() {
        for (head, end) in [
            ("a,b\r1,2\r", LineEnd::Cr),
            ("a,b\r", LineEnd::Cr),
            ("a,\"b\nc\"\r1", LineEnd::Cr),
            ("a,b\r\n1", LineEnd::Lf),
            ("a,b\n1\r2", LineEnd::Lf),
            ("a,\"b\rc\"\n1", LineEnd::Lf),
            ("a,b\r1\n", LineEnd::Lf),
            ("", LineEnd::Lf),
            ("{\"a\": \"b\"}\r{}", LineEnd::Cr),
        ] {
            assert_eq!(LineEnd::of(head.as_bytes()), end, "{head:?}");
        }
        let mut lines = Lines::new(&b"\xEF\xBB\xBFa\r\rb\nc"[..], LineEnd::Cr);
        let texts: Vec<_> =
            std::iter::from_fn(|| lines.next_line().unwrap()).map(|line| line.bytes).collect();
        assert_eq!(texts, [&b"a"[..], b"", b"b\nc"]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_the_next_one_is_whole() {
        for (length, end, long) in [
            (LINE_BYTES_MAX, "\n", false),
            (LINE_BYTES_MAX, "\r\n", false),
            (LINE_BYTES_MAX + 1, "\n", true),
            (LINE_BYTES_MAX + 1, "\r\n", true),
            (3 * LINE_BYTES_MAX, "\n", true),
        ] {
            let input = format!("{}{end}next\n", "x".repeat(length));
            let found = lines(input.as_bytes(), 64 * 1024);
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].too_long, long, "{length}");
            assert_eq!(found[0].bytes.len(), if long { KEPT_BYTES } else { length });
            assert_eq!(found[1], Line { number: 2, bytes: b"next".to_vec(), too_long: false });
        }
    }
}
