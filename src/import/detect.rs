//! How a file is written: by its name, or else by its first bytes.

use std::path::Path;

use anyhow::bail;

use super::args::Format;

/// Tells the format of `file`, which begins with `head`.
///
/// # Errors
/// When it cannot be told, or is one that is not read: then with what to do instead.
pub(super) fn format(file: &Path, head: &[u8]) -> anyhow::Result<Format> {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match head {
        [0x1F, 0x8B, ..] => bail!("is compressed: `zcat FILE | rep import -`"),
        [b'P', b'K', 3, 4, ..] => bail!("is a zip archive or a spreadsheet: save it as CSV"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => bail!("is in UTF-16: save it as UTF-8"),
        _ => {}
    }
    let extension =
        file.extension().map(|text| text.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "csv" => return Ok(Format::Csv),
        "jsonl" | "ndjson" => return Ok(Format::Jsonl),
        "parquet" | "pq" => return Ok(Format::Parquet),
        _ => {}
    }
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    match text.first() {
        Some(b'{') => Ok(Format::Jsonl),
        Some(b'[') => {
            bail!("is a JSON array, and one object a line is needed: `jq -c '.[]' FILE | rep import -`")
        }
        _ if text.split(|byte| *byte == b'\n').next().is_some_and(|line| line.contains(&b',')) => {
            Ok(Format::Csv)
        }
        _ => bail!("is in no format that can be told: give `--format csv`, `jsonl` or `parquet`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_first_then_bytes() {
        let told = |name: &str, head: &[u8]| format(Path::new(name), head).map_err(|error| error.to_string());
        assert_eq!(told("a.CSV", b""), Ok(Format::Csv));
        assert_eq!(told("a.ndjson", b"x"), Ok(Format::Jsonl));
        assert_eq!(told("a.pq", b"x"), Ok(Format::Parquet));
        assert_eq!(told("-", b"PAR1..."), Ok(Format::Parquet));
        assert_eq!(told("-", b"\xEF\xBB\xBF {\"a\":1}"), Ok(Format::Jsonl));
        assert_eq!(told("data.txt", b"productId,name\n"), Ok(Format::Csv));
        for (head, part) in [
            (&b"\x1f\x8b\x08"[..], "zcat"),
            (b"PK\x03\x04", "spreadsheet"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"[{}]", "jq"),
            (b"hello", "--format"),
            (b"", "--format"),
        ] {
            assert!(told("-", head).unwrap_err().contains(part));
        }
        // A compressed file is not read as what its name says.
        assert!(told("a.csv", b"\x1f\x8b\x08").is_err());
    }
}
