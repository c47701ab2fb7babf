//! How a file is written: by its name, or else by its first bytes.

use std::path::Path;

use anyhow::bail;

use super::args::Format;

/// Tells the format of `file`, which begins with `head`, where none is `said`.
///
/// # Errors
/// When it cannot be told, or is one that is not read: then with what to do instead.
pub(super) fn format(said: Option<Format>, file: &Path, head: &[u8]) -> anyhow::Result<Format> {
    if head.starts_with(b"PAR1") {
        return Ok(said.unwrap_or(Format::Parquet));
    }
    let extension =
        file.extension().map(|text| text.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if let Some(advice) = unreadable(&extension, head) {
        bail!(advice);
    }
    if let Some(said) = said {
        return Ok(said);
    }
    match extension.as_str() {
        "csv" => return Ok(Format::Csv),
        "tsv" | "tab" => return Ok(Format::Tsv),
        "jsonl" | "ndjson" => return Ok(Format::Jsonl),
        "parquet" | "pq" => return Ok(Format::Parquet),
        _ => {}
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let first_line = || text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    match text.first() {
        Some(b'{') => Ok(Format::Jsonl),
        Some(b'[') => {
            bail!("is a JSON array, and one object a line is needed: `jq -c '.[]' FILE | rep import -`")
        }
        _ if first_line().contains(&b',') => Ok(Format::Csv),
        _ if first_line().contains(&b'\t') => Ok(Format::Tsv),
        _ => bail!("is in no format that can be told: give `--format csv`, `tsv`, `jsonl` or `parquet`"),
    }
}

/// What to do with bytes that are no text, if they are none.
fn unreadable(extension: &str, head: &[u8]) -> Option<&'static str> {
    const SPREADSHEET: &str = "is a spreadsheet: save its sheet as `CSV UTF-8`, or convert it with \
                               `soffice --headless --convert-to csv FILE`";
    // The names of columns and fields are ASCII: in UTF-16 each of their characters has a zero beside it.
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let are_wide = |zeros: usize, others: usize| others == 0 && zeros > 0 && 8 * zeros >= head.len();
    Some(match head {
        [0x1F, 0x8B, ..] => "is compressed: `zcat FILE | rep import -`",
        [0x28, 0xB5, 0x2F, 0xFD, ..] => "is compressed with Zstandard: `zstdcat FILE | rep import -`",
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => {
            "is compressed with bzip2: `bzcat FILE | rep import -`"
        }
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => "is compressed with xz: `xzcat FILE | rep import -`",
        [0xD0, 0xCF, 0x11, 0xE0, ..] => SPREADSHEET,
        [b'P', b'K', 3, 4, ..] if is_sheet(extension, head) => SPREADSHEET,
        [b'P', b'K', 3, 4, ..] => {
            "is a zip archive or a spreadsheet: `unzip -p FILE NAME | rep import -`, or save the sheet as CSV"
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            "is in UTF-16: `iconv -f UTF-16 -t UTF-8 FILE | rep import -`, or save it as UTF-8"
        }
        _ if are_wide(zeros(0), zeros(1)) => {
            "is in UTF-16 (big-endian): `iconv -f UTF-16BE -t UTF-8 FILE | rep import -`"
        }
        _ if are_wide(zeros(1), zeros(0)) => {
            "is in UTF-16 (little-endian): `iconv -f UTF-16LE -t UTF-8 FILE | rep import -`"
        }
        _ => return None,
    })
}

fn is_sheet(extension: &str, head: &[u8]) -> bool {
    let names = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    ["xlsx", "xlsm", "ods"].contains(&extension)
        || names(b"[Content_Types].xml")
        || names(b"opendocument.spreadsheet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_first_then_bytes() {
        let told =
            |name: &str, head: &[u8]| format(None, Path::new(name), head).map_err(|error| error.to_string());
        assert_eq!(told("a.CSV", b""), Ok(Format::Csv));
        assert_eq!(told("a.ndjson", b"x"), Ok(Format::Jsonl));
        assert_eq!(told("a.pq", b"x"), Ok(Format::Parquet));
        assert_eq!(told("-", b"PAR1..."), Ok(Format::Parquet));
        assert_eq!(told("-", b"\xEF\xBB\xBF {\"a\":1}"), Ok(Format::Jsonl));
        assert_eq!(told("data.txt", b"productId,name\n"), Ok(Format::Csv));
        assert_eq!(told("a.TSV", b"x"), Ok(Format::Tsv));
        assert_eq!(told("data.txt", b"productId\tname\r"), Ok(Format::Tsv));
        assert_eq!(
            told("data.txt", b"productId\tname, full\n"),
            Ok(Format::Csv),
            "its header says then what to do"
        );
        for (head, part) in [
            (&b"\x1f\x8b\x08"[..], "`zcat FILE"),
            (b"\x28\xb5\x2f\xfd\x04", "`zstdcat FILE"),
            (b"BZh91AY&SY", "`bzcat FILE"),
            (b"\xfd7zXZ\0", "`xzcat FILE"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "save its sheet as `CSV UTF-8`"),
            (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "save its sheet as `CSV UTF-8`"),
            (b"PK\x03\x04", "`unzip -p FILE"),
            (b"\xff\xfea\0", "iconv -f UTF-16 "),
            (b"\xfe\xff\0a", "iconv -f UTF-16 "),
            (b"a\0,\0b\0\n\0", "iconv -f UTF-16LE"),
            (b"\0a\0,\0b\0\n", "iconv -f UTF-16BE"),
            (b"\x01\xac,\0\n\0", "iconv -f UTF-16LE"),
            (b"[{}]", "jq"),
            (b"hello", "--format"),
            (b"", "--format"),
        ] {
            let advice = told("-", head).unwrap_err();
            assert!(advice.contains(part), "{head:?}: {advice}");
            if part != "--format" && part != "jq" {
                let said = format(Some(Format::Csv), Path::new("a.csv"), head).unwrap_err().to_string();
                assert_eq!(said, advice, "whatever is said");
            }
        }
        assert_eq!(
            told("a.csv", b"productId,na\0me,category,price\n"),
            Ok(Format::Csv),
            "a zero is no UTF-16"
        );
        assert_eq!(told("BZh.csv", b"BZhere,name\n"), Ok(Format::Csv));
        assert!(told("a.xlsx", b"PK\x03\x04").unwrap_err().contains("save its sheet"));
        // A compressed file is not read as what its name says.
        assert!(told("a.csv", b"\x1f\x8b\x08").is_err());
    }
}
