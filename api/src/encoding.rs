//! Bodies that come compressed. What is read of them is inflated as it is read, so all limits of bodies hold for what
//! they become.

use std::io;

use async_compression::tokio::bufread::{GzipDecoder, ZlibDecoder};
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::problem::Problem;

/// What is accepted, as the header of that name says it.
const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate, identity");
/// Bytes that are inflated at a time.
const CHUNK_BYTES: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Gzip,
    /// The zlib format. Source: RFC 9110, section 8.4.1.2.
    Deflate,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// The body is not what its `Content-Encoding` says.
#[derive(Debug, thiserror::Error)]
#[error("the body is no whole `{0}`, which `Content-Encoding` says it is")]
pub(crate) struct NotEncoded(&'static str);

/// More compressed bytes came than any body may have.
#[derive(Debug, thiserror::Error)]
#[error("length limit exceeded")]
struct TooLong;

/// A failure to read what is to be inflated, told apart from one to inflate it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unread(#[source] axum::Error);

/// Inflates the body, of which at most `bytes_max` compressed bytes are read.
pub(crate) async fn inflate(State(bytes_max): State<usize>, mut request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    match of(request.headers()) {
        Ok(None) => {}
        Ok(Some(encoding)) => {
            let headers = request.headers_mut();
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            request = request.map(|body| inflated(body, encoding, bytes_max));
        }
        Err(problem) => {
            let mut response = problem.into_response();
            response.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
            return response;
        }
    }
    next.run(request).await
}

fn of(headers: &HeaderMap) -> Result<Option<Encoding>, Problem> {
    let said: Vec<&str> =
        headers.get_all(CONTENT_ENCODING).iter().map(|v| v.to_str().unwrap_or("?")).collect();
    let said = said.join(", ");
    match said.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Encoding::Gzip)),
        "deflate" => Ok(Some(Encoding::Deflate)),
        _ => {
            let said: String = said.chars().take(64).collect();
            Err(Problem::unsupported_media_type(format!(
                "the content encoding `{said}` is not accepted: send `gzip`, `deflate`, or the body as it is"
            )))
        }
    }
}

fn inflated(body: Body, encoding: Encoding, bytes_max: usize) -> Body {
    let mut left = bytes_max;
    let frames = body.into_data_stream().map(move |frame| {
        let frame = frame.map_err(|error| io::Error::other(Unread(error)))?;
        left = left.checked_sub(frame.len()).ok_or_else(|| io::Error::other(TooLong))?;
        Ok::<_, io::Error>(frame)
    });
    let compressed = StreamReader::new(frames);
    match encoding {
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(compressed);
            decoder.multiple_members(true);
            read(decoder, encoding)
        }
        Encoding::Deflate => read(ZlibDecoder::new(compressed), encoding),
    }
}

fn read(decoder: impl AsyncRead + Send + 'static, encoding: Encoding) -> Body {
    let frames = ReaderStream::with_capacity(decoder, CHUNK_BYTES).map_err(move |error| {
        let of_source = error.get_ref().is_some_and(|inner| inner.is::<Unread>() || inner.is::<TooLong>());
        if of_source { error } else { io::Error::other(NotEncoded(encoding.name())) }
    });
    Body::from_stream(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_by_their_names() {
        let of = |values: &[&str]| {
            let values = values.iter().map(|v| (CONTENT_ENCODING, HeaderValue::from_str(v).unwrap()));
            let mut headers = HeaderMap::new();
            values.for_each(|(name, value)| {
                headers.append(name, value);
            });
            of(&headers).ok()
        };
        assert_eq!(of(&[]), Some(None));
        assert_eq!(of(&["identity"]), Some(None));
        assert_eq!(of(&["GZIP"]), Some(Some(Encoding::Gzip)));
        assert_eq!(of(&["deflate"]), Some(Some(Encoding::Deflate)));
        for other in [&["br"][..], &["zstd"], &["gzip, gzip"], &["gzip", "gzip"], &["nonsense"]] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
