//! Opens what is imported: a file or standard input, as records.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, bail};

use super::args::{Format, ImportArgs};
use super::csv_file::CsvRecords;
use super::detect;
use super::entry::Records;
use super::identity::Identity;
use super::jsonl::JsonLines;
use super::lines::LineEnd;
use super::parquet_file::ParquetRows;
use super::spool::Spool;

/// How much is looked at to tell the format, in bytes.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// Read at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// An opened input.
pub(super) struct Input {
    /// Its records.
    pub(super) records: Box<dyn Records>,
    /// Its length, if it is known.
    pub(super) length_bytes: Option<u64>,
    /// Where trace ids of events without one come from.
    pub(super) identity: Identity,
}

/// Opens what `args` name.
pub(super) fn open(args: &ImportArgs) -> anyhow::Result<Input> {
    if args.file == Path::new("-") {
        return stream(Box::new(io::stdin()), Path::new("-"), args).context("standard input");
    }
    let shown = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {shown}"))?;
    let facts = file.metadata().with_context(|| format!("cannot open {shown}"))?;
    if facts.is_dir() {
        bail!("{shown} is a folder");
    }
    let opened = if facts.is_file() {
        regular(file, facts.len(), args)
    } else {
        stream(Box::new(file), &args.file, args)
    };
    opened.with_context(|| shown.to_string())
}

fn regular(mut file: File, length: u64, args: &ImportArgs) -> anyhow::Result<Input> {
    let head = head(&mut file)?;
    let format = detect::format(args.format, &args.file, &head)?;
    let (records, identity): (Box<dyn Records>, _) = if format == Format::Parquet {
        let rows = ParquetRows::open(&args.file)?;
        let identity = rows.identity()?;
        (Box::new(rows), identity)
    } else {
        (text(format, head, file)?, Identity::content())
    };
    Ok(Input { records, length_bytes: Some(length), identity: named(args, identity) })
}

fn stream(mut input: Box<dyn Read>, name: &Path, args: &ImportArgs) -> anyhow::Result<Input> {
    let head = head(&mut input)?;
    let format = detect::format(args.format, name, &head)?;
    if format == Format::Parquet {
        let (spool, file) = Spool::fill(Cursor::new(head).chain(input))?;
        let length_bytes = file.metadata().context("cannot read on")?.len();
        let rows = ParquetRows::spooled(spool, file)?;
        let identity = rows.identity()?;
        let identity = named(args, identity);
        return Ok(Input { records: Box::new(rows), length_bytes: Some(length_bytes), identity });
    }
    let records = text(format, head, input)?;
    Ok(Input { records, length_bytes: None, identity: named(args, Identity::content()) })
}

fn named(args: &ImportArgs, otherwise: Identity) -> Identity {
    args.source_name.as_deref().map_or(otherwise, Identity::named)
}

fn text(format: Format, head: Vec<u8>, rest: impl Read + 'static) -> anyhow::Result<Box<dyn Records>> {
    let end = LineEnd::of(&head);
    let input = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(rest));
    Ok(match format {
        Format::Jsonl => Box::new(JsonLines::new(input, end)),
        Format::Tsv => Box::new(CsvRecords::new(input, '\t', end)?),
        Format::Csv | Format::Parquet => Box::new(CsvRecords::new(input, ',', end)?),
    })
}

/// The first line, or as much of it as is looked at; a pipe may give it in pieces.
fn head(input: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut bytes = BufReader::with_capacity(1024, input.take(HEAD_BYTES_MAX));
    loop {
        let chunk = match bytes.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.context("cannot read it")?,
        };
        if chunk.is_empty() {
            return Ok(head);
        }
        // All of the buffer is taken, so nothing is lost with it.
        head.extend_from_slice(chunk);
        let ended = chunk.contains(&b'\n');
        let used = chunk.len();
        bytes.consume(used);
        if ended && head.iter().any(|byte| !byte.is_ascii_whitespace()) {
            return Ok(head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            (buffer[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    #[test]
    fn the_head_and_the_rest_are_the_whole() {
        let content = "\n\nproductId,name\n1,가나다\n".repeat(100);
        let mut input = Slow(content.as_bytes());
        let head = head(&mut input).unwrap();
        assert_eq!(head, b"\n\nproductId,name\n");
        let mut whole = String::new();
        Cursor::new(head).chain(input).read_to_string(&mut whole).unwrap();
        assert_eq!(whole, content);
    }
}
