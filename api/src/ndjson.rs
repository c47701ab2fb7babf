//! Lines of JSON out of a body, as they come in: what is held is the bytes of one line.

use axum::body::Body;
use bytes::{Buf, BytesMut};
use futures::StreamExt;

use crate::config::Limits;
use crate::extract::{body_problem, utf8};
use crate::problem::Problem;

/// Gives each line that is not blank to `each`, within the import limits.
pub(crate) async fn lines(body: Body, limits: &Limits, mut each: impl FnMut(&[u8])) -> Result<(), Problem> {
    let mut frames = body.into_data_stream();
    let mut rest = BytesMut::new();
    let (mut bytes, mut count) = (0_usize, 0_usize);
    let mut is_first = true;
    let mut line = |line: &[u8]| {
        let line = if std::mem::take(&mut is_first) { utf8(line)? } else { line };
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        count += 1;
        if count > limits.import_lines_max {
            return Err(Problem::too_large(format!("send at most {} lines", limits.import_lines_max)));
        }
        each(line);
        Ok(())
    };
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|error| body_problem(error, limits.import_bytes_max))?;
        bytes += frame.len();
        if bytes > limits.import_bytes_max {
            return Err(Problem::too_large(format!("send at most {} bytes", limits.import_bytes_max)));
        }
        rest.extend_from_slice(&frame);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            line(&rest[..end])?;
            rest.advance(end + 1);
        }
        if rest.len() > limits.body_bytes_max {
            return Err(Problem::too_large(format!(
                "a line must be at most {} bytes",
                limits.body_bytes_max
            )));
        }
    }
    line(&rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(frames: &[&'static str], limits: Limits) -> Result<Vec<String>, Problem> {
        let frames: Vec<Result<&'static str, std::io::Error>> = frames.iter().map(|text| Ok(*text)).collect();
        let mut seen = Vec::new();
        let body = Body::from_stream(futures::stream::iter(frames));
        lines(body, &limits, |line| seen.push(String::from_utf8_lossy(line).into_owned())).await?;
        Ok(seen)
    }

    #[tokio::test]
    async fn lines_may_be_cut_anywhere() {
        let seen = read(&["{\"a\"", ":1}\r\n\n", "{}\n{\"b\":", "2}"], Limits::default()).await.unwrap();
        assert_eq!(seen, ["{\"a\":1}", "{}", "{\"b\":2}"]);
    }

    #[tokio::test]
    async fn a_mark_before_the_first_line_is_passed_over() {
        let seen = read(&["\u{FEFF}", "{\"a\":1}\n{}"], Limits::default()).await.unwrap();
        assert_eq!(seen, ["{\"a\":1}", "{}"]);
        assert!(read(&["{\0}\0\n\0"], Limits::default()).await.is_err(), "UTF-16");
    }

    #[tokio::test]
    async fn lines_and_bytes_are_bounded() {
        let limits = Limits { import_lines_max: 1, ..Limits::default() };
        assert!(read(&["1\n2\n"], limits).await.is_err());
        let limits = Limits { import_bytes_max: 3, ..Limits::default() };
        assert!(read(&["12", "34"], limits).await.is_err());
        let limits = Limits { body_bytes_max: 3, ..Limits::default() };
        assert!(read(&["1234", "5\n"], limits).await.is_err());
    }
}
