//! A record's trace context as a header.

use rdkafka::message::{Header, Headers, OwnedHeaders};
use rep_core::TraceContext;

const NAME: &str = "traceparent";
/// Bytes of the header: its name, its text and their lengths.
pub(super) const HEADER_BYTES: usize = NAME.len() + 55 + 2;

/// The headers of a record that is part of `trace`.
pub(super) fn headers_of(trace: &TraceContext) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(1).insert(Header { key: NAME, value: Some(&trace.to_string()) })
}

/// The first trace context among `headers`. What is malformed is as good as absent: it is another producer's, and
/// tells nothing of the event.
pub(super) fn trace_in(headers: &impl Headers) -> Option<TraceContext> {
    headers.iter().filter(|header| header.key == NAME).find_map(|header| {
        let text = std::str::from_utf8(header.value?).ok()?;
        text.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_header_is_as_good_as_none() {
        let trace = TraceContext::new([7; 16], [8; 8], true).unwrap();
        let headers = headers_of(&trace);
        assert_eq!(trace_in(&headers), Some(trace));
        let text = trace.to_string();
        let with = |values: &[Option<&[u8]>]| {
            let headers = OwnedHeaders::new().insert(Header { key: "source", value: Some(&text) });
            values.iter().fold(headers, |all, value| all.insert(Header { key: NAME, value: *value }))
        };
        assert_eq!(trace_in(&with(&[])), None);
        assert_eq!(trace_in(&with(&[None, Some(b"\xff"), Some(b"00-1-2-3")])), None);
        assert_eq!(trace_in(&with(&[Some(b"00-1-2-3"), Some(text.as_bytes())])), Some(trace));
    }
}
