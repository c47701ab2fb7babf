//! Server-sent events out of a body. Source: WHATWG HTML, section 9.2.

use std::io::{self, BufRead, Read as _};

/// Longest line that is read, in bytes: a record is at most 1 MiB, and grows by being written out.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) data: String,
}

/// Reads events one by one.
pub(super) struct Frames<R> {
    body: R,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(body: R) -> Self {
        Self { body }
    }

    /// The next event with data; `None` at the end. An event that is cut off there is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut frame = Frame::default();
        loop {
            let mut line = String::new();
            let read = self.body.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
            if read == 0 {
                return Ok(None);
            }
            let Some(line) = line.strip_suffix('\n') else {
                let reason = if read as u64 == LINE_BYTES_MAX { "is too long" } else { "is cut off" };
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a line of the stream {reason}"),
                ));
            };
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                if !frame.data.is_empty() {
                    return Ok(Some(frame));
                }
                frame = Frame::default();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => frame.name = value.to_owned(),
                "id" => frame.id = Some(value.to_owned()),
                "data" => {
                    if !frame.data.is_empty() {
                        frame.data.push('\n');
                    }
                    frame.data.push_str(value);
                }
                // Comments begin with a colon; `retry` is for browsers.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let text = ":open\nretry: 2000\n\nevent: record\nid: 0a\ndata: {\"a\":1}\n\n: ping\n\ndata:x\ndata: y\r\n\r\nevent: e\ndata: cut";
        let mut frames = Frames::new(text.as_bytes());
        let first = frames.next().unwrap().unwrap();
        assert_eq!(
            (first.name.as_str(), first.id.as_deref(), first.data.as_str()),
            ("record", Some("0a"), "{\"a\":1}")
        );
        assert_eq!(frames.next().unwrap().unwrap().data, "x\ny");
        assert!(frames.next().is_err());
        assert_eq!(Frames::new(&b""[..]).next().unwrap(), None);
    }
}
